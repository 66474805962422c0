//! One program for all connections: a hub sends its output to each, and all of them feed it.
//!
//! A client that reads too slowly is closed with 1013, and delays neither the others nor the program. When the program ends,
//! the server shuts down.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use stdws::{Hub, Server};

use super::{ended, receive, Program};
use crate::args::{Args, Failure, Outcome};
use crate::server;

/// The time for the last output to reach the clients, and for the shutdown.
const END: Duration = Duration::from_secs(5);

pub(super) fn run(args: &Args, server: Server, program: Program) -> Outcome {
    let (hub, shutdown) = (Hub::new()?, server.shutdown_handle());
    let failure = Arc::new(Mutex::new(None));
    let program = Arc::new(program);
    let (to_all, running, failed) = (hub.clone(), program.clone(), failure.clone());
    let process = program.start(Vec::new(), move |process, output| {
        let result = running.each_message(output, |message| {
            to_all.broadcast(&message);
            true
        });
        let status = process.end();
        let text = match result {
            Err(error) => Some(error.to_string()),
            Ok(()) => (!status.is_some_and(|status| status.success())).then(|| ended(status)),
        };
        *failed.lock().unwrap_or_else(PoisonError::into_inner) = text.map(Failure::new);
        to_all.flush(END);
        shutdown.shutdown(END);
    });
    let process = process.map_err(|error| Failure::new(format!("{}: {error}", program.name.to_string_lossy())))?;
    let fed = process.clone();
    let outcome = server::run(args, server::WS, server, move |mut ws| {
        let _member = hub.add(ws.sender());
        receive(&mut ws, &fed, &program)
    });
    // After another kind of shutdown, the end of the program follows that of the server, and is no failure.
    let failure = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
    process.end();
    match failure {
        Some(failure) => Err(failure),
        None => outcome.map(|_| ExitCode::SUCCESS),
    }
}
