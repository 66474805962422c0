//! The server: accepts connections, performs opening handshakes, runs handlers, shuts down.
//!
//! | file | subject |
//! |---|---|
//! | `builder`, `settings` | [`Server`](crate::Server) and [`serve`](crate::serve); the settings of a server |
//! | `listener` | TCP and Unix listeners, and how a blocked `accept` is woken |
//! | `accept_loop` | worker threads that accept and serve |
//! | `threads` | the worker threads, for joining |
//! | `registry` | connections, for a shutdown |
//! | `admission` | the limits on the number of connections |
//! | `system_limits` | how many connections and threads fit the operating system |
//! | `serve_connection` | one connection on its worker thread |
//! | `handshake`, `handshake_end` | the opening handshake: steps, and ends without a WebSocket |
//! | `handshake_config`, `handshake_io` | the opening handshake: settings, reading and writing |
//! | `decision`, `raw_stream` | what a hook decides; a stream that is handed over |
//! | `handle` | a running server |
//! | `shutdown`, `shutdown_report` | its graceful shutdown |

mod accept_loop;
mod admission;
pub(crate) mod builder;
pub(crate) mod decision;
pub(crate) mod handle;
mod handshake;
pub(crate) mod handshake_config;
pub(crate) mod handshake_end;
pub(crate) mod handshake_io;
mod listener;
pub(crate) mod raw_stream;
mod registry;
mod serve_connection;
mod settings;
pub(crate) mod shutdown;
pub(crate) mod shutdown_report;
mod system_limits;
mod threads;
