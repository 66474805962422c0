//! Replaces bytes that are not UTF-8 with U+FFFD, as some drafts require.

/// Replaces in a text that arrives in pieces, which may split a character.
#[derive(Debug, Default)]
pub(super) struct LossyUtf8 {
    /// The first bytes of an incomplete character: at most three.
    incomplete: Vec<u8>,
}

/// The replacement character.
const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();

impl LossyUtf8 {
    /// Appends the text of `bytes`: at most three bytes for each.
    pub(super) fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        // An incomplete character is completed or found invalid one byte at a time.
        while let (false, Some((&next, rest))) = (self.incomplete.is_empty(), bytes.split_first()) {
            self.incomplete.push(next);
            match std::str::from_utf8(&self.incomplete) {
                Ok(_) => {
                    out.extend_from_slice(&self.incomplete);
                    self.incomplete.clear();
                }
                Err(error) if error.error_len().is_none() => {}
                Err(_) => {
                    // The byte that makes it invalid may begin another character.
                    out.extend_from_slice(REPLACEMENT);
                    self.incomplete.clear();
                    continue;
                }
            }
            bytes = rest;
        }
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            out.extend_from_slice(chunk.valid().as_bytes());
            match std::str::from_utf8(chunk.invalid()) {
                Ok(_) => {}
                Err(error) if error.error_len().is_none() && chunks.peek().is_none() => {
                    self.incomplete.extend_from_slice(chunk.invalid())
                }
                Err(_) => out.extend_from_slice(REPLACEMENT),
            }
        }
    }

    /// Handles the end of the text, also inside a character. Another text needs another value.
    pub(super) fn finish(&self, out: &mut Vec<u8>) {
        if !self.incomplete.is_empty() {
            out.extend_from_slice(REPLACEMENT);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_text_is_replaced_as_by_std() {
        let texts: [&[u8]; 12] = [
            b"",
            b"plain",
            "ÿ€😀".as_bytes(),
            b"\xFF",
            b"a\xC3",
            b"a\xC3b",
            b"\xE2\x82",
            b"\xE2\x82\xE2\x82\xAC",
            b"\xF0\x9F\x98",
            b"\xF0\x9F\x98\xF0\x9F\x98\x80\x80",
            b"\xED\xA0\x80\xC0\xAF",
            b"\xF4\x90\x80\x80\xE0\x80\xC3\xA4",
        ];
        for text in texts {
            let want = String::from_utf8_lossy(text);
            for cut in 0..=text.len() {
                for second in cut..=text.len() {
                    let (mut lossy, mut out) = (LossyUtf8::default(), Vec::new());
                    for part in [&text[..cut], &text[cut..second], &text[second..]] {
                        lossy.push(part, &mut out);
                    }
                    lossy.finish(&mut out);
                    assert_eq!(String::from_utf8_lossy(&out), want, "{text:x?} cut at {cut} and {second}");
                }
            }
        }
    }
}
