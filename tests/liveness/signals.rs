//! Signals that repeatedly interrupt a wait do not make it longer. Only on Linux: there SIGSTOP and SIGCONT interrupt reads,
//! and they are the only signals that do not end a program that uses `std` alone.

use std::env;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use stdws::{Error, Step};

use crate::live::{both, connection, long_timeouts, ms, LONG};
use crate::program;

const CHILD: &str = "STDWS_TEST_IS_INTERRUPTED";
/// The interval of signals, shorter than the timeout.
const EACH: Duration = Duration::from_millis(30);

#[test]
fn a_wait_that_is_interrupted_again_and_again_ends_in_time() {
    if env::var_os(CHILD).is_some() {
        return both(|side| {
            let mut timeouts = long_timeouts();
            timeouts.ping_interval = ms(200);
            timeouts.pong_timeout = ms(200);
            let (mut ws, _peer) = connection(side, timeouts);
            let end = ws.recv();
            assert!(matches!(end, Err(Error::Timeout(Step::Keepalive))), "{end:?}");
        });
    }
    let this = "signals::a_wait_that_is_interrupted_again_and_again_ends_in_time";
    let mut child = program::command(env::current_exe().unwrap());
    // Its result is not one more test.
    let mut child = child.args([this, "--exact"]).env(CHILD, "1").stdout(Stdio::null()).spawn().unwrap();
    let id = child.id().to_string();
    let signal = |name: &str| Command::new("sh").args(["-c", "kill -\"$0\" \"$1\"", name, &id]).status().unwrap();
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > LONG / 4 {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("the wait does not end");
        }
        std::thread::sleep(EACH);
        signal("STOP");
        signal("CONT");
    };
    assert!(status.success());
}
