//! Host names outside ASCII (RFC 6455 section 11.1.1, RFC 5890): lower case, a check of each character, Punycode (RFC
//! 3492). Independent of the rest of a URI.
//!
//! UTS 46 defines how software maps the name that a person types. Its tables have thousands of rows, which `std` does not
//! contain. This file converts the names for which the mapping is the lower case, and rejects every other name. It never
//! returns another name than UTS 46 with the options of browsers.
//!
//! | part of a name | rule |
//! |---|---|
//! | letters | the lower case of [`char::to_lowercase`], if it stands in [`LETTERS`] |
//! | ASCII | letters, digits, and `-` |
//! | combining marks, compatibility forms such as `ﬁ`, symbols, other scripts, other dots | rejected |
//! | letters of Hebrew or Arabic | all letters of the label, and each label of the name begins with a letter (RFC 5893) |
//! | a label | at most 63 bytes as Punycode; no `-` at its ends, nor as third and fourth character |
//! | the name | at most 253 bytes as Punycode; one `.` may follow it |
//!
//! No letter in [`LETTERS`] changes in NFC or composes with another one, so a name of these letters is in NFC.

use crate::error::UriErrorKind;

/// Maximum number of bytes of a label, and of a name without the dot at its end (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;
const MAX_NAME: usize = 253;

/// Lower-case letters that are valid in UTS 46 and PVALID in RFC 5892. Between two rows stand letters that UTS 46 maps to
/// others, or that are not valid. Upper case inside of a row never occurs after the mapping.
const LETTERS: &[(char, char)] = &[
    // Latin
    ('\u{df}', '\u{f6}'),
    ('\u{f8}', '\u{131}'),
    ('\u{135}', '\u{13e}'),
    ('\u{142}', '\u{148}'),
    ('\u{14b}', '\u{17e}'),
    ('\u{180}', '\u{1c3}'),
    ('\u{1ce}', '\u{1f0}'),
    ('\u{1f5}', '\u{2af}'),
    ('\u{1e01}', '\u{1e99}'),
    ('\u{1e9c}', '\u{1eff}'),
    // Greek
    ('\u{390}', '\u{390}'),
    ('\u{3ac}', '\u{3ce}'),
    // Cyrillic
    ('\u{430}', '\u{481}'),
    ('\u{48b}', '\u{4ce}'),
    ('\u{4d0}', '\u{52f}'),
    // Armenian, Georgian
    ('\u{560}', '\u{586}'),
    ('\u{10d0}', '\u{10fa}'),
    // Hebrew, Arabic: RIGHT_TO_LEFT
    ('\u{5d0}', '\u{5ea}'),
    ('\u{620}', '\u{63f}'),
    ('\u{641}', '\u{64a}'),
    ('\u{66e}', '\u{66f}'),
    ('\u{671}', '\u{674}'),
    ('\u{679}', '\u{6d3}'),
    ('\u{6d5}', '\u{6d5}'),
    // Hiragana, Katakana, Bopomofo
    ('\u{3041}', '\u{3096}'),
    ('\u{30a1}', '\u{30fa}'),
    ('\u{30fc}', '\u{30fc}'),
    ('\u{3105}', '\u{312f}'),
    // Han, Hangul
    ('\u{3005}', '\u{3005}'),
    ('\u{3400}', '\u{4dbf}'),
    ('\u{4e00}', '\u{9fff}'),
    ('\u{ac00}', '\u{d7a3}'),
];

/// Capital letters whose mapping changed between versions of UTS 46 or of `std`: the capital sharp s, and Latin Extended-D.
const UNSTABLE: [std::ops::RangeInclusive<char>; 2] = ['\u{1e9e}'..='\u{1e9e}', '\u{a720}'..='\u{a7ff}'];

/// The scripts in [`LETTERS`] that are written from right to left.
const RIGHT_TO_LEFT: std::ops::RangeInclusive<char> = '\u{5d0}'..='\u{6d5}';

