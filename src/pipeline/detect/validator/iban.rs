//! International bank account numbers (ISO 13616): a country's own length, and the remainder of 97 of ISO 7064.

/// Countries and the whole length of their numbers, from the SWIFT registry; two letters and two digits each.
const LENGTHS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 \
                       EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 \
                       KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 \
                       PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 \
                       UA29 VA22 VG24 XK20 YE30";

/// The length of an account number of this country.
pub fn length(country: [u8; 2]) -> Option<usize> {
    let entry = LENGTHS.as_bytes().chunks(5).find(|entry| entry[..2] == country)?;
    Some(usize::from(entry[2] - b'0') * 10 + usize::from(entry[3] - b'0'))
}

/// Whether it is an account number, its separators left out.
pub fn is_iban(text: &[u8]) -> bool {
    let (mut all, mut len) = ([0u8; 34], 0);
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with(b"%20") {
            at += 3;
            continue;
        }
        if text[at].is_ascii_alphanumeric() {
            let Some(place) = all.get_mut(len) else { return false };
            *place = text[at];
            len += 1;
        }
        at += 1;
    }
    let all = &all[..len];
    let [a, b, ..] = *all else { return false };
    length([a, b]) == Some(len)
        && remainder(all[4..].iter().chain(&all[..4])) == 1
        && all[4..].iter().any(|b| *b != b'0')
}

/// The remainder of 97, a letter standing for two digits from 10 on.
fn remainder<'b>(characters: impl Iterator<Item = &'b u8>) -> u32 {
    characters.fold(0, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte.to_ascii_uppercase() - b'A') + 10) % 97,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        for iban in [
            "GB82 WEST 1234 5698 7654 32",
            "DE89370400440532013000",
            "FR14-2004-1010-0505-0001-3M02-606",
            "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S",
            "NL91%20ABNA%200417%201643%2000",
        ] {
            assert!(is_iban(iban.as_bytes()), "{iban}");
        }
        for other in ["GB82WEST12345698765433", "GB82WEST1234569876543", "ZZ82WEST12345698765432", "DE89", ""] {
            assert!(!is_iban(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn the_table_is_whole() {
        assert!(LENGTHS.split(' ').all(|entry| entry.len() == 4));
        assert_eq!((length(*b"AD"), length(*b"YE"), length(*b"24")), (Some(24), Some(30), None));
    }
}
