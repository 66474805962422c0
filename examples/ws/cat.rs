//! `ws cat`: lines both ways.
//!
//! | thread | does |
//! |---|---|
//! | main | connects, receives, writes the output; its end is the end of the program |
//! | input | reads the input and sends it; at its end waits for answers that are still due, then closes |
//! | those of the library | emit control frames as events |
//!
//! The threads share a [`Session`]. Only the input thread holds a lock while it calls the library: `sending`, which the main
//! thread takes when the connection has ended, and a send can no longer wait.

mod input;
mod output;

use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use stdws::events::{Direction, EventKind, FrameKind};
use stdws::{Backoff, Client, CloseCode, CloseInfo, Error, Message, Sender, WebSocket};

use crate::args::{Args, Command, Failure, Flag, Group, Outcome};
use crate::client;
use crate::terminal::Waiting;
use input::Input;
use output::Output;

pub(crate) const COMMAND: Command = Command {
    name: "cat",
    operands: "URL",
    count: (1, 1),
    summary: "connects, sends lines, prints what comes",
    about:
        "Each line of the input is sent as a text message. Messages that come are printed, one a line. At the end of \
            the input it waits until no message has come for --linger seconds, and closes.\n\
            Exit codes: 0 closed cleanly, or the reader of the output has ended; 1 no connection, or it was lost; \
            2 called wrongly; 3 the server closed with a code other than 1000, 1001 and 1005.",
    groups: &[MESSAGES, OUTPUT, END, client::CONNECTION, client::SESSION],
    run,
};

const MESSAGES: Group = Group {
    title: "Messages",
    flags: &[
        Flag(
            "--binary",
            "",
            "send the input as it is read, in binary messages of up to 64 KiB; write what comes as it is",
        ),
        Flag(
            "--hex",
            "",
            "each line of the input is hexadecimal, sent as a binary message; print what comes in hexadecimal",
        ),
        Flag("--text-file", "FILE", "send this file as one message instead of the input (-: all of the input)"),
        Flag("--preamble", "TEXT", "send this first, and again after a reconnect; repeatable"),
        Flag("--once", "TEXT", "send this instead of the input, print one answer, close"),
    ],
};

const OUTPUT: Group = Group {
    title: "Output",
    flags: &[
        Flag("--json", "", "print one JSON object for each event"),
        Flag("--timestamps", "", "begin each line with the time in UTC; implies marks"),
        Flag("--verbose, -v", "", "show Pings, Pongs and Closes; implies marks"),
        Flag("--plain", "", "no colour and no marks; on a terminal, lines are marked < received and > sent"),
        Flag("--show-secrets", "", "show the query of the URL, which may hold a token"),
    ],
};

const END: Group = Group {
    title: "End",
    flags: &[
        Flag("--exit-after", "N", "close after N messages have come"),
        Flag("--linger", "S", "seconds without a message before it closes at the end of the input (1)"),
        Flag("--close", "CODE REASON", "close with this code and reason (1000 '')"),
        Flag("--reconnect", "", "connect again after a loss, with growing delays; lines wait for a connection"),
    ],
};

/// State shared by the threads.
struct Session {
    output: Output,
    settings: Settings,
    current: Current,
    activity: Activity,
    /// Held by the input thread while it sends or closes, so that its last events precede the end of the program.
    sending: Mutex<()>,
    /// Why the input thread ended the connection.
    failure: Mutex<Option<Failure>>,
}

struct Settings {
    preamble: Vec<Message>,
    once: Option<Message>,
    exit_after: Option<u64>,
    linger: Duration,
    close_code: CloseCode,
    close_reason: String,
    timeout: Duration,
}

fn run(args: &Args) -> Outcome {
    args.exclude("--once", &["--text-file", "--reconnect", "--exit-after", "--linger"])?;
    args.exclude("--hex", &["--binary"])?;
    args.exclude("--json", &["--binary", "--plain"])?;
    args.exclude("--binary", &["--timestamps"])?;
    let url = args.operand(0, "URL")?;
    let session = Arc::new(Session {
        output: Output::new(args, url),
        settings: Settings::new(args)?,
        current: Current::default(),
        activity: Activity::default(),
        sending: Mutex::default(),
        failure: Mutex::default(),
    });
    let client = observed(client::client(args, url)?, &session, args);
    if args.has("--once") {
        return once(&client, &session);
    }
    let input = Input::new(args)?;
    if args.has("--reconnect") {
        return run_reconnecting(&client, &session, input);
    }
    let ws = connect(&client, &session)?;
    let sending = session.clone();
    thread::spawn(move || input.send_all(&sending));
    let count = &mut 0;
    session.end_of(receive(ws, &session, count))
}

