//! Identifiers of persons in Asia, Africa and Oceania.

use super::digits::{Digits, all_equal, is_day, luhn, number, weighted};

/// An Australian tax file number: a weighted sum that is a multiple of eleven.
pub fn is_tfn(text: &[u8]) -> bool {
    Digits::exactly::<9>(text).is_some_and(|digits| {
        !all_equal(&digits) && weighted(&digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11)
    })
}

/// An Australian Medicare card: the ninth digit is the last of a weighted sum; an eleventh tells persons on one card apart.
pub fn is_medicare(text: &[u8]) -> bool {
    let Some(digits) = Digits::of(text) else { return false };
    let digits = digits.as_slice();
    matches!(digits.len(), 10 | 11)
        && matches!(digits[0], 2..=6)
        && weighted(&digits[..8], &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == u32::from(digits[8])
}

/// An Indian Aadhaar number: Verhoeff's check digit, and no 0 or 1 in front.
pub fn is_aadhaar(text: &[u8]) -> bool {
    Digits::exactly::<12>(text).is_some_and(|digits| digits[0] > 1 && verhoeff(&digits))
}

/// J. Verhoeff, Error detecting decimal codes (1969): products in the group of a pentagon's turns and flips, digits permuted by place.
fn verhoeff(digits: &[u8]) -> bool {
    const PERMUTED: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let product = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a - 5 + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let placed = |(place, digit): (usize, &u8)| (0..place % 8).fold(*digit, |digit, _| PERMUTED[usize::from(digit)]);
    digits.iter().rev().enumerate().map(placed).fold(0, product) == 0
}

/// A Chinese resident identity number: a date of birth, and the character of ISO/IEC 7064, MOD 11-2.
pub fn is_resident_id(text: &[u8]) -> bool {
    let Ok(code) = <&[u8; 18]>::try_from(text) else { return false };
    let Some(digits) = Digits::exactly::<17>(&code[..17]) else { return false };
    let year = number(&digits[6..10]);
    let sum = weighted(&digits, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    matches!(year, 1850..=2199)
        && digits[0] != 0
        && is_day(number(&digits[10..12]), number(&digits[12..14]))
        && b"10X98765432"[(sum % 11) as usize] == code[17].to_ascii_uppercase()
}

/// A South Korean registration number: its date of birth. Numbers given out since October 2020 have no check digit.
pub fn is_rrn(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<13>(text) else { return false };
    is_day(number(&digits[2..4]), number(&digits[4..6])) && matches!(digits[6], 1..=8)
}

/// A Japanese individual number: the remainder of eleven.
pub fn is_my_number(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<12>(text) else { return false };
    let rest = weighted(&digits[..11], &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if rest < 2 { 0 } else { 11 - rest };
    !all_equal(&digits) && check == u32::from(digits[11])
}

/// An Israeli identity number: Luhn over nine digits.
pub fn is_israeli(text: &[u8]) -> bool {
    Digits::exactly::<9>(text).is_some_and(|digits| !all_equal(&digits) && luhn(&digits))
}

/// A Thai identity number: the remainder of eleven, its last digit.
pub fn is_thai(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<13>(text) else { return false };
    let sum = weighted(&digits[..12], &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    digits[0] != 0 && (11 - sum % 11) % 10 == u32::from(digits[12])
}

/// A Singaporean identity number: a letter of a table for citizens (S, T), foreigners (F, G) or those since 2022 (M).
pub fn is_nric(text: &[u8]) -> bool {
    let Ok(&[kind, ref digits @ .., last]) = <&[u8; 9]>::try_from(text) else { return false };
    let Some(digits) = Digits::exactly::<7>(digits) else { return false };
    let (offset, letters) = match kind.to_ascii_uppercase() {
        b'S' => (0, b"JZIHGFEDCBA"),
        b'T' => (4, b"JZIHGFEDCBA"),
        b'F' => (0, b"XWUTRQPNMLK"),
        b'G' => (4, b"XWUTRQPNMLK"),
        b'M' => (3, b"XWUTRQPNJLK"),
        _ => return false,
    };
    let rest = (weighted(&digits, &[2, 7, 6, 5, 4, 3, 2]) + offset) % 11;
    last.to_ascii_uppercase() == letters[rest as usize]
}

/// A South African identity number: a date of birth, and Luhn.
pub fn is_south_african(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<13>(text) else { return false };
    is_day(number(&digits[2..4]), number(&digits[4..6])) && digits[10] < 2 && luhn(&digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::validator::digits::Answers;

    #[test]
    fn known_answers() {
        let all: [Answers<'_>; 10] = [
            (is_tfn, &["123 456 782", "876543210"], &["123 456 789"]),
            (is_medicare, &["2123 45670 1", "2428778132"], &["2123 45671 1", "1123 45670 1"]),
            (is_aadhaar, &["2341 2341 2346", "234123412346"], &["2341 2341 2347", "1234 1234 1234"]),
            (
                is_resident_id,
                &["11010519491231002X", "440524188001010014"],
                &["110105194912310021", "11010519491331002X"],
            ),
            (is_rrn, &["900101-1234567"], &["901301-1234567", "900101-9234567"]),
            (is_my_number, &["123456789018"], &["123456789019"]),
            (is_israeli, &["123456782"], &["123456789"]),
            (is_thai, &["1-2345-67890-12-1"], &["1-2345-67890-12-2"]),
            (is_nric, &["S1234567D", "F1234567N", "T0000001E"], &["S1234567E"]),
            (is_south_african, &["8001015009087", "800101 5009 087"], &["8001015009088", "8013015009087"]),
        ];
        for (number, (check, good, bad)) in all.into_iter().enumerate() {
            good.iter().for_each(|text| assert!(check(text.as_bytes()), "{number}: {text}"));
            bad.iter().for_each(|text| assert!(!check(text.as_bytes()), "{number}: {text}"));
        }
    }
}
