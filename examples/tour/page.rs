//! `tour --page`: the connections of the tour in a browser, and a server for the frames that its user builds.

use std::io::{self, BufRead};
use std::sync::OnceLock;

use stdws::codec::frame::Role;
use stdws::{Decision, Limits, ServerHandle};

use super::output::{Failure, Output};
use super::page::{Page, Peer, Secrets, MAX_MESSAGE};
use super::relay::{connect, join, listen, local_server, stamped, start_echo};

/// The page of this process. All chapters show their connections there.
static PAGE: OnceLock<Page> = OnceLock::new();

/// The page, if there is one.
pub(super) fn current() -> Option<&'static Page> {
    PAGE.get()
}

/// The servers of the page. They end when this is dropped.
pub(super) struct Running {
    out: Output,
    _page: ServerHandle,
    _echo: ServerHandle,
}

/// Starts the page and prints its address.
pub(super) fn start(out: Output) -> Result<Running, Failure> {
    let (echo, echo_address) = start_echo(local_server()?)?;
    let relay = listen(move |client| {
        let server = connect(echo_address)?;
        let Some(connection) = current().map(|page| page.connection("the composer to an echo server")) else {
            return Ok(());
        };
        let other = connection.clone();
        join(
            client,
            server,
            move |bytes| stamped(&connection, Role::Client, bytes),
            move |bytes| stamped(&other, Role::Server, bytes),
        )
    })?;
    let page = Page::new("tour", Secrets::Hidden);
    page.send_to(Peer::at(relay, "/tour"));
    let (live, files, serving) = (page.clone(), page.clone(), page.clone());
    let server = local_server()?
        // DNS rebinding needs a name.
        .allow_host("127.0.0.1")?
        .allow_host("localhost")?
        .limits(Limits::with_max_message_size(MAX_MESSAGE))
        .http(move |request| files.respond(request, request.path()))
        .on_request(move |request| match request.is_websocket() {
            true => live.decide(request),
            false => Decision::accept(),
        })
        .start(move |ws| serving.serve(ws))?;
    let address = server.local_addr().ok_or("the page has no address")?;
    // The tour starts one page only.
    let _ = PAGE.set(page);
    out.print(&format!("The page: http://{address}/  The connections below are there, frame by frame.\n\n"))?;
    Ok(Running { out, _page: server, _echo: echo })
}

impl Running {
    /// Keeps the page until Enter, or the end of the standard input.
    pub(super) fn wait(self) -> Result<(), Failure> {
        self.out.print("\nThe page stays until you press Enter.\n")?;
        let mut line = Vec::new();
        // An input that cannot be read has ended.
        let _ = io::stdin().lock().read_until(b'\n', &mut line);
        Ok(())
    }
}
