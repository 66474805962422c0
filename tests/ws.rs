//! The tool of `examples/ws`: each command is run as a child process against this library, with watchdogs. The program is
//! built beside the tests by `cargo test`; for this test alone, `cargo build --example ws` comes first.

// The parts of the tool that need no process.
#[allow(dead_code)]
#[path = "../examples/ws/args.rs"]
mod args;
#[allow(dead_code)]
#[path = "../examples/ws/hex.rs"]
mod hex;
#[path = "../examples/ws/bench/histogram.rs"]
mod histogram;
#[path = "../examples/ws/json_line.rs"]
mod json_line;
#[allow(dead_code)]
#[path = "../examples/ws/serve/path.rs"]
mod path;
#[allow(dead_code)]
#[path = "../examples/ws/terminal.rs"]
mod terminal;

#[path = "ws/bench.rs"]
mod bench;
#[path = "ws/bridge.rs"]
mod bridge;
#[path = "ws/broken.rs"]
mod broken;
#[path = "ws/cat.rs"]
mod cat;
#[path = "ws/cat_faults.rs"]
mod cat_faults;
#[path = "ws/chat.rs"]
mod chat;
#[path = "ws/check.rs"]
mod check;
#[path = "ws/conform.rs"]
mod conform;
#[path = "ws/conform_stages.rs"]
mod conform_stages;
#[path = "ws/echo.rs"]
mod echo;
#[path = "ws/every.rs"]
mod every;
#[path = "ws/explain.rs"]
mod explain;
#[path = "ws/frame.rs"]
mod frame;
#[path = "ws/inspect.rs"]
mod inspect;
#[path = "ws/inspect_faults.rs"]
mod inspect_faults;
#[path = "ws/inspect_page.rs"]
mod inspect_page;
#[path = "ws/pcapng.rs"]
mod pcapng;
#[cfg(target_os = "linux")]
#[path = "ws/progress.rs"]
mod progress;
#[path = "ws/record.rs"]
mod record;
#[path = "ws/replay.rs"]
mod replay;
#[cfg(unix)]
#[path = "ws/run.rs"]
mod run;
#[path = "ws/serve.rs"]
mod serve;
#[allow(dead_code)]
#[path = "../examples/ws/session.rs"]
mod session;
#[path = "support/program.rs"]
mod starting;
#[cfg(all(unix, feature = "native-tls"))]
#[path = "support/tls.rs"]
mod tls;
#[path = "ws/tool.rs"]
mod tool;