/// Shows control frames, if they are asked for.
fn observed(client: Client, session: &Arc<Session>, args: &Args) -> Client {
    if !args.has("--verbose") {
        return client;
    }
    let session = session.clone();
    client.on_event(move |event| match event.kind() {
        EventKind::Frame(direction, frame) => match frame.opcode() {
            FrameKind::Ping => session.output.control(*direction, "ping", &format!("{} bytes", frame.payload_len())),
            FrameKind::Pong => session.output.control(*direction, "pong", &format!("{} bytes", frame.payload_len())),
            FrameKind::Close | FrameKind::Text | FrameKind::Binary | FrameKind::Continuation => {}
        },
        EventKind::Close(direction, code) => {
            let code = code.map_or("no code".to_owned(), |code| code.to_string());
            session.output.control(*direction, "close", &code);
        }
        _ => {}
    })
}

fn connect(client: &Client, session: &Session) -> Result<WebSocket, Failure> {
    let _waiting = Waiting::start("cat", format!("connecting to {}", session.output.url()));
    client.connect().map_err(client::failure)
}

/// Sends one message, prints one, closes.
fn once(client: &Client, session: &Session) -> Outcome {
    let (output, settings) = (&session.output, &session.settings);
    let mut ws = connect(client, session)?;
    output.opened(&ws)?;
    for message in settings.preamble.iter().chain(&settings.once) {
        output.sent(message)?;
        ws.send(message)?;
    }
    let waiting = Waiting::start("cat", "waiting for an answer".to_owned());
    let message = ws.recv_timeout(settings.timeout)?;
    drop(waiting);
    let Some(message) = message else {
        let ending = ws.close_info().map(|info| info.to_string()).unwrap_or_default();
        return Err(Failure::new(format!("the server closed without an answer: {ending}")));
    };
    output.received(&message)?;
    let info = ws.close(settings.close_code, &settings.close_reason)?;
    output.closed(&info)?;
    Ok(ExitCode::SUCCESS)
}

/// Uses one connection after another, until the input ends or the server has finished.
fn run_reconnecting(client: &Client, session: &Arc<Session>, input: Input) -> Outcome {
    let notes = session.clone();
    let backoff = Backoff::default().policy(move |disconnect| {
        notes.output.lost(&disconnect.to_string());
        disconnect.retry()
    });
    let connections = client.reconnect(backoff);
    let (handle, sending) = (connections.handle(), session.clone());
    thread::spawn(move || {
        input.send_all(&sending);
        handle.stop();
    });
    let mut count = 0;
    for connection in connections {
        let ws = match connection {
            Ok(ws) => ws,
            Err(Error::Closed(Some(info))) => return session.end_of(Ok(info)),
            Err(error) => return Err(client::failure(error)),
        };
        match receive(ws, session, &mut count) {
            Err(Ended::Lost(_)) => {}
            Ok(info) if info.closed_by_peer() => {}
            end => return session.end_of(end),
        }
    }
    session.end_of(Err(Ended::Stopped))
}

/// How a connection ended, if not with a closing handshake.
enum Ended {
    Lost(Error),
    /// The input has ended while there was no connection.
    Stopped,
    Failed(Failure),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Ended {
        Ended::Failed(failure)
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Ended {
        Ended::Lost(error)
    }
}

/// Prints what comes on one connection. `count` is the number of messages so far.
fn receive(mut ws: WebSocket, session: &Session, count: &mut u64) -> Result<CloseInfo, Ended> {
    let (output, settings) = (&session.output, &session.settings);
    output.opened(&ws)?;
    for message in &settings.preamble {
        output.sent(message)?;
        ws.send(message)?;
    }
    session.current.set(ws.sender());
    // The input thread may have failed before it could see this connection.
    if lock(&session.failure).is_some() {
        return Err(Ended::Stopped);
    }
    loop {
        session.activity.set(Some(Instant::now()));
        let message = ws.recv();
        session.activity.set(None);
        let Some(message) = message? else { break };
        output.received(&message)?;
        *count += 1;
        if settings.exit_after.is_some_and(|most| *count >= most) {
            ws.close(settings.close_code, &settings.close_reason)?;
            break;
        }
    }
    let info = ws.close_info().ok_or(Error::Closed(None))?;
    drop(lock(&session.sending));
    output.closed(&info)?;
    Ok(info)
}

impl Session {
    /// The exit code for the end of the last connection.
    fn end_of(&self, end: Result<CloseInfo, Ended>) -> Outcome {
        if let Some(failure) = lock(&self.failure).take() {
            return Err(failure);
        }
        match end {
            Err(Ended::Failed(failure)) => Err(failure),
            Err(Ended::Lost(error)) => Err(client::failure(error)),
            Err(Ended::Stopped) => Ok(ExitCode::SUCCESS),
            Ok(info) if info.closed_by_peer() && !matches!(info.code().as_u16(), 1000 | 1001 | 1005) => {
                Ok(ExitCode::from(3))
            }
            Ok(_) => Ok(ExitCode::SUCCESS),
        }
    }

