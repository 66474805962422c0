//! Digest credentials (RFC 7616) of a client, to scripted servers and proxies: the requests byte for byte, how often they are
//! repeated, and what is never sent.

#[path = "support/live.rs"]
mod live;

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{channel, Receiver};
use std::thread;

use live::{read_head, sample_client, watchdog, RESPONSE};
use stdws::{Client, Error, Proxy, SplitStream, UsageError, WebSocket};

/// The random source of the sample client in hexadecimal.
const CNONCE: &str = "7468652073616d706c65206e6f6e6365";
/// Of ann, realm "the feed", password "correct horse". Computed with Python's hashlib: nonce, count, response.
const GET: [(&str, &str, &str); 3] = [
    ("n1", "00000001", "051d64f431b6310d1e43d30b53a84f3611abe73707665ccdda027ebb59c43c75"),
    ("n2", "00000001", "ac4f16b917df64fc097d9d2087720eb4d38b4201f6d59a549ac870f424cc5fe6"),
    ("n2", "00000002", "516ee6cc2484ac5ae172f68acf146c15b90f007b4db6e3ce08543073c65f6896"),
];
const CONNECT: [(&str, &str, &str); 2] = [
    ("n1", "00000001", "e0772f1623ed550dfecbd4b6a7fd293555b34026406df1888fcbed8baacbcd40"),
    ("n1", "00000002", "1c43285bc1416b48efcd8709e9522eecbb15cedbec11d4d8fd2273f4d637ed74"),
];

/// Answers one connection after another with these texts. Returns the heads that were read.
fn answering(answers: Vec<String>) -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (give, take) = channel();
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            give.send(String::from_utf8(read_head(&mut stream)).unwrap()).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (address, take)
}

fn challenge(nonce: &str) -> String {
    format!(
        "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"the feed\"\r\n\
         WWW-Authenticate: Digest realm=\"the feed\", qop=\"auth\", algorithm=SHA-256, nonce=\"{nonce}\"\r\nContent-Length: 0\r\n\r\n"
    )
}

fn stale(nonce: &str) -> String {
    challenge(nonce).replace("qop=", "stale=true, qop=")
}

fn opened() -> String {
    String::from_utf8(RESPONSE.to_vec()).unwrap()
}

fn for_proxy(text: &str) -> String {
    text.replace("401", "407").replace("WWW-", "Proxy-")
}

/// The value of the field, if there is one.
fn authorization(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": ")).filter(|(field, _)| *field == name);
    let value = lines.next().map(|(_, value)| value.to_owned());
    assert_eq!(lines.next(), None, "{head}");
    value
}

fn expected(uri: &str, (nonce, count, response): (&str, &str, &str)) -> Option<String> {
    Some(format!(
        "Digest username=\"ann\", realm=\"the feed\", uri=\"{uri}\", algorithm=SHA-256, nonce=\"{nonce}\", nc={count}, \
         cnonce=\"{CNONCE}\", qop=auth, response=\"{response}\""
    ))
}

fn digest(address: SocketAddr) -> Client {
    sample_client(&format!("ws://bob:x@{address}/feed?x=1")).digest_auth("ann", "correct horse").unwrap()
}

