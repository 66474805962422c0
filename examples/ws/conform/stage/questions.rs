//! The questions of the stages that are functions, and what their usual mistakes look like.

use stdws::codec::mask;
use stdws::deflate::{Compress, Level, WindowBits};
use stdws::handshake::server::accept_key;

use super::lines::Question;

pub(super) fn of(stage: u8) -> Vec<Question> {
    match stage {
        1 => accept(),
        2 => header(),
        3 => masks(),
        _ => inflate(),
    }
}

/// Hexadecimal without spaces.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Stage 1. Question: a key. Answer: its accept key.
fn accept() -> Vec<Question> {
    let keys = [
        "dGhlIHNhbXBsZSBub25jZQ==",
        "x3JJHMbDL1EzLkh9GBhXDw==",
        "AAAAAAAAAAAAAAAAAAAAAA==",
        "/////////////////////w==",
    ];
    let row = |key: &&str| Question {
        id: "6455-4.2.2-s6",
        name: format!("key-{}", key.get(..4).unwrap_or_default().to_lowercase().replace('/', "f")),
        title: format!("the accept key of {key}"),
        line: (*key).to_owned(),
        answer: accept_key(key),
        hint: accept_hint,
    };
    keys.iter().map(row).collect()
}

fn accept_hint(key: &str, right: &str, wrong: &str) -> String {
    let digits = wrong.bytes().all(|byte| byte.is_ascii_hexdigit());
    let variants = [
        (accept_key(&format!("{key}\n")), "the line feed behind the key was hashed too: remove it first"),
        (accept_key(&format!("{key}\r\n")), "CR LF behind the key was hashed too: remove it first"),
        (accept_key(""), "the key was not hashed, only the GUID"),
        (accept_key(&format!("{key} ")), "a space stands between key and GUID"),
    ];
    if let Some((_, hint)) = variants.iter().find(|(answer, _)| answer == wrong) {
        return (*hint).to_owned();
    }
    match wrong.len() {
        40 if digits => "these are hexadecimal digits: encode the 20 bytes of the digest in base64".to_owned(),
        56 => "this is base64 of hexadecimal digits: encode the 20 bytes of the digest themselves".to_owned(),
        27 => "the padding at the end (=) is missing".to_owned(),
        28 if wrong.replace('-', "+").replace('_', "/") == right => {
            "this is base64url: the RFC uses + and /, not - and _".to_owned()
        }
        28 => "20 bytes, but not the right ones: SHA-1 of the key as it came (not decoded), followed directly by \
               258EAFA5-E914-47DA-95CA-C5AB0DC85B11 in capitals"
            .to_owned(),
        length => format!("{length} characters, where base64 of 20 bytes has 28"),
    }
}

