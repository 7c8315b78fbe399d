//! Identifiers of persons in North and South America.

use super::digits::{Digits, all_equal, is_day, luhn, number, weighted};

/// A social security number that the administration can have given out: no area 000, 666 or 9xx, no group 00, no serial 0000
/// (<https://www.ssa.gov/employer/randomization.html>), and not one of the two that advertisements made known.
pub fn is_ssn(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<9>(text) else { return false };
    let (area, group, serial) = (number(&digits[..3]), number(&digits[3..5]), number(&digits[5..]));
    let printed = matches!(number(&digits), 78_051_120 | 219_099_999 | 123_456_789);
    !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0 && !printed && !all_equal(&digits)
}

/// An individual taxpayer number: 9xx, and a group that the IRS uses for it.
pub fn is_itin(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<9>(text) else { return false };
    digits[0] == 9 && matches!(number(&digits[3..5]), 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// A national provider number: Luhn over it with the issuer's prefix 80840 before it.
pub fn is_npi(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<10>(text) else { return false };
    matches!(digits[0], 1 | 2) && luhn(&[&[8, 0, 8, 4, 0], &digits[..]].concat())
}

/// A Canadian social insurance number: Luhn, and a first digit that is in use.
pub fn is_sin(text: &[u8]) -> bool {
    Digits::exactly::<9>(text).is_some_and(|digits| !matches!(digits[0], 0 | 8) && luhn(&digits))
}

/// A Brazilian person's number: two digits, each of a sum of all before it.
pub fn is_cpf(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<11>(text) else { return false };
    let check = |length: usize| {
        let weights: Vec<u8> = (2..=length as u8 + 1).rev().collect();
        (weighted(&digits[..length], &weights) * 10 % 11 % 10) as u8
    };
    !all_equal(&digits) && check(9) == digits[9] && check(10) == digits[10]
}

/// A Brazilian company's number; letters, given out from 2026 on, count as their ASCII code less 48.
pub fn is_cnpj(text: &[u8]) -> bool {
    let values: Vec<u32> =
        text.iter().filter(|b| b.is_ascii_alphanumeric()).map(|b| u32::from(b.to_ascii_uppercase() - b'0')).collect();
    let [.., first, second] = values[..] else { return false };
    let check = |length: usize| {
        let weights = (2..=9).cycle();
        let sum: u32 = values[..length].iter().rev().zip(weights).map(|(value, weight)| value * weight).sum();
        match sum % 11 {
            0 | 1 => 0,
            rest => 11 - rest,
        }
    };
    values.len() == 14 && values.iter().any(|v| *v != values[0]) && check(12) == first && check(13) == second
}

/// A Mexican population registry code: a date of birth, and a digit over the 17 characters before it.
pub fn is_curp(text: &[u8]) -> bool {
    let Ok(code) = <&[u8; 18]>::try_from(text) else { return false };
    // The alphabet has an Ñ between N and O, so that what follows counts one more.
    let value = |byte: u8| match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'N' => u32::from(byte - b'A') + 10,
        _ => u32::from(byte - b'A') + 11,
    };
    let Some(date) = Digits::exactly::<6>(&code[4..10]) else { return false };
    let sum: u32 = code[..17].iter().zip((2..=18).rev()).map(|(byte, weight)| value(*byte) * weight).sum();
    is_day(number(&date[2..4]), number(&date[4..])) && (10 - sum % 10) % 10 == value(code[17])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::validator::digits::Answers;

    #[test]
    fn known_answers() {
        let all: [Answers<'_>; 7] = [
            (
                is_ssn,
                &["536-90-4399", "078-05-1123", "536904399"],
                &["078-05-1120", "000-12-3456", "666-12-3456", "912-12-3456", "536-00-4399", "536-90-0000"],
            ),
            (is_itin, &["911-70-1234", "900-50-0000"], &["911-49-1234", "811-70-1234", "911-93-1234"]),
            (is_npi, &["1234567893"], &["1234567890", "3234567893"]),
            (is_sin, &["130 692 544", "193-456-787"], &["046 454 286", "130 692 545"]),
            (is_cpf, &["529.982.247-25", "52998224725"], &["529.982.247-26", "111.111.111-11"]),
            (is_cnpj, &["11.222.333/0001-81", "12.ABC.345/01DE-35"], &["11.222.333/0001-82", "12.ABC.345/01DE-36"]),
            (is_curp, &["HEGG560427MVZRRL04", "BOXW310820HNERXN09"], &["HEGG560427MVZRRL05", "HEGG561327MVZRRL04"]),
        ];
        for (number, (check, good, bad)) in all.into_iter().enumerate() {
            good.iter().for_each(|text| assert!(check(text.as_bytes()), "{number}: {text}"));
            bad.iter().for_each(|text| assert!(!check(text.as_bytes()), "{number}: {text}"));
        }
    }
}
