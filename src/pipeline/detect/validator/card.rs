//! Payment cards: issuer ranges, lengths, and the Luhn digit of ISO/IEC 7812-1.
//!
//! The ranges are those that the networks publish for the first digits of their cards; a number that no network gives out is some
//! other number, however its sum comes out.

use super::digits::{Digits, luhn, number};

/// First six digits, from and to, and the lengths that such a card may have.
const ISSUERS: &[(u64, u64, &[usize])] = &[
    // UATP.
    (100_000, 199_999, &[15]),
    // Mastercard, second range.
    (222_100, 272_099, &[16]),
    // Mir.
    (220_000, 220_499, &[16, 17, 18, 19]),
    // Diners Club.
    (300_000, 305_999, &[14, 16]),
    (309_500, 309_599, &[14, 16]),
    (360_000, 369_999, &[14, 15, 16, 17, 18, 19]),
    (380_000, 399_999, &[14, 15, 16, 17, 18, 19]),
    // American Express.
    (340_000, 349_999, &[15]),
    (370_000, 379_999, &[15]),
    // JCB.
    (352_800, 358_999, &[16, 17, 18, 19]),
    // Visa.
    (400_000, 499_999, &[13, 16, 19]),
    // Mastercard; Dankort and Maestro between.
    (500_000, 509_999, &[13, 15, 16, 17, 18, 19]),
    (510_000, 559_999, &[16]),
    (560_000, 599_999, &[13, 15, 16, 17, 18, 19]),
    // Discover, RuPay, UnionPay, Maestro.
    (600_000, 699_999, &[13, 15, 16, 17, 18, 19]),
    // Troy and Verve stand in the ranges above; 8 is RuPay's and UnionPay's.
    (810_000, 817_199, &[16, 17, 18, 19]),
];

/// Whether it is a card's number: of an issuer, of a length that it gives out, with the right last digit.
pub fn is_card(text: &[u8]) -> bool {
    let Some(digits) = Digits::of(text) else { return false };
    let digits = digits.as_slice();
    let Some(first) = digits.get(..6).map(number) else { return false };
    let known =
        |(from, to, lengths): &(u64, u64, &[usize])| (*from..=*to).contains(&first) && lengths.contains(&digits.len());
    ISSUERS.iter().any(known) && luhn(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        for card in [
            "4242 4242 4242 4242",
            "4242424242424242",
            "4111111111111111",
            "5555-5555-5555-4444",
            "2223003122003222",
            "378282246310005",
            "3782 822463 10005",
            "6011111111111117",
            "3056930009020004",
            "36227206271667",
            "3566002020360505",
            "6200000000000005",
            "135410014004955",
        ] {
            assert!(is_card(card.as_bytes()), "{card}");
        }
        // A wrong digit, no issuer, no such length, nobody's number.
        for other in ["4242424242424241", "9999999999999995", "42424242424242426", "4000000000000", "1736942400000"] {
            assert!(!is_card(other.as_bytes()), "{other}");
        }
    }
}
