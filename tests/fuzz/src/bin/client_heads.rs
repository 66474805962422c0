#![no_main]
//! How a client of any version judges a response does not depend on how its bytes are cut.

use libfuzzer_sys::fuzz_target;
use stdws::{Error, Response, SplitStream, Version};
use stdws_fuzz::endpoints::{client, Compression};
use stdws_fuzz::streams::Pieces;

fuzz_target!(|input: &[u8]| {
    let Some(([version, size, small], response)) = stdws_fuzz::settings(input) else { return };
    let compression = Compression::from_bit(version, 1);
    let version = stdws_fuzz::version(version);
    let whole = connect(version, compression, response, &[]);
    assert_eq!(whole, connect(version, compression, response, &[size, small % 9 + 1]));
});

fn connect(version: Version, compression: Compression, response: &[u8], sizes: &[u8]) -> String {
    let mut client = client(version, compression, 1 << 16);
    if version == Version::Rfc6455 {
        client = client.subprotocol("chat").expect("a valid name");
    }
    let response = Pieces::new(response.to_vec(), 0, sizes);
    match client.connect_over(SplitStream::new(response, std::io::sink())) {
        Ok(mut ws) => {
            look(ws.response().expect("a client has a response"));
            ws.abort();
            "open".into()
        }
        Err(error) => {
            if let Error::Handshake(rejection) = &error {
                let _ = (format!("{rejection:?}"), rejection.challenges().len());
            }
            error.to_string()
        }
    }
}

/// Calls every method.
fn look(response: &Response) {
    let cookies = response.set_cookies().map(|cookie| (cookie.name(), cookie.value(), cookie.attribute("path")));
    let _ = (response.status(), response.headers().count(), cookies.count(), response.body(), response.header("Date"));
    let _ = format!("{response:?}");
}