/// Stage 2. Question: the first bytes of a frame in hexadecimal. Answer: `FIN RSV OPCODE MASK LENGTH SIZE`, or `more`.
fn header() -> Vec<Question> {
    let rows: [(&'static str, &str, &str, &str, &str); 14] = [
        ("6455-5.2-s3", "short", "a text of 5 bytes", "810548656c6c6f", "1 0 1 0 5 2"),
        ("6455-5.2-s4", "masked", "the masked text of section 5.7", "818537fa213d7f9f4d5158", "1 0 1 1 5 6"),
        ("6455-5.4-s2", "fragment", "the first fragment of a text", "010348656c", "0 0 1 0 3 2"),
        ("6455-5.4-s2", "continuation", "the last fragment", "80026c6f", "1 0 0 0 2 2"),
        ("6455-5.2-s2", "ping", "a Ping", "890548656c6c6f", "1 0 9 0 5 2"),
        ("6455-5.2-s2", "close", "a masked Close without a body", "888001020304", "1 0 8 1 0 6"),
        ("6455-5.2-s3", "length-125", "125 bytes", "827d", "1 0 2 0 125 2"),
        ("6455-5.2-s3", "length-126", "126 bytes: two further bytes have the length", "827e007e", "1 0 2 0 126 4"),
        ("6455-5.2-s3", "length-256", "256 bytes, as in section 5.7", "827e0100", "1 0 2 0 256 4"),
        (
            "6455-5.2-s3",
            "length-65536",
            "64 KiB: eight bytes have the length",
            "827f0000000000010000",
            "1 0 2 0 65536 10",
        ),
        ("6455-5.2-s4", "length-300-masked", "300 bytes, masked", "82fe012c0a0b0c0d", "1 0 2 1 300 8"),
        ("6455-5.2-2", "reserved", "RSV1 set: the number of the three bits is 4", "c10548656c6c6f", "1 4 1 0 5 2"),
        ("6455-6.2-1", "one-byte", "the first byte alone", "81", "more"),
        ("6455-6.2-1", "cut", "a length that is not yet complete", "827f00000000", "more"),
    ];
    let row = |(id, name, title, line, answer): (&'static str, &str, &str, &str, &str)| Question {
        id,
        name: name.to_owned(),
        title: title.to_owned(),
        line: line.to_owned(),
        answer: answer.to_owned(),
        hint: header_hint,
    };
    rows.into_iter().map(row).collect()
}

fn header_hint(line: &str, right: &str, wrong: &str) -> String {
    const FIELDS: [(&str, &str); 6] = [
        ("FIN", "the highest bit of byte 0"),
        ("RSV", "bits 6 to 4 of byte 0, as one number"),
        ("OPCODE", "the low four bits of byte 0, in decimal"),
        ("MASK", "the highest bit of byte 1"),
        ("LENGTH", "the low seven bits of byte 1; 126: the next 2 bytes, 127: the next 8 bytes, the first the highest"),
        ("SIZE", "the bytes before the payload: 2, and 0, 2 or 8 for the length, and 4 for the masking key"),
    ];
    let (right, wrong): (Vec<_>, Vec<_>) = (right.split(' ').collect(), wrong.split_whitespace().collect());
    if right.len() == 1 {
        return format!("{} bytes are not the whole header: the answer is the word more", line.len() / 2);
    }
    if wrong.len() != right.len() {
        return "the answer has six numbers: FIN RSV OPCODE MASK LENGTH SIZE".to_owned();
    }
    let differs = right.iter().zip(&wrong).position(|(right, wrong)| right != wrong);
    let field = differs.and_then(|at| FIELDS.get(at));
    let (first, second) = (line.get(..2).unwrap_or_default(), line.get(2..4).unwrap_or_default());
    field.map_or(String::new(), |(name, how)| format!("{name} is wrong: {how}. Byte 0 is {first}, byte 1 is {second}"))
}

/// Stage 3. Question: a masking key and a payload in hexadecimal. Answer: the other form of the payload.
fn masks() -> Vec<Question> {
    let all: Vec<u8> = (0..=255).collect();
    let rows: [(&str, &str, [u8; 4], &[u8]); 7] = [
        ("section-5.7", "the masked Hello of section 5.7", [0x37, 0xfa, 0x21, 0x3d], b"\x7f\x9f\x4d\x51\x58"),
        ("mask-it", "Hello, to be masked", [0x37, 0xfa, 0x21, 0x3d], b"Hello"),
        ("one", "one byte", [0x01, 0x02, 0x03, 0x04], b"\x10"),
        ("four", "four bytes", [0x01, 0x02, 0x03, 0x04], b"abcd"),
        ("zero-key", "a key of zeros changes nothing", [0; 4], b"same"),
        ("all-bytes", "each byte", [0xff, 0x00, 0x80, 0x01], &all),
        ("long", "seven bytes: the key begins again with the fifth", [0xde, 0xad, 0xbe, 0xef], b"\0\0\0\0\0\0\0"),
    ];
    let row = |(name, title, key, payload): (&str, &str, [u8; 4], &[u8])| {
        let mut answer = payload.to_vec();
        mask::apply(&mut answer, key);
        Question {
            id: "6455-5.3-s1",
            name: name.to_owned(),
            title: title.to_owned(),
            line: format!("{} {}", hex(&key), hex(payload)),
            answer: hex(&answer),
            hint: bytes_hint,
        }
    };
    rows.into_iter().map(row).collect()
}

/// Names the first byte that differs.
fn bytes_hint(line: &str, right: &str, wrong: &str) -> String {
    if !wrong.bytes().all(|byte| byte.is_ascii_hexdigit()) || wrong.len() % 2 == 1 {
        return "the answer is hexadecimal, two digits for each byte, without spaces".to_owned();
    }
    if wrong.eq_ignore_ascii_case(right) {
        return "the digits a to f are lower case".to_owned();
    }
    let (right_bytes, wrong_bytes) = (pairs(right), pairs(wrong));
    let same = right_bytes.iter().zip(&wrong_bytes).take_while(|(right, wrong)| right == wrong).count();
    let (Some(right), Some(wrong)) = (right_bytes.get(same), wrong_bytes.get(same)) else {
        return format!("{} bytes instead of {}; the first {same} are right", wrong_bytes.len(), right_bytes.len());
    };
    let hint = format!("byte {same} is {wrong} instead of {right}");
    // A masking key and a payload.
    match line.split_once(' ').map(|(key, payload)| (pairs(key), pairs(payload))) {
        Some((key, payload)) => {
            let (number, byte) = (same % 4, payload.get(same).copied().unwrap_or_default());
            let key = key.get(number).copied().unwrap_or_default();
            format!("{hint}: payload byte {same} ({byte}) XOR key byte {same} mod 4 = {number} ({key})")
        }
        None => hint,
    }
}

fn pairs(hex: &str) -> Vec<&str> {
    (0..hex.len() / 2).filter_map(|at| hex.get(2 * at..2 * at + 2)).collect()
}

/// Id, name, title, payload and message.
type Packed = (&'static str, &'static str, &'static str, Vec<u8>, Vec<u8>);

/// Stage 7. Question: the payload of a compressed message in hexadecimal. Answer: the message in hexadecimal. The
/// messages are those of one connection, so a message can refer to those before.
fn inflate() -> Vec<Question> {
    let long: Vec<u8> =
        (0..4_000_u32).flat_map(|n| format!("{} ", n.wrapping_mul(2_654_435_761) >> 22).into_bytes()).collect();
    let mut packed = Vec::new();
    Compress::new(Level::Best, WindowBits::MAX).push(&long, &mut packed);
    packed.truncate(packed.len().saturating_sub(4));
    let rows: Vec<Packed> = vec![
        (
            "7692-7.2.2-s1",
            "hello",
            "Hello, section 7.2.3.1",
            vec![0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0],
            b"Hello".to_vec(),
        ),
        (
            "7692-7.2.2-4",
            "again",
            "Hello from the window, section 7.2.3.2",
            vec![0xf2, 0, 0x11, 0, 0],
            b"Hello".to_vec(),
        ),
        (
            "7692-7.2.1-2",
            "stored",
            "a stored block, section 7.2.3.3",
            b"\0\x05\0\xfa\xffHello\0".to_vec(),
            b"Hello".to_vec(),
        ),
        (
            "7692-7.2.1-1",
            "two-blocks",
            "two blocks, section 7.2.3.5",
            vec![0xf2, 0x48, 0x05, 0, 0, 0, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0],
            b"Hello".to_vec(),
        ),
        ("7692-7.2.2-s1", "empty", "an empty message, section 7.2.3.6", vec![0], Vec::new()),
        ("7692-7.2.2-s1", "own-codes", "blocks with codes of their own (RFC 1951 section 3.2.7)", packed, long),
        (
            "7692-7.2.1-3",
            "final",
            "BFINAL 1, section 7.2.3.4: the next block begins with the next byte",
            vec![0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0, 0],
            b"Hello".to_vec(),
        ),
        (
            "7692-7.2.1-4",
            "final-and-more",
            "BFINAL 1, and a further block in the same message",
            vec![0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0, 0xf2, 0, 0x11, 0, 0],
            b"HelloHello".to_vec(),
        ),
        (
            "7692-7.2.2-4",
            "after-final",
            "Hello from the window, which BFINAL 1 does not empty",
            vec![0xf2, 0, 0x11, 0, 0],
            b"Hello".to_vec(),
        ),
    ];
    let row = |(id, name, title, packed, message): Packed| Question {
        id,
        name: name.to_owned(),
        title: title.to_owned(),
        line: hex(&packed),
        answer: hex(&message),
        hint: if name.contains("final") { final_hint } else { inflate_hint },
    };
    rows.into_iter().map(row).collect()
}

/// Libraries for DEFLATE end at BFINAL 1, which in RFC 7692 ends nothing.
fn final_hint(_: &str, right: &str, wrong: &str) -> String {
    let hint = "BFINAL 1 ends a block, not the data of the connection: the next block begins with the next byte, and \
                the window stays. With zlib: pass what it leaves (unused_data) and later messages to a new \
                decompressor, whose dictionary is the window (zdict, inflateSetDictionary)";
    match wrong.is_empty() {
        true => hint.to_owned(),
        false => format!("{}. {hint}", bytes_hint("", right, wrong)),
    }
}

fn inflate_hint(line: &str, right: &str, wrong: &str) -> String {
    let hint = match line {
        "f200110000" => "the window of the message before must be kept: it has the five bytes that this one refers to",
        "00" => "the message is empty: the answer is an empty line",
        _ if wrong.is_empty() => {
            "append 00 00 ff ff to the payload before decompressing it, as raw DEFLATE without a zlib header"
        }
        _ => return bytes_hint("", right, wrong),
    };
    hint.to_owned()
}
