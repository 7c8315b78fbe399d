//! Identifiers of persons in the Nordic countries: a date of birth, a serial number, mostly a check character.

use super::digits::{Digits, is_day, luhn, number, weighted};

/// A Swedish personal number, of ten or twelve digits; a coordination number has 60 added to its day.
pub fn is_personnummer(text: &[u8]) -> bool {
    let Some(digits) = Digits::of(text) else { return false };
    let digits = match digits.as_slice() {
        [1, 8 | 9, rest @ ..] | [2, 0, rest @ ..] if rest.len() == 10 => rest,
        rest if rest.len() == 10 => rest,
        _ => return false,
    };
    let day = number(&digits[4..6]);
    is_day(number(&digits[2..4]), if day > 60 { day - 60 } else { day }) && luhn(digits)
}

/// A Norwegian birth number or D-number (40 added to the day): two digits of sums that are multiples of eleven.
///
/// From 2032 on the first of them is to be given up; until then both hold.
pub fn is_fodselsnummer(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<11>(text) else { return false };
    let (day, month) = (number(&digits[..2]), number(&digits[2..4]));
    let day = if day > 40 { day - 40 } else { day };
    let month = if month > 40 { month - 40 } else { month };
    is_day(month, day)
        && weighted(&digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
        && weighted(&digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// A Finnish personal identity code: the remainder of 31 tells its last character.
pub fn is_hetu(text: &[u8]) -> bool {
    let Ok(code) = <&[u8; 11]>::try_from(text) else { return false };
    let (Some(date), Some(serial)) = (Digits::exactly::<6>(&code[..6]), Digits::exactly::<3>(&code[7..10])) else {
        return false;
    };
    let rest = (number(&date) * 1000 + number(&serial)) % 31;
    let check = b"0123456789ABCDEFHJKLMNPRSTUVWXY"[rest as usize];
    is_day(number(&date[2..4]), number(&date[..2])) && number(&serial) >= 2 && code[10].eq_ignore_ascii_case(&check)
}

/// A Danish personal number: only its date can be checked, as numbers given out since 2007 have no check digit.
pub fn is_cpr(text: &[u8]) -> bool {
    Digits::exactly::<10>(text).is_some_and(|digits| is_day(number(&digits[2..4]), number(&digits[..2])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::validator::digits::Answers;

    #[test]
    fn known_answers() {
        let all: [Answers<'_>; 4] = [
            (
                is_personnummer,
                &["811218-9876", "19811218-9876", "8112189876", "701063-2391"],
                &["811218-9875", "811318-9876", "17811218-9876"],
            ),
            (is_fodselsnummer, &["15021951940", "150219 51940"], &["15021951941", "15131951940"]),
            (is_hetu, &["131052-308T", "131052-308t"], &["131052-308U", "131352-308T", "131052-308"]),
            (is_cpr, &["070761-4285", "0707614285"], &["320761-4285", "071361-4285"]),
        ];
        for (number, (check, good, bad)) in all.into_iter().enumerate() {
            good.iter().for_each(|text| assert!(check(text.as_bytes()), "{number}: {text}"));
            bad.iter().for_each(|text| assert!(!check(text.as_bytes()), "{number}: {text}"));
        }
    }
}
