//! The manual: documentation only, compiled and tested with the code.
//!
//! | chapter | for |
//! |---|---|
//! | [`receiving`] | waiting, limits in time, streams |
//! | [`sending`] | send, queue, other threads, large messages |
//! | [`broadcasting`] | one message to many, without waiting for the slow |
//! | [`closing`] | how connections end, and what the errors mean |
//! | [`reconnecting`] | the next connection after one was lost |
//! | [`proxies`] | the way to the server: proxies, exceptions, redirects |
//! | [`tls`] | `wss://`: what is verified, an authority of your own |
//! | [`deploying`] | a server one can leave running: one port, admission, shutting down |
//! | [`observing`] | logs and counters: what goes on, told to a closure |
//! | [`security`] | what is defended against, and what is your duty |
//! | [`history`] | every version of the protocol, what each changed and why |
//! | [`changes`] | what changed between versions |

pub mod broadcasting;
pub mod changes;
pub mod closing;
pub mod deploying;
pub mod history;
pub mod observing;
pub mod proxies;
pub mod receiving;
pub mod reconnecting;
pub mod security;
pub mod sending;
pub mod tls;
