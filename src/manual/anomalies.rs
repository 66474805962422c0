//! Known anomalies, with dates; what is not claimed; vulnerabilities of other libraries, and why this crate does not have them.
