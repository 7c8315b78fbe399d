//! What numbers with check digits share: their digits without the separators, sums, dates.

/// The digits of a number as people write it, in groups or not.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    values: [u8; Self::MAX],
    len: usize,
}

impl Digits {
    const MAX: usize = 20;

    /// The digits of `text`; `None` when something else stands there than digits and what parts groups, or there are too many.
    pub fn of(text: &[u8]) -> Option<Self> {
        let (mut all, mut at) = (Self { values: [0; Self::MAX], len: 0 }, 0);
        while at < text.len() {
            match text[at] {
                byte @ b'0'..=b'9' => {
                    *all.values.get_mut(all.len)? = byte - b'0';
                    all.len += 1;
                }
                b'%' if text[at..].starts_with(b"%20") => at += 2,
                b' ' | b'-' | b'.' | b'/' | b'+' => {}
                _ => return None,
            }
            at += 1;
        }
        Some(all)
    }

    /// The digits of `text`, if there are just so many.
    pub fn exactly<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
        Self::of(text)?.as_slice().try_into().ok()
    }

    /// As a slice, each from 0 to 9.
    pub fn as_slice(&self) -> &[u8] {
        &self.values[..self.len]
    }
}

/// The sum of the digits, each times its weight.
pub fn weighted(digits: &[u8], weights: &[u8]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * u32::from(*weight)).sum()
}

/// Digits as a number.
pub fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number, digit| number * 10 + u64::from(*digit))
}

/// Whether the Luhn sum is a multiple of ten (ISO/IEC 7812-1, annex B).
pub fn luhn(digits: &[u8]) -> bool {
    let double = |digit: u8| u32::from(if digit > 4 { digit * 2 - 9 } else { digit * 2 });
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| if at % 2 == 1 { double(*digit) } else { (*digit).into() })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether all digits are one and the same, which passes most sums and is nobody's number.
pub fn all_equal(digits: &[u8]) -> bool {
    digits.iter().all(|digit| *digit == digits[0])
}

/// Whether there is such a day in some year; the year's digits do not tell the century, so 29 February is always one.
pub fn is_day(month: u64, day: u64) -> bool {
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// `2026-01-31`, `2026/01/31`, `31.01.2026`, and what a time begins with behind it.
pub fn is_date(text: &[u8]) -> bool {
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    let parted = |a: u8, b: u8| a == b && matches!(a, b'-' | b'/' | b'.');
    let year_first = matches!(text, [b'1', b'9', ..] | [b'2', b'0', ..])
        && text.get(..10).is_some_and(|t| parted(t[4], t[7]) && digits(&t[..4]) && digits(&t[5..7]) && digits(&t[8..]));
    let day_first =
        text.len() == 10 && parted(text[2], text[5]) && matches!(&text[6..8], b"19" | b"20") && digits(&text[8..]);
    year_first || day_first
}

/// A check, numbers that pass it, and numbers that do not.
#[cfg(test)]
pub type Answers<'a> = (fn(&[u8]) -> bool, &'a [&'a str], &'a [&'a str]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_read_as_one_number() {
        for text in ["12345", "12 34-5", "1.2/3%2045"] {
            assert_eq!(Digits::exactly::<5>(text.as_bytes()), Some([1, 2, 3, 4, 5]), "{text}");
        }
        for text in ["1234", "1234a5", "12%2145"] {
            assert_eq!(Digits::exactly::<5>(text.as_bytes()), None, "{text}");
        }
        assert!(Digits::of(&[b'1'; 21]).is_none());
    }

    #[test]
    fn sums_and_days() {
        assert!(luhn(&[7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 3]) && !luhn(&[7, 9, 9, 2, 7, 3, 9, 8, 7, 1, 0]));
        assert!(is_day(2, 29) && !is_day(2, 30) && !is_day(13, 1) && !is_day(0, 1) && !is_day(4, 31));
        assert_eq!((weighted(&[1, 2], &[3, 4]), number(&[4, 2])), (11, 42));
    }
}
