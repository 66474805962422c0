//! Both roles send to a peer that has disconnected: over TCP, a Unix socket and TLS, directly and by a hub. The messages are
//! below and above the size from which a payload is written separately from its header.

use std::ffi::{c_char, c_int, CStr};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use stdws::{Client, Hub, Result, Server, TlsAccept, TlsConnect, TlsIdentity, WebSocket};

const WATCHDOG: Duration = Duration::from_secs(120);

/// Runs the case `TRANSPORT ROLE SIZE`, with certificates in `folder`. 0: the process has not been ended by
/// the signal, and the sender has got the error.
#[no_mangle]
pub extern "C" fn send_to_departed(
    transport: *const c_char,
    role: *const c_char,
    size: *const c_char,
    folder: *const c_char,
) -> c_int {
    // Valid for the whole process: the arguments of `main`.
    let text = |pointer| unsafe { CStr::from_ptr(pointer) }.to_str().unwrap();
    let (transport, role, size) = (text(transport), text(role), text(size).parse().unwrap());
    let folder = PathBuf::from(text(folder));
    match run(transport, role, size, &folder) {
        Ok(()) => 0,
        Err(why) => {
            eprintln!("{why}");
            1
        }
    }
}

struct Parts {
    server: Server,
    connect: Box<dyn Fn() -> Result<WebSocket>>,
}

fn parts(transport: &str, folder: &std::path::Path) -> Result<Parts> {
    Ok(match transport {
        "unix" => {
            let path = folder.join("socket");
            let server = Server::bind_unix(&path)?;
            Parts { server, connect: Box::new(move || Client::new("ws://localhost")?.connect_unix(&path)) }
        }
        "tcp" => {
            let server = Server::bind("127.0.0.1:0")?;
            let url = format!("ws://{}", server.local_addr()?);
            Parts { server, connect: Box::new(move || stdws::connect(&url)) }
        }
        _ => {
            let identity = TlsIdentity::from_pkcs12(&std::fs::read(folder.join("right.p12")).unwrap(), "secret")?;
            let server = Server::bind("127.0.0.1:0")?.tls(TlsAccept::new(identity)?);
            let url = format!("wss://localhost:{}", server.local_addr()?.port());
            let root = std::fs::read(folder.join("authority.pem")).unwrap();
            let tls = TlsConnect::new().add_root(&root)?;
            Parts { server, connect: Box::new(move || Client::new(&url)?.tls(tls.clone())?.connect()) }
        }
    })
}

/// Sends until a send fails. Some bytes are written before the network reports the end of the peer.
fn send_until_error(mut ws: WebSocket, size: usize) -> bool {
    let message = vec![7_u8; size];
    (0..200).any(|_| {
        thread::sleep(Duration::from_millis(1));
        ws.send(&message).is_err()
    })
}

fn broadcast_until_end(hub: &Hub, ws: WebSocket, size: usize) -> bool {
    let sender = ws.sender();
    let _member = hub.add(sender.clone());
    let message = vec![7_u8; size];
    (0..2000).any(|_| {
        thread::sleep(Duration::from_millis(1));
        hub.broadcast(&message[..]);
        !sender.is_open()
    })
}

fn run(transport: &str, role: &str, size: usize, folder: &std::path::Path) -> std::result::Result<(), String> {
    let Parts { server, connect } = parts(transport, folder).map_err(|error| error.to_string())?;
    let (left, has_left) = mpsc::channel::<()>();
    let (done, is_done) = mpsc::channel();
    let has_left = std::sync::Mutex::new(has_left);
    let role = role.to_owned();
    let server = server
        .start({
            let role = role.clone();
            move |mut ws| {
                if role == "client" {
                    ws.abort();
                    return Ok(());
                }
                let _ = has_left.lock().unwrap().recv();
                let noticed = match role.as_str() {
                    "hub" => broadcast_until_end(&Hub::new().unwrap(), ws, size),
                    _ => send_until_error(ws, size),
                };
                let _ = done.send(noticed);
                Ok(())
            }
        })
        .map_err(|error| error.to_string())?;
    let mut ws = connect().map_err(|error| error.to_string())?;
    let noticed = match role.as_str() {
        "client" => send_until_error(ws, size),
        _ => {
            ws.abort();
            drop(ws);
            let _ = left.send(());
            is_done.recv_timeout(WATCHDOG).map_err(|error| error.to_string())?
        }
    };
    server.stop();
    match noticed {
        true => Ok(()),
        false => Err("the sender has not noticed that its peer left".into()),
    }
}

