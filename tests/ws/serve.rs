//! `ws serve`: files, paths that must not lead out of the folder, and the WebSocket beside them.

use std::io::{Read, Write};
use std::net::TcpStream;

use stdws::Client;

use crate::echo::Listening;
use crate::path::{is_special_on_windows, Root, Target};
use crate::tool::{run, Folder, WATCHDOG};

/// A folder `site` to serve, with a secret beside it.
fn site() -> Folder {
    let folder = Folder::new();
    folder.file("secret", "1234");
    folder.file("site/index.html", "<p>home");
    folder.file("site/sub/index.html", "<p>sub");
    folder.file("site/sub/a b.txt", "spaces");
    folder.file("site/.env", "1234");
    folder.file("site/.well-known/x", "known");
    folder
}

fn serve(folder: &Folder, more: &[&str]) -> Listening {
    let site = folder.0.join("site").into_os_string().into_string().unwrap();
    Listening::start(&[&["serve", &*site], more].concat())
}

/// The head and the body of a response.
fn request(server: &Listening, method: &str, target: &str) -> (String, Vec<u8>) {
    let mut tcp = open(server, method, target);
    let mut response = Vec::new();
    tcp.read_to_end(&mut response).unwrap();
    let end = response.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head") + 4;
    let body = response.split_off(end);
    (String::from_utf8(response).unwrap(), body)
}

fn open(server: &Listening, method: &str, target: &str) -> TcpStream {
    let mut tcp = TcpStream::connect(server.authority()).unwrap();
    tcp.set_read_timeout(Some(WATCHDOG)).unwrap();
    write!(tcp, "{method} {target} HTTP/1.1\r\nHost: {}\r\n\r\n", server.authority()).unwrap();
    tcp
}

fn status(server: &Listening, method: &str, target: &str) -> u16 {
    let (head, body) = request(server, method, target);
    assert!(!body.windows(4).any(|bytes| bytes == b"1234"), "{target} is served");
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn files_are_served_with_their_types() {
    let folder = site();
    let large: Vec<u8> = (0..5_000_000_u32).map(|n| (n / 3) as u8).collect();
    folder.file("site/large.wasm", &large);
    let server = serve(&folder, &[]);
    assert!(server.url.starts_with("http://127.0.0.1:"));
    for (target, content_type, expected) in [
        ("/", "text/html; charset=utf-8", &b"<p>home"[..]),
        ("/index.html?v=1", "text/html; charset=utf-8", b"<p>home"),
        ("/sub/", "text/html; charset=utf-8", b"<p>sub"),
        ("/sub/a%20b.txt", "text/plain; charset=utf-8", b"spaces"),
        ("//sub/./a%20b.txt", "text/plain; charset=utf-8", b"spaces"),
        ("/.well-known/x", "application/octet-stream", b"known"),
        ("/large.wasm", "application/wasm", &large),
    ] {
        let (head, body) = request(&server, "GET", target);
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("nosniff"), "{target}: {head}");
        assert!(head.contains(&format!("Content-Type: {content_type}\r\n")), "{target}: {head}");
        assert!(head.contains(&format!("Content-Length: {}\r\n", expected.len())), "{target}: {head}");
        assert!(body == expected, "{target}: {} bytes", body.len());
        let (same, nothing) = request(&server, "HEAD", target);
        assert_eq!((same, nothing.len()), (head, 0));
    }
}

#[test]
fn a_folder_gets_its_slash_on_this_host() {
    let folder = site();
    let server = serve(&folder, &[]);
    for target in ["/sub", "//sub", "///sub"] {
        let (head, _) = request(&server, "GET", target);
        assert!(head.starts_with("HTTP/1.1 308 ") && head.contains("Location: /sub/\r\n"), "{target}: {head}");
    }
    assert!(request(&server, "GET", "/sub?a=1").0.contains("Location: /sub/?a=1\r\n"));
}

