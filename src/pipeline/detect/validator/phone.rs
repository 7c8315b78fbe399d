//! Telephone numbers: as many digits as a number has, and no date.

use super::digits::is_date;

/// Whether it has the digits of a telephone number (ITU-T E.164: fifteen at most; shorter ones than seven are not a person's).
///
/// Which numbers are given out changes every month and differs by country: that would take a table to be kept up, and would let a
/// person's number through wherever the table is old.
pub fn is_phone(text: &[u8]) -> bool {
    // `%2B` and `%20` are a plus and a blank.
    let mut digits = Vec::with_capacity(16);
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b'%' => at += 2,
            byte if byte.is_ascii_digit() => digits.push(byte),
            _ => {}
        }
        at += 1;
    }
    let same = digits.iter().filter(|digit| Some(*digit) == digits.last()).count();
    (7..=17).contains(&digits.len()) && same < digits.len() && !is_date(text)
}

#[cfg(test)]
mod tests {
    use super::is_phone;

    #[test]
    fn known_answers() {
        for phone in ["+44 20 7946 0018", "(415) 555-0132", "%2B49%20151%2023456789", "030 1234567", "0049 30 1234567"]
        {
            assert!(is_phone(phone.as_bytes()), "{phone}");
        }
        for other in ["12345", "2026-01-31", "31.01.2026", "99999999", "+123456789012345678"] {
            assert!(!is_phone(other.as_bytes()), "{other}");
        }
    }
}
