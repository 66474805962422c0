//! `ws run`: a program for each connection, or one for all.
//!
//! | thread of a program | does |
//! |---|---|
//! | that of the connection | receives messages into the queue of the input ([`child::Feed`]); ends the program at its end |
//! | input | writes the queue to the standard input of the program |
//! | output | sends what the program writes; at its end, ends the program and closes the connection with its status |
//! | log | copies the standard error output of the program to the log |

mod cgi;
mod child;
mod shared;

use std::ffi::OsString;
use std::io::{self, BufReader, Read};
use std::process::{Command as Spawn, ExitStatus};
use std::sync::{mpsc, Arc};
use std::thread;
use std::time::Duration;

use stdws::{CloseCode, Limits, Message, Sender, WebSocket};

use crate::args::{Args, Command, Failure, Flag, Group, Outcome};
use crate::{server, terminal};
use child::{Process, Push};

pub(crate) const COMMAND: Command = Command {
    name: "run",
    operands: "-- PROGRAM [ARG]...",
    // Those before `--` are refused with a hint.
    count: (0, usize::MAX),
    summary: "a program for each connection, or one for all",
    about:
        "Each message is a line of the program's input, and each line of its output is a message. What it writes to \
            its standard error output is logged. When the connection ends, its input ends; after --grace it is killed. \
            When its output ends, the connection is closed: with 1000 after the exit code 0, else with 1011.\n\
            The variables of CGI (RFC 3875) describe the request.",
    groups: &[RUN, server::LISTENING, server::ADMISSION, server::LIMITS],
    run,
};

const RUN: Group = Group {
    title: "Run",
    flags: &[
        Flag(
            "--binary",
            "",
            "the input is the bytes of the messages; the output is sent as it comes, in binary messages",
        ),
        Flag("--shared", "", "one program for all connections: all send to it, and each gets all of its output"),
        Flag("--max", "N", "programs at a time, or connections with --shared; more are answered 503"),
        Flag("--grace", "S", "seconds after the end of its input before a program is killed (5)"),
        Flag("--stall", "S", "seconds for a program to take its input before the connection is closed with 1013 (60)"),
    ],
};

/// Number of bytes in a message of `--binary`, and maximum length of a line in the log.
const BLOCK: usize = 64 << 10;

/// The program, and how it is run.
struct Program {
    name: OsString,
    arguments: Vec<OsString>,
    binary: bool,
    /// Whether the requests came over TLS.
    tls: bool,
    grace: Duration,
    stall: Duration,
    /// Maximum length of a line of its output.
    max_line: u64,
}

fn run(args: &Args) -> Outcome {
    args.exclude("--max", &["--max-connections"])?;
    if let Some(operand) = args.operands.first() {
        let operand = operand.to_string_lossy();
        return Err(Failure::usage(format!("{operand:?} stands before --: ws run [FLAG]... -- PROGRAM [ARG]...")));
    }
    let (name, arguments) = args.rest.split_first().ok_or_else(|| Failure::usage("-- PROGRAM is missing"))?;
    if !child::is_found(name) {
        return Err(Failure::new(format!("{}: there is no such program", name.to_string_lossy())));
    }
    let program = Program {
        name: name.clone(),
        arguments: arguments.to_vec(),
        binary: args.has("--binary"),
        tls: args.has("--tls"),
        grace: args.seconds("--grace")?.unwrap_or(Duration::from_secs(5)),
        stall: args.seconds("--stall")?.unwrap_or(Duration::from_secs(60)),
        max_line: args.number("--max-message")?.unwrap_or(Limits::client().max_message_size),
    };
    let mut server = server::server(args)?.on_event(server::log(args, "run"));
    if let Some(count) = args.number("--max")? {
        server = server.max_connections(count);
    }
    match args.has("--shared") {
        true => shared::run(args, server, program),
        false => {
            let program = Arc::new(program);
            // Handlers return when their programs have ended.
            let limit = server::SHUTDOWN + program.grace + child::LOG;
            server::run_until(args, server::WS, limit, server, move |ws| serve(ws, &program))
        }
    }
}