fn status(result: stdws::Result<WebSocket>) -> Option<u16> {
    match result {
        Err(Error::Handshake(rejection)) => rejection.status(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_challenge_is_answered_and_kept() {
    let _watchdog = watchdog();
    let (address, heads) = answering(vec![challenge("n1"), opened(), stale("n2"), opened(), opened()]);
    let client = digest(address);
    // Without an answer, with one, with one that is stale, with one to the newer nonce, and counted on by a clone.
    drop(client.connect().unwrap());
    drop(client.connect().unwrap());
    drop(client.clone().connect().unwrap());
    let sent: Vec<_> = heads.iter().map(|head| authorization(&head, "Authorization")).collect();
    assert_eq!(sent[0], None);
    assert_eq!(sent[1], expected("/feed?x=1", GET[0]));
    assert!(sent[2].as_ref().unwrap().contains("nonce=\"n1\", nc=00000002, "));
    assert_eq!((&sent[3], &sent[4]), (&expected("/feed?x=1", GET[1]), &expected("/feed?x=1", GET[2])));
}

#[test]
fn a_wrong_password_is_sent_once() {
    let _watchdog = watchdog();
    let (address, heads) = answering(vec![challenge("n1"), challenge("n2"), challenge("n1"), opened()]);
    let client = digest(address);
    assert_eq!(status(client.connect()), Some(401));
    assert_eq!(heads.try_iter().count(), 2);
    // The next call begins without an answer.
    drop(client.connect().unwrap());
    let sent: Vec<_> = heads.iter().map(|head| authorization(&head, "Authorization")).collect();
    assert_eq!(sent, [None, expected("/feed?x=1", GET[0])]);
}

#[test]
fn a_server_that_always_sends_stale_gets_three_requests() {
    let _watchdog = watchdog();
    let (address, heads) = answering(vec![stale("n1"), stale("n2"), stale("n3")]);
    assert_eq!(status(digest(address).connect()), Some(401));
    assert_eq!(heads.iter().count(), 3);
}

#[test]
fn basic_is_never_sent_in_its_place() {
    let _watchdog = watchdog();
    let basic = "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"the feed\"\r\n\r\n";
    let unsupported = challenge("n1").replace("SHA-256", "SHA-512-256");
    for answer in [basic.to_owned(), unsupported, challenge("n1").replace("\"auth\"", "\"auth-int\"")] {
        let (address, heads) = answering(vec![answer]);
        assert_eq!(status(digest(address).connect()), Some(401));
        // Nor the credentials of the URL.
        assert_eq!(heads.iter().map(|head| authorization(&head, "Authorization")).collect::<Vec<_>>(), [None]);
    }
    // What the caller sends replaces it, and a call replaces an earlier one.
    let (address, heads) = answering(vec![challenge("n1"), challenge("n1")]);
    assert_eq!(status(digest(address).header("Authorization", "Bearer x").unwrap().connect()), Some(401));
    assert_eq!(status(digest(address).basic_auth("ann", "x").unwrap().connect()), Some(401));
    let sent: Vec<_> = heads.iter().map(|head| authorization(&head, "Authorization").unwrap()).collect();
    assert_eq!(sent, ["Bearer x", "Basic YW5uOng="]);
}

#[test]
fn no_status_but_401_is_answered() {
    let _watchdog = watchdog();
    let (address, heads) = answering(vec![challenge("n1").replace("401", "403")]);
    assert_eq!(status(digest(address).connect()), Some(403));
    assert_eq!(heads.iter().map(|head| authorization(&head, "Authorization")).collect::<Vec<_>>(), [None]);
}

/// Shows promise P16.
#[test]
fn no_answer_goes_to_another_host() {
    let _watchdog = watchdog();
    let (other, seen) = answering(vec![challenge("n1")]);
    let (address, heads) = answering(vec![
        challenge("n1"),
        format!("HTTP/1.1 307 Away\r\nLocation: http://{other}/feed?x=1\r\nContent-Length: 0\r\n\r\n"),
    ]);
    match digest(address).max_redirects(1).connect() {
        Err(Error::Redirect(error)) => assert!(matches!(error.cause(), Error::Handshake(_)), "{error:?}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(heads.iter().count(), 2);
    assert_eq!(seen.iter().map(|head| authorization(&head, "Authorization")).collect::<Vec<_>>(), [None]);
}

#[test]
fn a_single_stream_keeps_the_challenge_for_the_next_call() {
    let _watchdog = watchdog();
    let (address, heads) = answering(vec![challenge("n1"), opened()]);
    let client = digest(address);
    let over = || {
        let tcp = std::net::TcpStream::connect(address).unwrap();
        client.connect_over(SplitStream::new(tcp.try_clone().unwrap(), tcp))
    };
    assert_eq!(status(over()), Some(401));
    drop(over().unwrap());
    let sent: Vec<_> = heads.iter().map(|head| authorization(&head, "Authorization")).collect();
    assert_eq!(sent, [None, expected("/feed?x=1", GET[0])]);
}

#[test]
fn a_proxy_gets_an_answer_and_the_server_none() {
    let _watchdog = watchdog();
    let tunnel = format!("HTTP/1.1 200 OK\r\n\r\n{}", opened());
    let (address, heads) =
        answering(vec![for_proxy(&challenge("n1")), tunnel.clone(), tunnel, for_proxy(&challenge("n1"))]);
    let proxy = Proxy::new(format!("http://bob:x@{address}")).unwrap();
    let proxy = proxy.digest_credentials("ann", "correct horse").unwrap();
    let client = sample_client("ws://far.invalid/").proxy(proxy);
    drop(client.connect().unwrap());
    drop(client.connect().unwrap());
    let Err(Error::Proxy(error)) = client.connect() else { panic!("a rejection") };
    assert_eq!(error.status(), Some(407));
    let sent: Vec<_> = heads.iter().map(|head| authorization(&head, "Proxy-Authorization")).collect();
    assert_eq!(sent[..3], [None, expected("far.invalid:80", CONNECT[0]), expected("far.invalid:80", CONNECT[1])]);
    assert_eq!(sent.len(), 4);
}

#[test]
fn a_proxy_gets_three_requests_at_most_and_none_after_another_rejection() {
    let _watchdog = watchdog();
    // Its challenge does not count.
    let forbidden = for_proxy(&challenge("n1")).replace("407", "403");
    for (answers, rejected) in
        [(["n1", "n2", "n3"].map(|nonce| for_proxy(&stale(nonce))).to_vec(), 407), (vec![forbidden], 403)]
    {
        let (requests, (address, heads)) = (answers.len(), answering(answers));
        let proxy =
            Proxy::new(format!("http://{address}")).unwrap().digest_credentials("ann", "correct horse").unwrap();
        let Err(Error::Proxy(error)) = sample_client("ws://far.invalid/").proxy(proxy).connect() else {
            panic!("a rejection")
        };
        assert_eq!((error.status(), heads.iter().count()), (Some(rejected), requests));
    }
}

#[test]
fn invalid_arguments_are_refused() {
    let client = || Client::new("ws://h").unwrap();
    for (user, password) in [("a:b", "c"), ("a\r\n", "c"), ("a", "\0")] {
        assert!(matches!(client().digest_auth(user, password), Err(Error::Usage(UsageError::Credentials))));
        let proxy = Proxy::http("p").unwrap().digest_credentials(user, password);
        assert!(matches!(proxy, Err(Error::Usage(UsageError::ProxyCredentials))));
    }
    let socks = Proxy::socks5("p").unwrap().digest_credentials("a", "b");
    assert!(matches!(socks, Err(Error::Usage(UsageError::ProxyCredentials))));
}

/// The versions before RFC 6455 send the answer too.
#[cfg(feature = "legacy")]
#[test]
fn drafts_answer_challenges() {
    let _watchdog = watchdog();
    let (address, heads) = answering(vec![challenge("n1"), challenge("n2")]);
    let client = digest(address).version(stdws::Version::Hybi08);
    assert_eq!(status(client.connect()), Some(401));
    let sent: Vec<_> = heads.iter().map(|head| authorization(&head, "Authorization")).collect();
    assert_eq!(sent, [None, expected("/feed?x=1", GET[0])]);
}
