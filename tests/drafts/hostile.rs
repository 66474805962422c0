//! Mutated input over real connections: in every draft, it ends in an error or in messages within the limits, always in
//! time.

use std::net::Shutdown;

use stdws::{CloseCode, Error, Limits};

use crate::live::{long_timeouts, ms, Random};
use crate::peer::{each, limited};

const LIMIT: usize = 2_000;

#[test]
fn mutated_input_ends_in_time_and_within_the_limits() {
    each(|variant, side| {
        for seed in 0..12 {
            let mut random = Random::seeded(seed * 7 + u64::from(variant.has_ping()));
            let mut timeouts = long_timeouts();
            (timeouts.message, timeouts.close) = (ms(1_000), ms(200));
            let (mut ws, mut peer, tap) = limited(variant, side, timeouts, Limits::with_max_message_size(LIMIT as u64));
            tap.hold();
            peer.send("hello").unwrap();
            peer.send("fünf".repeat(300)).unwrap();
            if variant.has_binary() {
                peer.send(random.bytes(700)).unwrap();
            }
            peer.start_close(CloseCode::NORMAL, "").unwrap();
            let mut bytes = tap.finish(peer);
            for _ in 0..1 + random.next() % 4 {
                if bytes.is_empty() {
                    break;
                }
                let at = random.next() as usize % bytes.len();
                match random.next() % 3 {
                    0 => bytes[at] ^= 1 << (random.next() % 8),
                    1 => bytes.truncate(at),
                    _ => bytes.insert(at, random.next() as u8),
                }
            }
            tap.send(&bytes);
            // A server that detected a violation may have ended the stream already.
            let _ = tap.stream.shutdown(Shutdown::Write);
            loop {
                match ws.recv() {
                    Ok(Some(message)) => assert!(message.len() <= LIMIT, "{variant:?} {side:?} {seed}"),
                    Ok(None) | Err(Error::Protocol(_) | Error::Closed(_) | Error::Io(_)) => break,
                    Err(error) => panic!("{variant:?} {side:?} {seed}: {error:?}"),
                }
            }
        }
    });
}
