//! The input of `ws cat`: what is read, the messages made of it, and sending them.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, Read};

use stdws::{Error, Message};

use super::Session;
use crate::args::{Args, Failure};
use crate::hex;

/// Maximum number of bytes in a message of `--binary`.
const BLOCK: usize = 64 << 10;

/// What a message is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Binary,
    Hex,
}

pub(super) struct Input {
    kind: Kind,
    /// The content of `--text-file`, which replaces the standard input.
    file: Option<Message>,
}

impl Kind {
    fn of(args: &Args) -> Kind {
        match (args.has("--binary"), args.has("--hex")) {
            (true, _) => Kind::Binary,
            (_, true) => Kind::Hex,
            (false, false) => Kind::Text,
        }
    }

    fn message(self, bytes: Vec<u8>) -> Result<Message, Failure> {
        let not_text = |_| Failure::new("a message that is not UTF-8 is not sent as text; --binary or --hex sends it");
        match self {
            Kind::Text => String::from_utf8(bytes).map(Message::Text).map_err(not_text),
            Kind::Binary => Ok(Message::Binary(bytes)),
            Kind::Hex => hex::parse(&String::from_utf8_lossy(&bytes)).map(Message::Binary).map_err(Failure::new),
        }
    }
}

/// A message of the kind that the flags name.
pub(super) fn message(args: &Args, bytes: Vec<u8>) -> Result<Message, Failure> {
    Kind::of(args).message(bytes)
}

impl Input {
    /// Reads the file, so that a missing one is found before anything is sent.
    pub(super) fn new(args: &Args) -> Result<Input, Failure> {
        let kind = Kind::of(args);
        let file = args.path("--text-file").map(read).transpose()?;
        Ok(Input { kind, file: file.map(|bytes| kind.message(bytes)).transpose()? })
    }

    /// Sends all of the input, waits for answers that are still due, and closes the connection.
    pub(super) fn send_all(self, session: &Session) {
        let result = match &self.file {
            Some(message) => send(session, message),
            None if self.kind == Kind::Binary => self.send_blocks(session),
            None => self.send_lines(session),
        };
        match result {
            Ok(()) => {
                session.linger();
                session.close(session.settings.close_code, &session.settings.close_reason);
            }
            Err(failure) => session.fail(failure),
        }
    }

    fn send_lines(&self, session: &Session) -> Result<(), Failure> {
        for line in io::stdin().lock().split(b'\n') {
            let mut line = line.map_err(|error| Failure::new(format!("the input: {error}")))?;
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            match self.kind.message(line) {
                Ok(message) => send(session, &message)?,
                // Someone who types can correct it.
                Err(failure) if session.output.is_interactive() => session.output.complain(&failure),
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    fn send_blocks(&self, session: &Session) -> Result<(), Failure> {
        let (mut input, mut block) = (io::stdin().lock(), vec![0; BLOCK]);
        loop {
            match input.read(&mut block) {
                Ok(0) => return Ok(()),
                Ok(count) => send(session, &Message::Binary(block.get(..count).unwrap_or_default().to_vec()))?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::new(format!("the input: {error}"))),
            }
        }
    }
}

/// Sends a message on the present connection, or on the next one. One that was sent may be lost as well. The output shows it
/// first, because its answer can come before the send returns.
fn send(session: &Session, message: &Message) -> Result<(), Failure> {
    let mut is_shown = false;
    loop {
        let sender = session.current.wait();
        let _sending = super::lock(&session.sending);
        if !is_shown {
            session.output.sent(message)?;
            is_shown = true;
        }
        match sender.send(message) {
            Ok(()) => return Ok(()),
            Err(error @ Error::Usage(_)) => return Err(Failure::new(error)),
            Err(_) => {}
        }
    }
}

fn read(file: &OsStr) -> Result<Vec<u8>, Failure> {
    let failure = |error| Failure::new(format!("{}: {error}", file.to_string_lossy()));
    if file != OsStr::new("-") {
        return fs::read(file).map_err(failure);
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes).map_err(failure)?;
    Ok(bytes)
}