/// One connection, and its program.
fn serve(mut ws: WebSocket, program: &Arc<Program>) -> stdws::Result<()> {
    let variables = cgi::variables(&ws, program.tls);
    let (sender, running) = (ws.sender(), program.clone());
    let forward = move |process: &Process, output: &mut dyn Read| {
        let result = running.each_message(output, |message| sender.send(message).is_ok());
        end(process, result, &sender);
    };
    let process = match program.start(variables, forward) {
        Ok(process) => process,
        Err(error) => {
            terminal::note("run", &format!("{}: {error}", program.name.to_string_lossy()));
            return ws.close(CloseCode::INTERNAL, "the program could not be started").map(drop);
        }
    };
    let result = receive(&mut ws, &process, program);
    process.end();
    result
}

/// Closes the connection with the status of the program.
fn end(process: &Process, result: io::Result<()>, sender: &Sender) {
    let status = process.end();
    let (code, reason) = match (result, status) {
        (Err(error), _) => (CloseCode::INTERNAL, error.to_string()),
        (Ok(()), Some(status)) if status.success() => (CloseCode::NORMAL, String::new()),
        (Ok(()), status) => (CloseCode::INTERNAL, ended(status)),
    };
    // An error ends the thread of the connection too.
    let _ = sender.close(code, &reason);
}

fn ended(status: Option<ExitStatus>) -> String {
    status.map_or("the program ended".to_owned(), |status| format!("the program ended: {status}"))
}

/// Passes messages to the program, until the connection ends or the program does not take them.
fn receive(ws: &mut WebSocket, process: &Process, program: &Program) -> stdws::Result<()> {
    while let Some(message) = ws.recv()? {
        match process.feed.push(program.input(message), program.stall) {
            // A program that has closed its input may still write.
            Push::Taken | Push::Closed => {}
            Push::Stalled => return ws.close(CloseCode::TRY_LATER, "the program does not read its input").map(drop),
        }
    }
    Ok(())
}

impl Program {
    /// Starts the program. `forward` is called on a thread of its own with the output.
    fn start(
        &self,
        variables: Vec<(String, OsString)>,
        forward: impl FnOnce(&Process, &mut dyn Read) + Send + 'static,
    ) -> io::Result<Arc<Process>> {
        let mut spawn = Spawn::new(&self.name);
        spawn.args(&self.arguments);
        cgi::clean(&mut spawn);
        spawn.envs(variables);
        let (process, mut output, mut errors) = Process::start(spawn, self.grace)?;
        let process = Arc::new(process);
        let (running, id) = (process.clone(), process.id());
        // If a thread cannot be started, the drop of the process ends it.
        thread::Builder::new().spawn(move || forward(&running, &mut output))?;
        let (logging, logged) = mpsc::channel::<()>();
        thread::Builder::new().spawn(move || {
            log(&mut errors, id);
            drop(logging);
        })?;
        process.set_logged(logged);
        Ok(process)
    }

    /// The bytes of a message for the program.
    fn input(&self, message: Message) -> Vec<u8> {
        let mut bytes = message.into_bytes();
        // Some clients send lines with their line feeds. The answer to a second one would be an empty message.
        if !self.binary && bytes.last() != Some(&b'\n') {
            bytes.push(b'\n');
        }
        bytes
    }

    /// Passes the output as messages to `send`, until its end or until `send` returns false.
    fn each_message(&self, output: &mut dyn Read, mut send: impl FnMut(Message) -> bool) -> io::Result<()> {
        if self.binary {
            let mut block = vec![0; BLOCK];
            loop {
                match output.read(&mut block)? {
                    0 => return Ok(()),
                    count if !send(block.get(..count).unwrap_or_default().into()) => return Ok(()),
                    _ => {}
                }
            }
        }
        let mut output = BufReader::new(output);
        while let Some(mut line) = child::line(&mut output, self.max_line.saturating_add(1))? {
            if line.len() as u64 > self.max_line {
                return Err(io::Error::other(format!("a line of the program is longer than {} bytes", self.max_line)));
            }
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            // Nothing of a line that is not text is lost.
            if !send(String::from_utf8(line).map_or_else(|error| Message::Binary(error.into_bytes()), Message::Text)) {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// Copies the standard error output of a program to the log.
fn log(errors: &mut dyn Read, id: u32) {
    let mut errors = BufReader::new(errors);
    while let Ok(Some(line)) = child::line(&mut errors, BLOCK as u64) {
        terminal::note("run", &format!("program {id}: {}", terminal::escaped(&String::from_utf8_lossy(&line))));
    }
}
