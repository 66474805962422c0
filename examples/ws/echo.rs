//! `ws echo`: returns every message, with every setting of a server; a peer to try clients against.

use crate::args::{Args, Command, Flag, Group, Outcome};
use crate::{metrics, server};

pub(crate) const COMMAND: Command = Command {
    name: "echo",
    operands: "",
    count: (0, 0),
    summary: "a server that returns every message",
    about: "The first line of the output is the address on which it listens.",
    groups: &[ECHO, server::LISTENING, server::ADMISSION, server::LIMITS],
    run,
};

const ECHO: Group = Group {
    title: "Echo",
    flags: &[
        Flag("--metrics", "", "count what happens, and show it at /metrics for Prometheus"),
        Flag("--echo-subprotocol", "", "agree on the first subprotocol that a client offers"),
    ],
};

fn run(args: &Args) -> Outcome {
    args.exclude("--echo-subprotocol", &["--subprotocol"])?;
    let mut server = server::server(args)?;
    let log = server::log(args, "echo");
    server = match args.has("--metrics") {
        true => metrics::with_metrics(server, log),
        false => server.on_event(log),
    };
    if args.has("--echo-subprotocol") {
        server = server.on_request(|request| match request.subprotocols().next() {
            Some(name) => stdws::Accept::new().subprotocol(name).into(),
            None => stdws::Decision::accept(),
        });
    }
    server::run(args, server::WS, server, server::echo)
}
