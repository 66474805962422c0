//! The date of HTTP, `Sun, 06 Nov 1994 08:49:37 GMT` (IMF-fixdate, RFC 9110 section 5.6.7), as seconds since 1970.
//! Independent of the clock.
//!
//! Only this form is parsed. Senders must not use the two obsolete forms, and one of them has a year of two digits.

/// Number of days before each month, in a year that is not a leap year.
const DAYS_BEFORE_MONTH: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const MONTHS: [&[u8]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
const DAYS: [&[u8]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];

/// Number of seconds from 1970 to this date. `None`: not such a date, or a date before 1970.
pub(crate) fn parse(text: &[u8]) -> Option<u64> {
    // Exactly 29 bytes, with each part at its position.
    let text: &[u8; 29] = text.try_into().ok()?;
    let at = |from: usize, length: usize| text.get(from..from.checked_add(length)?);
    let number = |from: usize, length: usize| parse_digits(at(from, length)?);
    let fixed = [
        (3, 2, b", ".as_slice()),
        (7, 1, b" "),
        (11, 1, b" "),
        (16, 1, b" "),
        (19, 1, b":"),
        (22, 1, b":"),
        (25, 4, b" GMT"),
    ];
    if fixed.iter().any(|&(from, length, want)| at(from, length) != Some(want)) {
        return None;
    }
    let month = MONTHS.iter().position(|name| Some(*name) == at(8, 3))?;
    let (day, year) = (number(5, 2)?, number(12, 4)?);
    let (hour, minute, second) = (number(17, 2)?, number(20, 2)?, number(23, 2)?);
    // 60 is a leap second. It counts as the first second of the next minute.
    if hour > 23 || minute > 59 || second > 60 || day == 0 || day > days_in_month(month, year) {
        return None;
    }
    let days = days_before(year)?.checked_add(*DAYS_BEFORE_MONTH.get(month)?)?.checked_add(day)?;
    let days = days.checked_add(u64::from(month > 1 && is_leap(year)))?.checked_sub(1)?;
    // 1 January 1970 was a Thursday. A date with a wrong day of the week is invalid.
    if DAYS.get(usize::try_from(days % 7).ok()?).copied() != at(0, 3) {
        return None;
    }
    days.checked_mul(24)?.checked_add(hour)?.checked_mul(60)?.checked_add(minute)?.checked_mul(60)?.checked_add(second)
}

/// Number of days from 1970 to the first of January of a year.
fn days_before(year: u64) -> Option<u64> {
    let leap_years = |before: u64| (before / 4).saturating_sub(before / 100).saturating_add(before / 400);
    let before = year.checked_sub(1)?;
    let leaps = leap_years(before).checked_sub(leap_years(1969))?;
    year.checked_sub(1970)?.checked_mul(365)?.checked_add(leaps)
}

fn days_in_month(month: usize, year: u64) -> u64 {
    match month {
        1 if is_leap(year) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

fn is_leap(year: u64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// A number that consists of digits only. `None` also for no digits, and for a number of more than 64 bits.
pub(crate) fn parse_digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    text.iter().try_fold(0_u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit & 0x0F)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_seconds() {
        // By `date -d ... +%s`.
        let rows: [(&str, Option<u64>); 35] = [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Fri, 02 Jan 1970 00:00:01 GMT", Some(86_401)),
            ("Tue, 29 Feb 2000 12:00:00 GMT", Some(951_825_600)),
            ("Wed, 01 Mar 2000 00:00:00 GMT", Some(951_868_800)),
            ("Thu, 29 Feb 2024 23:59:59 GMT", Some(1_709_251_199)),
            ("Fri, 31 Dec 2027 23:59:60 GMT", Some(1_830_297_600)),
            ("Mon, 01 Mar 2100 00:00:00 GMT", Some(4_107_542_400)),
            ("Mon, 01 Jan 2001 00:00:00 GMT", Some(978_307_200)),
            ("Thu, 01 Jan 2004 00:00:00 GMT", Some(1_072_915_200)),
            ("Sat, 28 Feb 2026 00:00:00 GMT", Some(1_772_236_800)),
            ("Tue, 30 Apr 2024 00:00:00 GMT", Some(1_714_435_200)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
            ("Wed, 31 Dec 1969 23:59:59 GMT", None),
            ("Sat, 01 Jan 0000 00:00:00 GMT", None),
            ("Mon, 06 Nov 1994 08:49:37 GMT", None),
            ("Mon, 29 Feb 2100 00:00:00 GMT", None),
            ("Mon, 31 Apr 2028 00:00:00 GMT", None),
            ("Fri, 30 Feb 2024 00:00:00 GMT", None),
            ("Sun, 29 Feb 2026 00:00:00 GMT", None),
            ("Thu, 32 Jan 2024 00:00:00 GMT", None),
            ("Sun, 00 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 24:00:00 GMT", None),
            ("Sun, 06 Nov 1994 08:60:00 GMT", None),
            ("Sun, 06 Nov 1994 08:49:61 GMT", None),
            ("Sun, +6 Nov 1994 08:49:37 GMT", None),
            ("Sun,  6 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37 UTC", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT ", None),
            ("Sun, 06 Nov 1994 08.49.37 GMT", None),
            ("Sunday, 06-Nov-94 08:49:37 GMT", None),
            ("Sun Nov  6 08:49:37 1994", None),
            ("", None),
            ("120", None),
        ];
        for (text, want) in rows {
            assert_eq!(parse(text.as_bytes()), want, "{text}");
        }
    }

    #[test]
    fn a_change_of_any_byte_makes_the_date_invalid() {
        let text = b"Sun, 06 Nov 1994 08:49:37 GMT";
        for at in 0..text.len() {
            let mut other = *text;
            other[at] = b'\xB2';
            assert_eq!(parse(&other), None, "{at}");
            assert_eq!(parse(&text[..at]), None, "{at}");
        }
    }

    #[test]
    fn numbers_have_digits_only() {
        let rows: [(&str, Option<u64>); 8] = [
            ("0", Some(0)),
            ("0120", Some(120)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("+1", None),
            ("1.5", None),
            (" 1", None),
        ];
        for (text, want) in rows {
            assert_eq!(parse_digits(text.as_bytes()), want, "{text}");
        }
    }
}
