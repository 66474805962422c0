#![no_main]
//! How a server of all versions judges a request, with the hooks of an application, does not depend on how its bytes are cut.

use libfuzzer_sys::fuzz_target;
use stdws::{Credentials, Decision, Request, Response, Server, SplitStream, Version};
use stdws_fuzz::endpoints::{server, Compression};
use stdws_fuzz::streams::Pieces;

fuzz_target!(|input: &[u8]| {
    let Some(([bits, size, small], request)) = stdws_fuzz::settings(input) else { return };
    let whole = accept(bits, request, &[]);
    assert_eq!(whole, accept(bits, request, &[size, small % 9 + 1]));
});

fn accept(bits: u8, request: &[u8], sizes: &[u8]) -> String {
    let request = Pieces::new(request.to_vec(), 0, sizes);
    match configured(bits).accept_over(SplitStream::new(request, std::io::sink())) {
        Ok(Some(mut ws)) => {
            look(ws.request().expect("a server has a request"));
            ws.abort();
            "open".into()
        }
        Ok(None) => "answered by a hook".into(),
        Err(error) => {
            let _ = format!("{error:?}");
            error.to_string()
        }
    }
}

fn configured(bits: u8) -> Server {
    let mut server = server(Version::ALL, Compression::from_bit(bits, 1), 1 << 16).subprotocols(["chat", "superchat"]);
    if bits & 2 != 0 {
        server = server.on_request(|request| {
            look(request);
            if request.path().len() > 3 {
                Decision::reject(403)
            } else {
                Decision::accept()
            }
        });
    }
    if bits & 4 != 0 {
        server = server.http(|request| {
            look(request);
            Response::text(200, "hello")
        });
    }
    if bits & 8 != 0 {
        let check = |credentials: &Credentials| credentials.matches("a", "b");
        server = server.basic_auth("realm", check).expect("a valid realm");
    }
    // A stream without an address is trusted as one of a Unix socket.
    let trusted = match bits >> 4 & 3 {
        0 => Ok(server),
        1 => server.trust_forwarded(["unix"]),
        2 => server.trust_x_forwarded_for(["unix"]),
        _ => server.trust_proxy_protocol(["unix"]),
    };
    trusted.expect("valid proxies")
}

/// Calls every method.
fn look(request: &Request) {
    let _ = (request.method(), request.path(), request.query(), request.target(), request.host(), request.origin());
    let _ = (request.header("cookie"), request.cookie("a"), request.cookies().count(), request.headers().count());
    let _ = (request.basic_auth().map(|credentials| credentials.matches("a", "b")), request.bearer_token());
    let _ = (request.subprotocols().count(), request.peer_addr(), request.client_ip(), request.version());
    let _ = (request.is_websocket(), format!("{request:?}"));
}
