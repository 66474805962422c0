//! `ws chat`: the chat of `examples/chat`, with the flags of all servers.

#[path = "../chat/nats.rs"]
mod nats;
#[path = "../chat/rooms.rs"]
mod rooms;
#[path = "../chat/service.rs"]
mod service;
#[path = "../chat/shared.rs"]
mod shared;

use crate::args::{Args, Command, Failure, Flag, Group, Outcome};
use crate::server;
use shared::Chat;

pub(crate) const COMMAND: Command = Command {
    name: "chat",
    operands: "",
    count: (0, 0),
    summary: "a chat with rooms, and a page for it",
    about:
        "Open the address that it prints in a browser. The WebSocket of the page is at /chat. A message may have 8192 \
            bytes without --max-message.",
    groups: &[CHAT, server::LISTENING, server::ADMISSION, server::LIMITS],
    run,
};

const CHAT: Group = Group {
    title: "Chat",
    flags: &[Flag("--nats", "HOST:PORT", "share the rooms with other processes through this NATS server")],
};

fn run(args: &Args) -> Outcome {
    let server = server::server(args)?.limits(server::limits(args, service::MAX_MESSAGE)?);
    let server = service::with_pages(server).on_event(server::log(args, "chat"));
    let chat = Chat::start(args.value("--nats")?.map(str::to_owned)).map_err(Failure::new)?;
    server::run(args, server::HTTP, server, move |ws| service::handle_connection(ws, &chat))
}
