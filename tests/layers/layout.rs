//! The layers of the source as a table.
//!
//! To move a folder, move its row; to allow an import, add the name to the row. Names are those of folders and files directly
//! in `src`: `client` is `client.rs` and everything in `client/`.

/// What the files of `src` may name.
pub(crate) struct Layout {
    /// Named by every layer; each names only others of these.
    pub(crate) vocabulary: &'static [&'static str],
    /// From the lowest layer up, and the lower layers that each may name. `lib.rs` is above all and may name every one.
    pub(crate) layers: &'static [(&'static str, &'static [&'static str])],
    /// Files that extend a layer above their folder: the part of a feature that is called by the builders. Each counts for that
    /// layer.
    pub(crate) extends: &'static [(&'static str, &'static str)],
    /// Layers without I/O, clock, threads and environment, and the modules and types of `std` that they must not name.
    pub(crate) sans_io: &'static [(&'static str, &'static [&'static str])],
    /// Files of these layers, and names of `std` that they may use nevertheless.
    pub(crate) io_exceptions: &'static [(&'static str, &'static str)],
    /// The one file that starts threads: elsewhere `std` would end the process at a limit of the system.
    pub(crate) thread_file: &'static str,
    /// The one file that names [`LOCKS`]: its lock checks that no user code runs while it is held.
    pub(crate) lock_file: &'static str,
}

/// Names of `std::sync` for locks and what waits with them. `*` is all of them.
pub(crate) const LOCKS: [&str; 7] =
    ["Mutex", "MutexGuard", "RwLock", "RwLockReadGuard", "RwLockWriteGuard", "Condvar", "*"];
/// Maximum number of files in a cycle of imports inside one folder.
pub(crate) const CYCLE: usize = 3;
/// The lints against what can panic, or change a number silently.
pub(crate) const PANICS: [&str; 10] = [
    "clippy::unwrap_used",
    "clippy::expect_used",
    "clippy::panic",
    "clippy::unreachable",
    "clippy::indexing_slicing",
    "clippy::string_slice",
    "clippy::arithmetic_side_effects",
    "clippy::cast_possible_truncation",
    "clippy::cast_possible_wrap",
    "clippy::cast_sign_loss",
];
/// Maximum number of lines in a file, without its tests.
pub(crate) const FILE: usize = 400;
/// Maximum number of lines in a function, from its `fn` to its closing brace.
pub(crate) const FUNCTION: usize = 60;

/// Modules and types of `std` that do I/O, wait, or differ between runs.
const NO_IO: &[&str] = &[
    "env",
    "fs",
    "io",
    "net",
    "os",
    "process",
    "thread",
    "time",
    "hash::RandomState",
    "collections::hash_map::RandomState",
];

/// Items of those modules that are plain values.
pub(crate) const VALUES: &[&str] =
    &["io::Error", "io::ErrorKind", "io::Result", "net::IpAddr", "net::Ipv4Addr", "net::Ipv6Addr"];

/// The layout of `src`.
pub(crate) const LAYOUT: &Layout = &Layout {
    vocabulary: &["error", "close", "message", "config", "redact"],
    layers: &[
        ("primitives", &[]),
        ("handshake", &["primitives"]),
        ("deflate", &["handshake"]),
        ("codec", &["primitives", "deflate"]),
        ("auth", &["primitives", "handshake"]),
        ("http", &["handshake", "auth"]),
        ("legacy", &["primitives", "handshake", "deflate", "codec"]),
        ("explain", &["primitives", "handshake", "deflate", "codec", "legacy"]),
        ("net", &["primitives"]),
        ("tls", &["net"]),
        ("events", &["primitives"]),
        ("connection", &["primitives", "deflate", "codec", "legacy", "net", "events", "http"]),
        ("hub", &["primitives", "codec", "deflate", "net", "events", "connection"]),
        ("trusted_proxy", &["handshake", "net"]),
        ("proxy", &["handshake", "auth", "http", "net", "tls"]),
        ("redirect", &["handshake"]),
        (
            "client",
            &[
                "primitives",
                "handshake",
                "deflate",
                "codec",
                "auth",
                "http",
                "legacy",
                "net",
                "tls",
                "events",
                "connection",
                "proxy",
                "redirect",
            ],
        ),
        ("reconnect", &["primitives", "handshake", "http", "net", "connection", "client"]),
        (
            "server",
            &[
                "primitives",
                "handshake",
                "deflate",
                "codec",
                "auth",
                "http",
                "legacy",
                "net",
                "tls",
                "events",
                "connection",
                "trusted_proxy",
            ],
        ),
        ("manual", &[]),
    ],
    extends: &[
        ("auth/client.rs", "client"),
        ("auth/server.rs", "server"),
        ("legacy/accept.rs", "server"),
        ("legacy/connect.rs", "client"),
        ("legacy/request.rs", "server"),
        ("legacy/server.rs", "server"),
        ("legacy/websocket.rs", "connection"),
        ("legacy/explain.rs", "explain"),
        ("legacy/explain/context.rs", "explain"),
        ("legacy/explain/frame.rs", "explain"),
        ("proxy/client.rs", "client"),
        ("redirect/follow.rs", "client"),
        ("tls/error.rs", "net"),
        ("tls/handshake.rs", "net"),
        ("tls/memory_transport.rs", "net"),
        ("tls/records.rs", "net"),
        ("tls/stream.rs", "net"),
        ("tls/transport.rs", "net"),
        ("trusted_proxy/server.rs", "server"),
    ],
    sans_io: &[
        ("primitives", NO_IO),
        ("handshake", NO_IO),
        ("deflate", NO_IO),
        ("codec", NO_IO),
        ("legacy", NO_IO),
        ("explain", NO_IO),
    ],
    // Randomness comes from a file of the operating system, or from the keys of `std`. A lock identifies its thread.
    io_exceptions: &[
        ("primitives/random.rs", "fs"),
        ("primitives/random.rs", "io"),
        ("primitives/random.rs", "os"),
        ("primitives/random.rs", "collections::hash_map::RandomState"),
        ("primitives/lock.rs", "thread"),
        ("primitives/lock.rs", "time"),
    ],
    thread_file: "net/threads.rs",
    lock_file: "primitives/lock.rs",
};
