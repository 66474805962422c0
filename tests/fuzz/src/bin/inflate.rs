#![no_main]
//! stdws accepts the streams that zlib accepts, and makes the same bytes of them, however they are cut and whatever the limit.

use libfuzzer_sys::fuzz_target;
use stdws::deflate::{Inflate, InflateError, WindowBits};
use stdws_fuzz::reference::{miniz, zlib, Verdict};

/// Maximum number of bytes of output.
const LIMIT: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let Some(([one, two, three, part], stream)) = stdws_fuzz::settings(input) else { return };
    let sizes = [one % 7 + 1, two, three % 3 + 1];
    let whole = inflate(stream, 15, LIMIT, &[]);
    assert_eq!(inflate(stream, 15, LIMIT, &sizes), whole);
    if whole.error == Some(InflateError::TooLarge) {
        return;
    }
    compare_with_zlib(stream, &whole);
    compare_with_miniz(stream, &whole);
    smaller_limit(stream, &whole, &sizes, part);
    smaller_windows(stream, &whole, &sizes);
    past_the_end(stream, usize::from(sizes[0]));
});

#[derive(Clone, Debug, PartialEq)]
struct Inflated {
    verdict: Verdict,
    out: Vec<u8>,
    error: Option<InflateError>,
}

/// Decompresses in pieces of these sizes, in rotation; without sizes, all at once.
fn inflate(stream: &[u8], bits: u8, limit: usize, sizes: &[u8]) -> Inflated {
    let mut inflate = Inflate::new(WindowBits::new(bits).expect("8 to 15"));
    let (mut out, mut used) = (Vec::new(), 0);
    let mut sizes = sizes.iter().cycle();
    while used < stream.len() {
        let rest = &stream[used..];
        let size = sizes.next().map_or(rest.len(), |&size| usize::from(size).max(1)).min(rest.len());
        let result = inflate.push_to_end(&rest[..size], &mut out, limit);
        assert!(out.len() <= limit);
        match result {
            Ok(count) => used += count,
            Err(error) => {
                assert_eq!(inflate.push(b"x", &mut Vec::new(), 9), Err(error), "an error is final");
                return Inflated { verdict: Verdict::Invalid, out, error: Some(error) };
            }
        }
        if inflate.at_end() {
            return Inflated { verdict: Verdict::End(used), out, error: None };
        }
        assert_eq!(result, Ok(size));
    }
    Inflated { verdict: Verdict::Incomplete, out, error: None }
}

fn compare_with_zlib(stream: &[u8], ours: &Inflated) {
    let (mut verdict, mut out) = zlib(stream, LIMIT + 1);
    // An empty code of code lengths: zlib first reads all lengths, each as 0, and then finds no code for the end of the block.
    if ours.error == Some(InflateError::LengthCode) && verdict == Verdict::Incomplete {
        (verdict, out) = zlib(&[stream, &[0; 64]].concat(), LIMIT + 1);
    }
    assert_eq!(ours.verdict, verdict, "zlib, {:?}", ours.error);
    match verdict {
        Verdict::End(_) | Verdict::Incomplete => assert_eq!(ours.out, out, "zlib"),
        // zlib may keep back what it has not checked.
        Verdict::Invalid => assert!(ours.out.iter().zip(&out).all(|(ours, zlib)| ours == zlib), "zlib"),
    }
}

fn compare_with_miniz(stream: &[u8], ours: &Inflated) {
    let (verdict, out) = miniz(stream, LIMIT + 1);
    match (ours.verdict, verdict) {
        // miniz_oxide finds that a distance is too far before the extra bits of the distance have arrived.
        (Verdict::Incomplete, Verdict::Invalid) => {}
        (Verdict::End(_) | Verdict::Incomplete, _) => {
            assert_eq!(ours.verdict, verdict, "miniz_oxide");
            assert_eq!(ours.out, out, "miniz_oxide");
        }
        (Verdict::Invalid, Verdict::Invalid) => {}
        // In these, miniz_oxide is laxer than zlib.
        (Verdict::Invalid, Verdict::End(_) | Verdict::Incomplete) => {
            use InflateError::{DistanceCode, DistanceSymbol, LengthCode, LiteralCode, LiteralSymbol};
            use InflateError::{NoEndOfBlock, TooManySymbols};
            let lax = matches!(
                ours.error,
                Some(LengthCode | NoEndOfBlock | TooManySymbols | LiteralCode | DistanceCode)
                    | Some(LiteralSymbol | DistanceSymbol)
            );
            assert!(lax, "miniz_oxide accepts what is refused: {:?}", ours.error);
        }
    }
}

/// With a limit below the size of the output, the output is a beginning of it.
fn smaller_limit(stream: &[u8], whole: &Inflated, sizes: &[u8], part: u8) {
    if whole.out.is_empty() || whole.verdict == Verdict::Invalid {
        return;
    }
    let limit = usize::from(part) * whole.out.len() / 256;
    let limited = inflate(stream, 15, limit, &[]);
    assert_eq!((limited.verdict, limited.error), (Verdict::Invalid, Some(InflateError::TooLarge)));
    assert!(whole.out.starts_with(&limited.out));
    assert_eq!(inflate(stream, 15, whole.out.len(), sizes), *whole);
}

/// With a smaller window, distances beyond it are refused, and nothing else is different.
fn smaller_windows(stream: &[u8], whole: &Inflated, sizes: &[u8]) {
    for bits in [8, 9, 12] {
        let small = inflate(stream, bits, LIMIT, sizes);
        if small.error == Some(InflateError::DistanceTooFar) {
            assert!(whole.out.starts_with(&small.out));
        } else {
            assert_eq!(small, *whole);
        }
    }
}

/// `push` continues after the last block, in pieces as well.
fn past_the_end(stream: &[u8], size: usize) {
    let read = |size: usize| {
        let (mut inflate, mut out) = (Inflate::new(WindowBits::MAX), Vec::new());
        let pushed = stream.chunks(size).try_for_each(|piece| inflate.push(piece, &mut out, LIMIT));
        (pushed.and_then(|()| inflate.end_message()), out)
    };
    assert_eq!(read(stream.len().max(1)), read(size));
}
