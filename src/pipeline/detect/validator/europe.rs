//! Identifiers of persons in Europe, without the Nordic countries.

use super::digits::{Digits, all_equal, is_day, number, weighted};

/// A British NHS number: the remainder of eleven (NHS Data Dictionary).
pub fn is_nhs(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<10>(text) else { return false };
    let check = (11 - weighted(&digits[..9], &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    !all_equal(&digits) && check == u32::from(digits[9])
}

/// A British national insurance number's prefix: some pairs of letters are not given out.
pub fn is_nino(text: &[u8]) -> bool {
    let prefix = [text[0].to_ascii_uppercase(), text[1].to_ascii_uppercase()];
    !matches!(&prefix, b"BG" | b"GB" | b"KN" | b"NK" | b"NT" | b"TN" | b"ZZ")
}

/// A Spanish identity number, of a citizen or (X, Y, Z) a foreigner: the remainder of 23 tells the letter.
pub fn is_dni(text: &[u8]) -> bool {
    let mut characters = text.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase);
    let mut digits = [0u8; 8];
    for (place, digit) in digits.iter_mut().enumerate() {
        *digit = match characters.next() {
            Some(byte @ b'0'..=b'9') => byte - b'0',
            Some(byte @ b'X'..=b'Z') if place == 0 => byte - b'X',
            _ => return false,
        };
    }
    let letter = b"TRWAGMYFPDXBNJZSQVHLCKE"[(number(&digits) % 23) as usize];
    characters.next() == Some(letter) && characters.next().is_none() && number(&digits) != 0
}

/// A French NIR: the key is what is missing to a multiple of 97. Corsica's departments count as 19 and 18.
pub fn is_nir(text: &[u8]) -> bool {
    let compact: Vec<u8> = text.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    let digits: Vec<u8> = match &compact[..] {
        [before @ .., b'2', b'A' | b'a', b, c, d, e, f, g, h, k] => {
            [before, b"19", &[*b, *c, *d, *e, *f, *g, *h, *k]].concat()
        }
        [before @ .., b'2', b'B' | b'b', b, c, d, e, f, g, h, k] => {
            [before, b"18", &[*b, *c, *d, *e, *f, *g, *h, *k]].concat()
        }
        all => all.to_vec(),
    };
    let Some(digits) = Digits::exactly::<15>(&digits) else { return false };
    let month = number(&digits[3..5]);
    matches!(month, 1..=12 | 20 | 30..=42 | 50..=99) && number(&digits[13..]) == 97 - number(&digits[..13]) % 97
}

/// An Italian fiscal code: the sum of what its characters count, otherwise at odd places than at even ones, tells the last letter.
pub fn is_codice_fiscale(text: &[u8]) -> bool {
    const ODD: [u8; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let Ok(code) = <&[u8; 16]>::try_from(text) else { return false };
    let value = |byte: u8| match byte {
        b'0'..=b'9' => byte - b'0',
        _ => byte.to_ascii_uppercase().wrapping_sub(b'A').min(25),
    };
    let sum: u32 = code[..15]
        .iter()
        .enumerate()
        .map(|(at, byte)| u32::from(if at % 2 == 0 { ODD[usize::from(value(*byte))] } else { value(*byte) }))
        .sum();
    sum % 26 == u32::from(value(code[15])) && code[15].is_ascii_alphabetic()
}

/// A German tax number of a person: the check digit of ISO/IEC 7064, MOD 11,10, and in its ten digits one that stands there twice or
/// three times, but not three times in a row.
pub fn is_steuer_id(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<11>(text) else { return false };
    let mut counts = [0; 10];
    digits[..10].iter().for_each(|digit| counts[usize::from(*digit)] += 1);
    let repeated = counts.iter().filter(|count| **count > 1).count();
    let most = counts.iter().max().copied().unwrap_or(0);
    let in_a_row = digits[..10].windows(3).any(all_equal);
    digits[0] != 0 && repeated == 1 && most <= 3 && !in_a_row && mod_11_10(&digits)
}

/// A Croatian personal number: the same check digit.
pub fn is_oib(text: &[u8]) -> bool {
    Digits::exactly::<11>(text).is_some_and(|digits| mod_11_10(&digits))
}

/// ISO/IEC 7064, MOD 11,10.
fn mod_11_10(digits: &[u8]) -> bool {
    let (last, before) = digits.split_last().expect("callers have digits");
    let product = before.iter().fold(10, |product, digit| {
        let sum = (u32::from(*digit) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(*last)
}

/// A Polish PESEL: a date of birth, the century added to its month, and a digit of a weighted sum.
pub fn is_pesel(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<11>(text) else { return false };
    is_day(number(&digits[2..4]) % 20, number(&digits[4..6]))
        && weighted(&digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10)
}

/// A Polish tax number.
pub fn is_nip(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<10>(text) else { return false };
    !all_equal(&digits) && weighted(&digits[..9], &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == u32::from(digits[9])
}

/// A Dutch citizen's number: the "eleven test", the last digit counting negative.
pub fn is_bsn(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<9>(text) else { return false };
    let sum = weighted(&digits[..8], &[9, 8, 7, 6, 5, 4, 3, 2]) + 11 - u32::from(digits[8]);
    !all_equal(&digits) && sum.is_multiple_of(11)
}

/// A Belgian national number: what is missing to a multiple of 97, with a 2 before it for those born from 2000 on.
pub fn is_belgian(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<11>(text) else { return false };
    let (body, key) = (number(&digits[..9]), number(&digits[9..]));
    let (month, day) = (number(&digits[2..4]), number(&digits[4..6]));
    // Bis numbers have 20 or 40 added to the month; an unknown date is written with zeros.
    (is_day(month % 20, day) || month % 20 == 0)
        && body != 0
        && [body, body + 2_000_000_000].iter().any(|body| 97 - body % 97 == key)
}

/// A Portuguese tax number.
pub fn is_portuguese_nif(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<9>(text) else { return false };
    let rest = weighted(&digits[..8], &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if rest < 2 { 0 } else { 11 - rest };
    digits[0] != 0 && check == u32::from(digits[8])
}

/// A Swiss social insurance number: Switzerland's 756, and the check digit of an EAN-13.
pub fn is_ahv(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<13>(text) else { return false };
    digits.starts_with(&[7, 5, 6]) && weighted(&digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

/// An Irish PPS number: the remainder of 23 tells the letter, a second one counting nine times.
pub fn is_pps(text: &[u8]) -> bool {
    let Some(digits) = text.get(..7).and_then(Digits::exactly::<7>) else { return false };
    let letter = |byte: u8| match byte.to_ascii_uppercase() {
        b'W' => 0,
        byte => u32::from(byte.wrapping_sub(b'A')) + 1,
    };
    let second = text.get(8).map_or(0, |byte| letter(*byte));
    let rest = (weighted(&digits, &[8, 7, 6, 5, 4, 3, 2]) + second * 9) % 23;
    text.get(7).is_some_and(|byte| letter(*byte) == rest)
}

/// A Czech or Slovak birth number of ten digits: a multiple of eleven; a woman's month has 50 added, a full one 20 more.
pub fn is_rodne_cislo(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<10>(text) else { return false };
    let month = number(&digits[2..4]) % 50;
    is_day(if month > 20 { month - 20 } else { month }, number(&digits[4..6])) && number(&digits).is_multiple_of(11)
}

/// A Romanian personal number.
pub fn is_cnp(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<13>(text) else { return false };
    let rest = weighted(&digits[..12], &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    let check = if rest == 10 { 1 } else { rest };
    digits[0] != 0 && is_day(number(&digits[3..5]), number(&digits[5..7])) && check == u32::from(digits[12])
}

/// A Bulgarian personal number; the month has 20 or 40 added for other centuries.
pub fn is_egn(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<10>(text) else { return false };
    is_day(number(&digits[2..4]) % 20, number(&digits[4..6]))
        && weighted(&digits[..9], &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == u32::from(digits[9])
}

/// A Turkish identity number: two check digits of sums of the odd and even places.
pub fn is_kimlik(text: &[u8]) -> bool {
    let Some(digits) = Digits::exactly::<11>(text) else { return false };
    let odd = weighted(&digits[..9], &[1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let even = weighted(&digits[..9], &[0, 1, 0, 1, 0, 1, 0, 1]);
    let tenth = (odd * 7 + 100 - even) % 10;
    digits[0] != 0 && tenth == u32::from(digits[9]) && (odd + even + tenth) % 10 == u32::from(digits[10])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::detect::validator::digits::Answers;

    #[test]
    fn known_answers() {
        let all: [Answers<'_>; 18] = [
            (is_nhs, &["943 476 5919", "4010232137"], &["943 476 5918", "1111111111"]),
            (is_nino, &["AB123456C", "jg 10 37 59 a"], &["GB123456C", "nt123456c"]),
            (is_dni, &["12345678Z", "12345678-z", "X1234567L"], &["12345678A", "X1234567M", "A1234567L"]),
            (is_nir, &["255081416802538", "2 55 08 14 168 025 38"], &["255081416802539", "255151416802538"]),
            (is_codice_fiscale, &["RSSMRA85T10A562S", "rssmra85t10a562s"], &["RSSMRA85T10A562T"]),
            (is_steuer_id, &["86095742719", "65 929 970 489"], &["86095742718", "12345678903"]),
            (is_oib, &["69435151530"], &["69435151531"]),
            (is_pesel, &["44051401359"], &["44051401358", "44131401359"]),
            (is_nip, &["123-456-32-18", "5260250995"], &["1234563219"]),
            (is_bsn, &["111222333", "1112.22.333"], &["111222334", "000000000"]),
            (is_belgian, &["85.07.30-033.28", "85073003328"], &["85.07.30-033.29"]),
            (is_portuguese_nif, &["123456789", "501 964 843"], &["123456788"]),
            (is_ahv, &["756.9217.0769.85", "7569217076985"], &["756.9217.0769.84", "7579217076985"]),
            (is_pps, &["1234567T", "1234567FA"], &["1234567U"]),
            (is_rodne_cislo, &["736028/5163", "7360285163"], &["736028/5164"]),
            (is_cnp, &["1800101221144"], &["1800101221145"]),
            (is_egn, &["7523169263", "8032056031"], &["7523169264"]),
            (is_kimlik, &["10000000146"], &["10000000147", "00000000146"]),
        ];
        for (number, (check, good, bad)) in all.into_iter().enumerate() {
            good.iter().for_each(|text| assert!(check(text.as_bytes()), "{number}: {text}"));
            bad.iter().for_each(|text| assert!(!check(text.as_bytes()), "{number}: {text}"));
        }
    }
}
