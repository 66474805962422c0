//! TLS without a dependency: another program, `openssl s_client`, makes the stream, and the WebSocket uses its input and
//! output. Any TLS library, tunnel or pipe works in the same way: two halves, and a function that ends them.

use std::env;
use std::process::{Command, ExitCode, Stdio};

use stdws::{Client, CloseCode, SplitStream, WebSocket};

const HELP: &str = "\
Sends one message to an echo server over the TLS of the openssl command, and prints the answer.

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
    // Without -verify_return_error and -verify_hostname it would accept any certificate.
    command.args(["s_client", "-quiet", "-connect", &format!("{host}:{port}"), "-servername", host]);
    command.args(["-verify_return_error", "-verify_hostname", host]);
    if let Some(file) = ca {
        command.args(["-CAfile", file]);
    }
    let mut openssl = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let reader = openssl.stdout.take().ok_or("no output of openssl")?;
    let writer = openssl.stdin.take().ok_or("no input of openssl")?;
    // Killing it unblocks both halves. Another thread waits for its end, because this closure must not block.
    let halves = SplitStream::new(reader, writer).on_end(move || {
        let _ = openssl.kill();
        std::thread::spawn(move || openssl.wait());
    });
    // The URL is used for the request. This program provides TLS, so wss works in every build.
    Ok(Client::new(format!("wss://{host}:{port}/"))?.connect_over(halves)?)
}