/// The name in ASCII, each label outside ASCII as `xn--…`. The name is not empty. 6455-11.1.1-1, 6455-11.1.2-1
pub(super) fn to_ascii(name: &str) -> Result<String, UriErrorKind> {
    let lower: Vec<Vec<char>> =
        name.split('.').map(|label| label.chars().flat_map(char::to_lowercase).collect()).collect();
    if name.chars().any(|c| UNSTABLE.iter().any(|range| range.contains(&c))) {
        return Err(UriErrorKind::UnsupportedHost);
    }
    let directed = name.chars().any(|c| RIGHT_TO_LEFT.contains(&c));
    let last = lower.len().saturating_sub(1);
    let mut labels = Vec::with_capacity(lower.len());
    for (index, label) in lower.iter().enumerate() {
        let root = label.is_empty() && index == last;
        if !root && (!is_valid(label) || directed && !has_one_direction(label)) {
            return Err(UriErrorKind::UnsupportedHost);
        }
        labels.push(if label.iter().all(char::is_ascii) {
            label.iter().collect()
        } else {
            punycode(label).map(|encoded| format!("xn--{encoded}")).ok_or(UriErrorKind::UnsupportedHost)?
        });
    }
    let ascii = labels.join(".");
    let too_long = labels.iter().any(|label| label.len() > MAX_LABEL)
        || ascii.strip_suffix('.').unwrap_or(&ascii).len() > MAX_NAME;
    if too_long {
        return Err(UriErrorKind::UnsupportedHost);
    }
    Ok(ascii)
}

/// Whether a label in lower case can be converted. The length bounds the work of [`punycode`].
fn is_valid(label: &[char]) -> bool {
    let letter = |c: &char| {
        c.is_ascii_alphanumeric() || *c == '-' || LETTERS.iter().any(|(first, last)| (first..=last).contains(&c))
    };
    let ascii = label.iter().all(char::is_ascii);
    (1..=MAX_LABEL).contains(&label.len())
        && label.iter().all(letter)
        && label.first() != Some(&'-')
        && label.last() != Some(&'-')
        // Such labels are reserved; one in ASCII is Punycode already (RFC 5890 section 2.3.1).
        && (ascii || label.get(2..4) != Some(&['-', '-']))
}

/// RFC 5893 section 2, for the characters that [`is_valid`] accepts.
fn has_one_direction(label: &[char]) -> bool {
    let mut letters = label.iter().filter(|c| c.is_alphabetic());
    let to_left = |c: &char| RIGHT_TO_LEFT.contains(c);
    label.first().is_some_and(|c| c.is_alphabetic()) && (letters.clone().all(to_left) || !letters.any(to_left))
}

/// Encodes a label (RFC 3492 section 6.3). `None` if a number overflows, which a label of [`MAX_LABEL`] cannot cause.
fn punycode(label: &[char]) -> Option<String> {
    let mut output: String = label.iter().filter(|c| c.is_ascii()).collect();
    let basic = u32::try_from(output.len()).ok()?;
    if basic > 0 {
        output.push('-');
    }
    let (mut code_point, mut delta, mut bias, mut handled) = (128_u32, 0_u32, 72_u32, basic);
    while usize::try_from(handled).ok()? < label.len() {
        let next = label.iter().map(|&c| u32::from(c)).filter(|&c| c >= code_point).min()?;
        let skipped = next.checked_sub(code_point)?.checked_mul(handled.checked_add(1)?)?;
        delta = delta.checked_add(skipped)?;
        code_point = next;
        for c in label.iter().map(|&c| u32::from(c)) {
            if c < code_point {
                delta = delta.checked_add(1)?;
            } else if c == code_point {
                push_integer(&mut output, delta, bias);
                bias = adapt(delta, handled.checked_add(1)?, handled == basic);
                delta = 0;
                handled = handled.checked_add(1)?;
            }
        }
        delta = delta.checked_add(1)?;
        code_point = code_point.checked_add(1)?;
    }
    Some(output)
}

/// Appends a number in the variable-length form of RFC 3492 section 3.3.
fn push_integer(output: &mut String, mut value: u32, bias: u32) {
    let mut position = 36_u32;
    loop {
        let threshold = position.saturating_sub(bias).clamp(1, 26);
        if value < threshold {
            return output.push(digit(value));
        }
        let (rest, base) = (value.saturating_sub(threshold), 36_u32.saturating_sub(threshold));
        output.push(digit(threshold.saturating_add(rest.checked_rem(base).unwrap_or(0))));
        value = rest.checked_div(base).unwrap_or(0);
        position = position.saturating_add(36);
    }
}

/// The digit of a value below 36: `a` to `z`, then `0` to `9`.
fn digit(value: u32) -> char {
    let code = if value < 26 { value.saturating_add(97) } else { value.saturating_add(22) };
    char::from_u32(code).unwrap_or('a')
}

/// The bias for the next number (RFC 3492 section 6.1).
fn adapt(delta: u32, handled: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta = delta.saturating_add(delta.checked_div(handled).unwrap_or(0));
    let mut steps = 0_u32;
    while delta > 455 {
        delta /= 35;
        steps = steps.saturating_add(36);
    }
    steps.saturating_add(delta.saturating_mul(36).checked_div(delta.saturating_add(38)).unwrap_or(0))
}

#[cfg(test)]
mod tests;
