//! `ws serve`: the files of a folder and a WebSocket, on one port.
//!
//! A file is sent while it is read, so its size costs no memory. [`path`] decides which file a request names.

pub(crate) mod path;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use stdws::{Decision, Hub, RawStream, Request, Response, WebSocket};

use crate::args::{Args, Command, Failure, Flag, Group, Outcome};
use crate::{server, terminal};
use path::{Root, Target};

pub(crate) const COMMAND: Command = Command {
    name: "serve",
    operands: "DIR",
    count: (1, 1),
    summary: "static files and a WebSocket on one port",
    about: "Serves the files below DIR, and nothing else: no path and no symbolic link leads out of it. The WebSocket \
            returns every message, or sends it to all others (--broadcast).",
    groups: &[SERVE, server::LISTENING, server::ADMISSION, server::LIMITS],
    run,
};

const SERVE: Group = Group {
    title: "Serve",
    flags: &[
        Flag("--ws-path", "PATH", "the path of the WebSocket (/ws)"),
        Flag("--broadcast", "", "send each message to all other connections, instead of back"),
        Flag("--index", "NAME", "the file for a folder (index.html)"),
        Flag("--dotfiles", "", "also serve names that begin with a dot, such as .git; .well-known is always served"),
    ],
};

/// The settings of the files.
struct Files {
    root: Root,
    ws_path: String,
    verbose: bool,
}

fn run(args: &Args) -> Outcome {
    let folder = PathBuf::from(args.operands.first().ok_or_else(|| Failure::usage("DIR is missing"))?);
    let failure = |error: io::Error| Failure::new(format!("{}: {error}", folder.display()));
    let folder = fs::canonicalize(&folder).map_err(failure)?;
    if !folder.is_dir() {
        return Err(Failure::new(format!("{} is not a folder", folder.display())));
    }
    let ws_path = args.value("--ws-path")?.unwrap_or("/ws").to_owned();
    if !ws_path.starts_with('/') {
        return Err(Failure::usage("--ws-path begins with a slash"));
    }
    let index = args.value("--index")?.unwrap_or("index.html").to_owned();
    let root = Root { folder, index, dotfiles: args.has("--dotfiles") };
    let files = Arc::new(Files { root, ws_path, verbose: args.has("--verbose") });
    let server = server::server(args)?.on_event(server::log(args, "serve"));
    let server = server.on_request(move |request| decide(&files, request));
    let hub = args.has("--broadcast").then(Hub::new).transpose()?;
    server::run(args, server::HTTP, server, move |ws| match &hub {
        Some(hub) => broadcast(ws, hub),
        None => server::echo(ws),
    })
}

fn broadcast(mut ws: WebSocket, hub: &Hub) -> stdws::Result<()> {
    let member = hub.add(ws.sender());
    while let Some(message) = ws.recv_ref()? {
        member.broadcast(message);
    }
    Ok(())
}

fn decide(files: &Arc<Files>, request: &Request) -> Decision {
    let decision = match request.method() {
        _ if request.is_websocket() && request.path() == files.ws_path => return Decision::accept(),
        _ if request.is_websocket() => {
            Err(Box::new(Response::text(404, format!("the WebSocket is at {}\n", files.ws_path))))
        }
        "GET" | "HEAD" => find(files, request),
        _ => Err(Box::new(Response::text(405, "only GET and HEAD\n").with_header("Allow", "GET, HEAD"))),
    };
    let (status, decision) = match decision {
        Ok(decision) => (200, decision),
        Err(response) => (response.status(), (*response).into()),
    };
    if files.verbose {
        let target = terminal::escaped(request.path());
        terminal::note("serve", &format!("{} {target}: {status}", request.method()));
    }
    decision
}

/// The file that a request names, or the response in its place.
fn find(files: &Files, request: &Request) -> Result<Decision, Box<Response>> {
    let missing = || Box::new(Response::text(404, "not found\n"));
    let path = match files.root.find(request.path()) {
        Some(Target::File(path)) => path,
        Some(Target::Folder(location)) => {
            let query = request.query().map_or_else(String::new, |query| format!("?{query}"));
            return Err(Box::new(Response::redirect(308, &format!("{location}{query}"))));
        }
        None => return Err(missing()),
    };
    let file = File::open(&path).map_err(|_| missing())?;
    let length = file.metadata().ok().filter(fs::Metadata::is_file).ok_or_else(missing)?.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {length}\r\nX-Content-Type-Options: nosniff\r\n\
         Cache-Control: no-cache\r\nConnection: close\r\n\r\n",
        content_type(&path)
    );
    let with_body = request.method() == "GET";
    Ok(Decision::hand_over(move |stream| {
        // A client that ends early is no error of this side.
        let _ = send(stream, &head, with_body.then_some((file, length)));
    }))
}

/// Each 64 KiB have the time of `--write-timeout`.
fn send(mut stream: RawStream, head: &str, body: Option<(File, u64)>) -> io::Result<()> {
    stream.write_all(head.as_bytes())?;
    let Some((file, length)) = body else { return Ok(()) };
    let (mut file, mut block) = (file.take(length), vec![0; 64 << 10]);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(()),
            count => stream.write_all(block.get(..count).unwrap_or_default())?,
        }
    }
}

fn content_type(path: &std::path::Path) -> &'static str {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "txt" | "md" | "csv" | "log" => "text/plain; charset=utf-8",
        "json" | "map" | "webmanifest" => "application/json",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "mp3" => "audio/mpeg",
        _ => "application/octet-stream",
    }
}
