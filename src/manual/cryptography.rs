//! Cryptography: which algorithms the crate contains, what each is for, and the source of random bytes on each system.
