//! A WebSocket for the terminal. `client --help` lists the settings.
//!
//! | file | content |
//! |---|---|
//! | here | messages from lines, and lines from messages |
//! | `client/settings.rs` | the arguments, and the `Client` that they describe |
//! | `client/reconnecting.rs` | `--reconnect` |
//! | `client/trace.rs` | `--trace` |

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::thread;

use stdws::{Client, CloseCode, Message, Sender, WebSocket};

#[path = "client/reconnecting.rs"]
mod reconnecting;
#[path = "client/settings.rs"]
mod settings;
#[path = "client/trace.rs"]
mod trace;

use settings::{Settings, HELP};

fn main() -> ExitCode {
    let settings = match Settings::parse(env::args().skip(1)) {
        Ok(Some(settings)) => settings,
        Ok(None) => {
            // Not `print`, which panics when nobody reads.
            let _ = io::stdout().write_all(HELP.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("client: {problem}; see: client --help");
            return ExitCode::from(2);
        }
    };
    let client = match settings.client() {
        Ok(client) => client,
        Err(problem) => {
            eprintln!("client: {problem}");
            return ExitCode::from(2);
        }
    };
    let result = if settings.reconnect { reconnecting::run(&client, settings.binary) } else { run(&client, &settings) };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("client: {error}{}", response_body(&*error));
            ExitCode::FAILURE
        }
    }
}

fn run(client: &Client, settings: &Settings) -> Result<(), Box<dyn Error>> {
    let mut ws = if settings.trace { trace::connect(client, settings)? } else { client.connect()? };
    match &settings.once {
        Some(text) => once(&mut ws, text, settings),
        None => {
            let (sender, binary) = (ws.sender(), settings.binary);
            thread::spawn(move || send_lines(&sender, binary));
            while let Some(message) = ws.recv()? {
                writeln!(io::stdout(), "{}", shown(&message))?;
            }
            let ending = ws.close_info().map(|info| info.to_string());
            eprintln!("client: closed: {}", ending.unwrap_or_default());
            Ok(())
        }
    }
}

/// Sends one message, prints one, closes.
fn once(ws: &mut WebSocket, text: &str, settings: &Settings) -> Result<(), Box<dyn Error>> {
    if settings.binary {
        ws.send(text.as_bytes())?;
    } else {
        ws.send(text)?;
    }
    let Some(message) = ws.recv_timeout(settings.timeout)? else {
        let ending = ws.close_info().map(|info| info.to_string());
        return Err(format!("the server closed without an answer: {}", ending.unwrap_or_default()).into());
    };
    writeln!(io::stdout(), "{}", shown(&message))?;
    ws.close(CloseCode::NORMAL, "")?;
    Ok(())
}

/// Sends the lines of the input, and closes the connection at its end. An error here also ends the receiving thread, which
/// reports it.
fn send_lines(sender: &Sender, binary: bool) {
    for line in lines() {
        if send_line(sender, &line, binary).is_err() {
            return;
        }
    }
    // Messages before the server's Close are received and printed meanwhile.
    let _ = sender.close(CloseCode::NORMAL, "");
}

fn lines() -> impl Iterator<Item = Vec<u8>> {
    io::stdin().lock().split(b'\n').map_while(Result::ok).map(|mut line| {
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        line
    })
}

fn send_line(sender: &Sender, line: &[u8], binary: bool) -> stdws::Result<()> {
    match std::str::from_utf8(line) {
        _ if binary => sender.send(line),
        Ok(text) => sender.send(text),
        Err(_) => {
            eprintln!("client: a line that is not UTF-8 was not sent; --binary sends it");
            Ok(())
        }
    }
}

/// A message for the terminal, which must not interpret control characters of the server.
fn shown(message: &Message) -> String {
    match message {
        // Escapes control characters.
        Message::Text(_) => message.to_string(),
        Message::Binary(bytes) => {
            let mut text = format!("[{} bytes]", bytes.len());
            for byte in bytes.iter().take(32) {
                let _ = write!(text, " {byte:02x}");
            }
            if bytes.len() > 32 {
                text.push_str(" ...");
            }
            text
        }
    }
}

/// The response of the server or the proxy that rejected the connection, after the error.
fn response_body(error: &(dyn Error + 'static)) -> String {
    let body = match error.downcast_ref() {
        Some(stdws::Error::Handshake(rejection)) => rejection.body(),
        Some(stdws::Error::Proxy(rejection)) => rejection.body(),
        Some(stdws::Error::Redirect(after)) => return response_body(after.cause()),
        _ => return String::new(),
    };
    let body = String::from_utf8_lossy(body.get(..1000).unwrap_or(body));
    match body.trim() {
        "" => String::new(),
        body => format!("\n{}", Message::from(body)),
    }
}
