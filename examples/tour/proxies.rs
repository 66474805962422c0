//! Connections through a proxy on this machine, which refuses a client without credentials.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use stdws::explain::Explainer;
use stdws::{Client, Proxy, WebSocket};

use super::chapters::Context;
use super::output::{Failure, Output};
use super::relay::{connect, join, listen, local_server, read_head, start_echo, Relay, LIMIT};

/// A tunnel through an HTTP proxy.
pub(super) fn http(context: &Context) -> Result<(), Failure> {
    let out = context.out;
    out.print(HTTP)?;
    let (_server, server) = start_echo(local_server()?)?;
    let relay = Relay::start(http_proxy(server)?)?;
    let url = format!("ws://{server}/tour");
    let proxy = || Proxy::http(&relay.address.to_string());
    let explainers = || (Explainer::client().through_http_proxy(), Explainer::server().through_http_proxy());
    refused(out, &relay, &url, proxy()?, explainers())?;
    out.outcome("The client has credentials, and tries again.")?;
    accepted(out, &relay, &url, proxy()?.credentials("tour", "sesame")?, explainers())?;
    out.behind(
        "RFC 6455 section 4.1 and RFC 9110 section 9.3.6. 6455-4.1-10: the proxy is asked to open the connection; \
         6455-4.1-13 and 9110-9.3.6-3: another status than 2xx fails; 9110-9.3.6-4: the target is host and port; \
         9110-9.3.6-1: the bytes after a 2xx response are those of the server.",
    )
}

const HTTP: &str = "
The client asks an HTTP proxy by CONNECT for a connection to the server. This proxy requires
credentials, so it answers 407. With them it answers 200, and forwards all bytes after that: the
opening handshake and the frames, which it can read. The value of the credentials is not shown.
";

/// A tunnel through a SOCKS5 proxy.
pub(super) fn socks5(context: &Context) -> Result<(), Failure> {
    let out = context.out;
    out.print(SOCKS5)?;
    let (_server, server) = start_echo(local_server()?)?;
    let relay = Relay::start(socks5_proxy(server)?)?;
    let url = format!("ws://localhost:{}/tour", server.port());
    let proxy = || Proxy::socks5(&relay.address.to_string());
    let explainers = || (Explainer::client().through_socks5(), Explainer::server().through_socks5());
    refused(out, &relay, &url, proxy()?, explainers())?;
    out.outcome("The client has credentials, and tries again.")?;
    accepted(out, &relay, &url, proxy()?.credentials("tour", "sesame")?, explainers())?;
    out.behind(
        "RFC 1928 sections 3 to 6, and RFC 1929. 1928-3-1 and 1928-3-2: methods are offered, and one is selected; 1928-3-3: \
         ff ends the connection; 1929-2-1 and 1929-2-2: user name and password; 1928-4-1, 1928-5-1 and 1928-6-1: the \
         request and the reply.",
    )
}

const SOCKS5: &str = "
SOCKS5 exchanges short messages of bytes instead of text. The client offers methods of
authentication, and the proxy selects one, or none with ff. The name of the server is sent as a
name, so the proxy resolves it and the client need not.
";

/// Connects without credentials, which fails.
fn refused(
    out: Output,
    relay: &Relay,
    url: &str,
    proxy: Proxy,
    (client, server): (Explainer, Explainer),
) -> Result<(), Failure> {
    let connected = Client::new(url)?.proxy(proxy).connect_timeout(LIMIT).connect();
    let Err(error) = connected else { return Err("the proxy accepted a client without credentials".into()) };
    relay.explained(out, client, server)?.show_end()?;
    out.outcome(&format!("connect() of the client fails: {error}"))
}

/// Connects, and exchanges one text.
fn accepted(
    out: Output,
    relay: &Relay,
    url: &str,
    proxy: Proxy,
    (client, server): (Explainer, Explainer),
) -> Result<(), Failure> {
    let mut ws: WebSocket = Client::new(url)?.proxy(proxy).connect_timeout(LIMIT).connect()?;
    ws.send("Hello!")?;
    super::connection::expect(&mut ws, "Hello!".into())?;
    relay.explained(out, client, server)?.show()?;
    ws.close(1000, "")?;
    Ok(())
}

/// An HTTP proxy whose tunnels all end at this server.
pub(super) fn http_proxy(server: SocketAddr) -> io::Result<SocketAddr> {
    listen(move |mut client| {
        let head = read_head(&mut client)?;
        if !String::from_utf8_lossy(&head).contains("\r\nProxy-Authorization: ") {
            return client.write_all(
                b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"tour\"\r\n\
                  Content-Length: 0\r\nConnection: close\r\n\r\n",
            );
        }
        let server = connect(server)?;
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
        join(client, server, |_| (), |_| ())
    })
}

/// A SOCKS5 proxy that accepts every user name and password, and whose connections all end at this server.
fn socks5_proxy(server: SocketAddr) -> io::Result<SocketAddr> {
    listen(move |mut client| {
        let [_version, count] = read_array(&mut client)?;
        let mut methods = vec![0; usize::from(count)];
        client.read_exact(&mut methods)?;
        if !methods.contains(&2) {
            return client.write_all(&[5, 0xFF]);
        }
        client.write_all(&[5, 2])?;
        let [_version, length] = read_array(&mut client)?;
        client.read_exact(&mut vec![0; usize::from(length)])?;
        let [length] = read_array(&mut client)?;
        client.read_exact(&mut vec![0; usize::from(length)])?;
        client.write_all(&[1, 0])?;
        let [_version, _command, _reserved, kind] = read_array(&mut client)?;
        let length = match kind {
            1 => 4,
            4 => 16,
            _ => usize::from(read_array::<1>(&mut client)?[0]),
        };
        client.read_exact(&mut vec![0; length + 2])?;
        let server = connect(server)?;
        client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0])?;
        join(client, server, |_| (), |_| ())
    })
}

fn read_array<const LENGTH: usize>(stream: &mut TcpStream) -> io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}
