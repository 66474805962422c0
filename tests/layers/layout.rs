//! The layers of the source as a table, and what it still owes to it.
//!
//! To move a folder, move its row; to allow an import, add the name to the row. Names are those of folders and files directly
//! in `src`: `client` is `client.rs` and everything in `client/`.

/// What the files of `src` may name.
pub(crate) struct Layout {
    /// Named by every layer; each names only others of these.
    pub(crate) vocabulary: &'static [&'static str],
    /// From the lowest layer up, and the lower layers that each may name. `lib.rs` is above all and may name every one.
    pub(crate) layers: &'static [(&'static str, &'static [&'static str])],
    /// Layers without I/O, clock, threads and environment, and the modules and types of `std` that they must not name.
    pub(crate) quiet: &'static [(&'static str, &'static [&'static str])],
    /// Files in which single names of `std` are allowed all the same.
    pub(crate) loud_files: &'static [(&'static str, &'static str)],
    pub(crate) owed: Owed,
}

/// The breaches that are known. Each list is exact: what is mended has to be struck out.
pub(crate) struct Owed {
    /// Layer, and a layer that it names against the table.
    pub(crate) imports: &'static [(&'static str, &'static str)],
    /// The files of each circle of imports that crosses folders, or has more than [`CIRCLE`] files.
    pub(crate) circles: &'static [&'static [&'static str]],
    /// Files of more than [`FILE`] lines without tests, and their number of lines.
    pub(crate) long_files: &'static [(&'static str, usize)],
    /// File, function of more than [`FUNCTION`] lines, and its number of lines.
    pub(crate) long_functions: &'static [(&'static str, &'static str, usize)],
}

/// Maximum number of files in a circle of imports inside one folder.
pub(crate) const CIRCLE: usize = 3;
/// Maximum number of lines in a file, without its tests.
pub(crate) const FILE: usize = 400;
/// Maximum number of lines in a function, from its `fn` to its closing brace.
pub(crate) const FUNCTION: usize = 60;

/// Everything in `std` that acts, waits, or differs from run to run.
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

/// What of those is a plain value.
pub(crate) const VALUES: &[&str] =
    &["io::Error", "io::ErrorKind", "io::Result", "net::IpAddr", "net::Ipv4Addr", "net::Ipv6Addr"];

/// The layout that holds.
pub(crate) const LAYOUT: &Layout = &TODAY;