    /// At the end of the input: waits until no message has come for this long, or the connection has ended.
    fn linger(&self) {
        self.current.wait();
        let _waiting = Waiting::start("cat", "waiting for answers".to_owned());
        let limit = self.settings.linger;
        while self.current.open().is_some() {
            let quiet = self.activity.quiet();
            if quiet >= limit {
                return;
            }
            // Short, because the main thread starts its waiting anew with each message.
            thread::sleep((limit - quiet).min(Duration::from_millis(50)));
        }
    }

    /// Closes the connection from the input thread.
    fn close(&self, code: CloseCode, reason: &str) {
        if let Some(sender) = self.current.open() {
            let _sending = lock(&self.sending);
            // An error ends the receiving thread too, which reports it.
            let _ = sender.close(code, reason);
        }
    }

    fn fail(&self, failure: Failure) {
        lock(&self.failure).get_or_insert(failure);
        self.close(CloseCode::GOING_AWAY, "");
    }
}

impl Settings {
    fn new(args: &Args) -> Result<Settings, Failure> {
        let message = |text: &str| input::message(args, text.into());
        let close: Vec<_> = args.all("--close").unwrap_or_default().iter().map(|value| value.to_str()).collect();
        let (close_code, close_reason) = match close[..] {
            [Some(code), Some(reason)] => (close_code(code)?, reason.to_owned()),
            [] => (CloseCode::NORMAL, String::new()),
            _ => return Err(Failure::usage("the reason of --close is not UTF-8")),
        };
        let exit_after = args.number("--exit-after")?;
        if exit_after == Some(0) {
            return Err(Failure::usage("--exit-after takes a number from 1"));
        }
        Ok(Settings {
            preamble: args.values("--preamble")?.into_iter().map(message).collect::<Result<_, _>>()?,
            once: args.value("--once")?.map(message).transpose()?,
            exit_after,
            linger: args.seconds("--linger")?.unwrap_or(Duration::from_secs(1)),
            close_code,
            close_reason,
            timeout: client::connect_timeout(args)?,
        })
    }
}

fn close_code(text: &str) -> Result<CloseCode, Failure> {
    let code = text.parse().ok().map(CloseCode::new).filter(|code| code.is_sendable());
    let range = "1000 to 1003, 1007 to 1014 or 3000 to 4999";
    code.ok_or_else(|| Failure::usage(format!("--close takes a code that may be sent: {range}, not {text:?}")))
}

/// The present connection, if there is one.
#[derive(Default)]
struct Current {
    sender: Mutex<Option<Sender>>,
    changed: Condvar,
}

impl Current {
    fn set(&self, sender: Sender) {
        *lock(&self.sender) = Some(sender);
        self.changed.notify_all();
    }

    fn open(&self) -> Option<Sender> {
        lock(&self.sender).clone().filter(Sender::is_open)
    }

    /// Waits for an open connection. Without one the main thread ends the program.
    fn wait(&self) -> Sender {
        let mut sender = lock(&self.sender);
        loop {
            match sender.as_ref().filter(|sender| sender.is_open()) {
                Some(sender) => return sender.clone(),
                None => sender = self.changed.wait(sender).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// Since when the main thread has waited for a message. `None`: it writes the output, or there is no connection.
#[derive(Default)]
struct Activity(Mutex<Option<Instant>>);

impl Activity {
    fn set(&self, waiting_since: Option<Instant>) {
        *lock(&self.0) = waiting_since;
    }

    fn quiet(&self) -> Duration {
        lock(&self.0).map_or(Duration::ZERO, |since| since.elapsed())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The mark of a direction.
fn mark(direction: Direction) -> &'static str {
    match direction {
        Direction::Received => "<",
        Direction::Sent => ">",
    }
}
