//! The server: accepts connections, performs opening handshakes, runs handlers, shuts down.
//!
//! | file | subject |
//! |---|---|
//! | `builder` | [`Server`](crate::Server) and [`serve`](crate::serve) |
//! | `settings`, `admission`, `hooks` | settings of the builder |
//! | `listener` | TCP and Unix listeners, and how a blocked `accept` is woken |
//! | `accept_loop` | worker threads that accept and serve |
//! | `registry` | connections and their limits |
//! | `threads` | the worker threads, for joining |
//! | `handshake_config`, `handshake`, `handshake_io` | the opening handshake: settings, steps, reading and writing |
//! | `decision`, `raw_stream` | what a hook decides; a stream that is taken over |
//! | `handle`, `shutdown` | a running server, and its graceful shutdown |

pub(crate) mod accept_loop;
pub(crate) mod admission;
pub(crate) mod builder;
pub(crate) mod decision;
pub(crate) mod handle;
pub(crate) mod handshake;
pub(crate) mod handshake_config;
pub(crate) mod handshake_io;
pub(crate) mod hooks;
pub(crate) mod listener;
pub(crate) mod raw_stream;
pub(crate) mod registry;
pub(crate) mod settings;
pub(crate) mod shutdown;
pub(crate) mod system_limits;
pub(crate) mod threads;