pub(crate) const TODAY: Layout = Layout {
    vocabulary: &["error", "close", "message", "config"],
    layers: &[
        ("lock", &[]),
        ("primitives", &[]),
        ("wire", &["primitives"]),
        ("protocol", &["primitives", "wire"]),
        ("legacy", &["primitives", "wire", "protocol"]),
        ("transport", &["lock"]),
        ("tls", &["transport"]),
        ("no_tls", &["transport"]),
        ("trace", &["lock", "primitives", "wire", "protocol", "legacy"]),
        ("upgrade", &["primitives", "wire", "protocol", "legacy", "transport", "tls", "no_tls", "trace"]),
        ("websocket", &["lock", "primitives", "wire", "protocol", "legacy", "transport", "trace", "upgrade"]),
        ("hub", &["lock", "wire", "protocol", "transport", "trace", "websocket"]),
        ("proxy", &["wire", "transport"]),
        (
            "client",
            &[
                "lock",
                "primitives",
                "wire",
                "protocol",
                "legacy",
                "transport",
                "tls",
                "no_tls",
                "trace",
                "upgrade",
                "websocket",
                "proxy",
            ],
        ),
        (
            "server",
            &[
                "lock",
                "primitives",
                "wire",
                "protocol",
                "legacy",
                "transport",
                "tls",
                "no_tls",
                "trace",
                "upgrade",
                "websocket",
            ],
        ),
        ("manual", &[]),
    ],
    quiet: &[("primitives", NO_IO), ("wire", NO_IO), ("protocol", NO_IO), ("legacy", NO_IO)],
    // Randomness comes from a file of the operating system, or from the keys of `std`.
    loud_files: &[
        ("primitives/entropy.rs", "fs"),
        ("primitives/entropy.rs", "io"),
        ("primitives/entropy.rs", "os"),
        ("primitives/entropy.rs", "collections::hash_map::RandomState"),
    ],
    owed: Owed {
        imports: &[("upgrade", "websocket")],
        circles: &[
            &["error.rs", "error/proxy.rs", "error/redirect.rs", "error/refusal.rs"],
            &[
                "primitives/deflate/compress.rs",
                "primitives/deflate/compress/block.rs",
                "primitives/deflate/compress/lengths.rs",
                "primitives/deflate/compress/matcher.rs",
                "primitives/deflate/compress/search.rs",
                "primitives/deflate/compress/tokens.rs",
                "primitives/deflate/huffman.rs",
                "primitives/deflate/inflate.rs",
                "primitives/deflate/inflate/blocks.rs",
                "primitives/deflate/inflate/output.rs",
                "primitives/deflate/inflate/symbols.rs",
                "primitives/deflate/mod.rs",
            ],
            &[
                "trace.rs",
                "trace/draft.rs",
                "trace/draft_frame.rs",
                "trace/frame.rs",
                "trace/head.rs",
                "trace/inflated.rs",
            ],
            &[
                "upgrade.rs",
                "upgrade/decision.rs",
                "upgrade/drafts.rs",
                "upgrade/handover.rs",
                "upgrade/request.rs",
                "upgrade/response.rs",
                "upgrade/terms.rs",
                "websocket.rs",
                "websocket/fate.rs",
                "websocket/gate.rs",
                "websocket/linger.rs",
                "websocket/link.rs",
                "websocket/messages.rs",
                "websocket/receive.rs",
                "websocket/recv_stream.rs",
                "websocket/send_stream.rs",
                "websocket/sender.rs",
                "websocket/share.rs",
                "websocket/telling.rs",
                "websocket/turn.rs",
            ],
        ],
        long_files: &[("websocket.rs", 433), ("websocket/codec.rs", 420)],
        long_functions: &[],
    },
};

/// The layout to come.
pub(crate) const TARGET: Layout = Layout {
    vocabulary: &["error", "close", "message", "config"],
    layers: &[
        ("primitives", &[]),
        ("codec", &[]),
        ("handshake", &["primitives"]),
        ("deflate", &["primitives", "codec", "handshake"]),
        ("legacy", &["primitives", "codec", "handshake", "deflate"]),
        ("net", &[]),
        ("tls", &["net"]),
        ("http", &["codec", "handshake"]),
        ("auth", &["primitives", "handshake", "http"]),
        ("events", &["codec", "handshake", "http"]),
        ("explain", &["primitives", "codec", "handshake", "deflate", "legacy", "events"]),
        ("connection", &["primitives", "codec", "handshake", "deflate", "legacy", "net", "events"]),
        ("hub", &["connection"]),
        ("trusted_proxy", &["handshake", "net", "http"]),
        ("proxy", &["primitives", "handshake", "net", "auth"]),
        ("redirect", &["handshake"]),
        (
            "client",
            &[
                "primitives",
                "codec",
                "handshake",
                "deflate",
                "legacy",
                "net",
                "tls",
                "http",
                "auth",
                "events",
                "connection",
                "proxy",
                "redirect",
            ],
        ),
        ("reconnect", &["primitives", "handshake", "net", "events", "connection", "client"]),
        (
            "server",
            &[
                "primitives",
                "codec",
                "handshake",
                "deflate",
                "legacy",
                "net",
                "tls",
                "http",
                "auth",
                "events",
                "connection",
                "trusted_proxy",
            ],
        ),
        ("manual", &[]),
    ],
    quiet: &[
        ("primitives", NO_IO),
        ("codec", NO_IO),
        ("handshake", NO_IO),
        ("deflate", NO_IO),
        ("legacy", NO_IO),
        ("explain", NO_IO),
    ],
    loud_files: &[
        ("primitives/random.rs", "fs"),
        ("primitives/random.rs", "io"),
        ("primitives/random.rs", "os"),
        ("primitives/random.rs", "collections::hash_map::RandomState"),
    ],
    owed: Owed { imports: &[], circles: &[], long_files: &[], long_functions: &[] },
};
