//! Data sheet: what the crate is for and not for, what it needs, its bounds, and how to verify an installation.