#[test]
fn no_path_leads_out_of_the_folder() {
    let folder = site();
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        let within = |name: &str| folder.0.join("site").join(name);
        symlink(folder.0.join("secret"), within("link")).unwrap();
        symlink("../secret", within("relative-link")).unwrap();
        symlink(&folder.0, within("folder-link")).unwrap();
        symlink("sub", within("inner-link")).unwrap();
        let pipe = std::process::Command::new("mkfifo").arg(within("pipe")).status();
        assert!(pipe.unwrap().success());
    }
    let server = serve(&folder, &[]);
    for target in [
        "/../secret",
        "/sub/../../secret",
        "/..",
        "/../",
        "/%2e%2e/secret",
        "/%2E%2E/secret",
        "/.%2e/secret",
        "/..%2fsecret",
        "/%2e%2e%2fsecret",
        "/sub%2f..%2f..%2fsecret",
        "/%252e%252e/secret",
        "/..%252fsecret",
        "/..%5csecret",
        "/%5c..%5csecret",
        "/sub/..%5c..%5csecret",
        "/..%c0%afsecret",
        "/%c0%ae%c0%ae/secret",
        "/index.html%00",
        "/%00",
        "/secret%00.html",
        "/%ff",
        "/%",
        "/%2",
        "/%zz",
        "/index.html/",
        "/sub/index.html/..",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/.env",
        "/sub/../.env",
        "/%2eenv",
        "/missing",
        "/index.html%0a",
        "/link",
        "/relative-link",
        "/folder-link/secret",
        "/folder-link/",
        "/pipe",
    ] {
        let status = status(&server, "GET", target);
        assert!(matches!(status, 400 | 404), "{target}: {status}");
    }
    #[cfg(unix)]
    assert_eq!(status(&server, "GET", "/inner-link/"), 200);
    // A backslash as it is may be refused by the parser of the head.
    assert!(matches!(status(&server, "GET", "/..\\secret"), 400 | 404));
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(status(&server, method, "/"), 405);
    }
    let (_, shown) = request(&serve(&folder, &["--dotfiles"]), "GET", "/.env");
    assert_eq!(shown, b"1234");
}

#[test]
fn special_names_of_windows_are_known() {
    for name in ["C:", "a.txt:stream", "NUL", "con", "Aux.txt", "com1", "LPT9.log", "a.", "a ", "a*", "PROGRA~1"] {
        assert!(is_special_on_windows(name), "{name}");
    }
    for name in ["a.txt", "console", "com", "com10", "nullable.js", "lpt", "a-b_c"] {
        assert!(!is_special_on_windows(name), "{name}");
    }
}

#[test]
fn the_folder_is_compared_by_whole_names() {
    // "site-private" begins like "site".
    let folder = site();
    folder.file("site-private/secret", "1234");
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.0.join("site-private"), folder.0.join("site/private")).unwrap();
    let served = std::fs::canonicalize(folder.0.join("site")).unwrap();
    let root = Root { folder: served, index: "index.html".into(), dotfiles: true };
    assert_eq!(root.find("/private/secret"), None);
    assert!(matches!(root.find("/sub/a%20b.txt"), Some(Target::File(_))));
    assert_eq!(root.find("/sub"), Some(Target::Folder("/sub/".into())));
    assert_eq!(root.find("/../site/index.html"), None);
}

#[test]
fn the_websocket_is_on_the_same_port() {
    let folder = site();
    let server = serve(&folder, &[]);
    let url = |path: &str| format!("ws://{}{path}", server.authority());
    let mut ws = stdws::connect(url("/ws")).unwrap();
    ws.send("hello").unwrap();
    assert_eq!(ws.recv().unwrap().unwrap(), "hello");
    assert!(stdws::connect(url("/")).unwrap_err().to_string().contains("404"));
    assert_eq!(status(&server, "GET", "/ws"), 404);

    let server = serve(&folder, &["--broadcast", "--ws-path=/talk"]);
    let connect = || Client::new(format!("ws://{}/talk", server.authority())).unwrap().connect().unwrap();
    let (mut ann, mut bob) = (connect(), connect());
    // Bob has joined when his message arrives, and so has Ann when hers does.
    let meet = |from: &mut stdws::WebSocket, to: &mut stdws::WebSocket, text: &str| loop {
        from.send(text).unwrap();
        match to.recv_timeout(std::time::Duration::from_millis(50)) {
            Ok(message) => break assert_eq!(message.unwrap(), text),
            Err(error) => assert!(error.is_timeout(), "{error}"),
        }
    };
    meet(&mut bob, &mut ann, "from bob");
    meet(&mut ann, &mut bob, "from ann");
}

#[test]
fn files_need_the_same_credentials_and_hosts() {
    let folder = site();
    let password = folder.file("password", "open sesame");
    let server = serve(&folder, &["--user=ali", "--password-file", &password]);
    assert_eq!(status(&server, "GET", "/"), 401);
    let server = serve(&folder, &["--allow-host=example.com"]);
    assert_eq!(status(&server, "GET", "/"), 421);
}

#[test]
fn a_client_that_does_not_read_delays_no_other() {
    let folder = site();
    folder.file("site/large", vec![0; 30_000_000]);
    let server = serve(&folder, &[]);
    let _stuck: Vec<TcpStream> = (0..5).map(|_| open(&server, "GET", "/large")).collect();
    assert_eq!(status(&server, "GET", "/"), 200);
}

#[test]
fn wrong_folders_are_one_line() {
    let folder = site();
    let file = folder.0.join("secret").into_os_string().into_string().unwrap();
    let missing = format!("{file}-missing");
    for (args, code) in [(&[&*missing][..], 1), (&[&*file], 1), (&[&*file, "--ws-path=ws"], 1), (&[], 2)] {
        let run = run(["serve"].iter().chain(args), "").expect(code);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    }
}
