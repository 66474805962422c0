//! TLS without a dependency: the stream is made by another program, `openssl s_client`, and a WebSocket is spoken over its
//! input and output. In the same way any TLS library, tunnel or pipe can be used: two halves, and what ends them.

use std::env;
use std::process::{Command, ExitCode, Stdio};

use stdws::{Client, CloseCode, SplitStream, WebSocket};

const HELP: &str = "\
Sends one message to an echo server over TLS that the openssl command speaks, and prints the answer.

usage: own_tls HOST PORT TEXT [CA_FILE]

HOST has to be in the server's certificate, which has to come from an authority of the system, or of CA_FILE.
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words[..] {
        [host, port, text] => once(host, port, text, None),
        [host, port, text, ca] => once(host, port, text, Some(ca)),
        _ => {
            eprint!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("own_tls: {error}");
            ExitCode::FAILURE
        }
    }
}

fn once(host: &str, port: &str, text: &str, ca: Option<&str>) -> Result<(), Box<dyn std::error::Error>> {
    let mut ws = connect(host, port, ca)?;
    ws.send(text)?;
    if let Some(message) = ws.recv()? {
        println!("{message}");
    }
    ws.close(CloseCode::NORMAL, "")?;
    Ok(())
}

fn connect(host: &str, port: &str, ca: Option<&str>) -> Result<WebSocket, Box<dyn std::error::Error>> {
    let mut command = Command::new("openssl");
    // Without the last three of these it would talk to anybody.
    command.args(["s_client", "-quiet", "-connect", &format!("{host}:{port}"), "-servername", host]);
    command.args(["-verify_return_error", "-verify_hostname", host]);
    if let Some(file) = ca {
        command.args(["-CAfile", file]);
    }
    let mut openssl = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let reader = openssl.stdout.take().ok_or("no output of openssl")?;
    let writer = openssl.stdin.take().ok_or("no input of openssl")?;
    // Killing it unblocks both halves. Its end is waited for elsewhere, for this must not block.
    let halves = SplitStream::new(reader, writer).on_end(move || {
        let _ = openssl.kill();
        std::thread::spawn(move || openssl.wait());
    });
    // The URL is used for the request. This program provides TLS, so wss works in every build.
    Ok(Client::new(format!("wss://{host}:{port}/"))?.connect_over(halves)?)
}
