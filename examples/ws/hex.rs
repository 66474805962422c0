//! Bytes from text: hexadecimal as people paste it, and the dumps of `xxd` and `hexdump -C`.

/// The bytes of a text. White space, commas, colons and `0x` separate bytes and mean nothing.
pub(crate) fn parse(text: &str) -> Result<Vec<u8>, String> {
    let mut digits = Vec::new();
    for line in text.lines() {
        for word in without_margins(line).split([' ', '\t', ',', ':', '\r', '-']) {
            let word = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")).unwrap_or(word);
            for character in word.replace("\\x", "").chars() {
                let digit = character.to_digit(16).ok_or_else(|| format!("{character:?} is no hexadecimal digit"))?;
                digits.push(digit as u8);
            }
            // A byte that is split by white space is a mistake that would shift all that follow.
            if digits.len() % 2 == 1 {
                return Err(format!("{:?} has an odd number of digits", stdws::Message::from(word).to_string()));
            }
        }
    }
    Ok(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

/// A line of a dump without its offset and without the characters beside the bytes.
fn without_margins(line: &str) -> &str {
    let is_offset = |text: &str| text.len() >= 7 && text.chars().all(|c| c.is_ascii_hexdigit());
    match (line.split_once(": "), line.split_once("  ")) {
        // xxd: "00000000: 8105 4865 6c6c 6f                        ..Hello"
        (Some((offset, rest)), _) if is_offset(offset) => rest.split("  ").next().unwrap_or_default(),
        // hexdump -C: "00000000  81 05 48 65 6c 6c 6f                              |..Hello|"
        (_, Some((offset, rest))) if is_offset(offset) => rest.split('|').next().unwrap_or_default(),
        // Its last line is an offset alone, of eight digits. Pasted bytes of that form stay bytes.
        _ => line,
    }
}
