#![no_main]
//! No text that a user passes causes a panic: URLs, names, values, addresses, credentials.

use libfuzzer_sys::fuzz_target;
use stdws::{constant_time_eq, Client, Proxy, Response, Server, Version};

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let (one, two) = text.split_once('\n').unwrap_or((&text, ""));
    clients(one, two);
    proxies(one, two);
    servers(one, two);
    responses(one, two);
    let _ = Version::from_name(one);
    assert!(constant_time_eq(one, one));
    assert_eq!(constant_time_eq(one, two), one == two);
});

fn clients(one: &str, two: &str) {
    let _ = format!("{:?}", Client::new(one));
    let client = || Client::new("ws://example.com/").expect("a valid URL");
    let _ = (client().header(one, two), client().origin(one), client().subprotocol(one), client().cookie(one, two));
    let _ = (client().basic_auth(one, two), client().digest_auth(one, two));
}

fn proxies(one: &str, two: &str) {
    let _ = Proxy::new(one).map(|proxy| format!("{:?}", proxy.no_proxy(two)));
    let _ = (Proxy::http(one), Proxy::socks5(one));
    let proxy = || Proxy::http("h:1").expect("a valid address");
    let _ = (proxy().credentials(one, two), proxy().digest_credentials(one, two), proxy().header(one, two));
    let _ = Proxy::socks5("h:1").expect("a valid address").credentials(one, two);
    let _ = Proxy::from_vars(|name| Some(if name.len() % 2 == 0 { one } else { two }.to_string()));
}

fn servers(one: &str, two: &str) {
    let server = Server::without_listener;
    let _ = (server().trust_proxy_protocol([one, two]), server().trust_forwarded([one]), server().allow_host(one));
    let _ = (server().trust_x_forwarded_for([two]), server().basic_auth(one, |_| true));
    let _ = format!("{:?}", server().allow_origin(one).subprotocols([one, two]));
}

fn responses(one: &str, two: &str) {
    let response = Response::text(200, one).with_header(one, two);
    let _ = (response.error(), response.set_cookies().count(), response.header(one));
    let _ = (Response::redirect(302, one).error(), Response::unauthorized(one).error());
}
