//! Whether characters follow each other as chance has them, for values whose key says little.
//!
//! In base62 two neighbours are of different classes (upper case, lower case, digit) in 62 % of all places, in hex and base36 in some 45 %; in names
//! with numbers in them in some 20 %, as a word or a number goes on for a while.

use super::entropy::bits_per_character;
use crate::pipeline::detect::letters;

const SHORTEST: usize = 16;
const SHORTEST_MIXED: usize = 20;
/// Of so many neighbours, one pair at least is of different classes.
const CHANGES_IN: usize = 5;
/// So often letters and digits take turns in what need not be looked at for words: `ServiceV2Impl4` has three turns.
const TURNS: usize = 4;
/// Bits per character, at least; 16 characters of chance seldom have fewer.
const LEAST_BITS: f32 = 2.8;
const LEAST_BITS_MIXED: f32 = 3.7;

/// Whether `text` is letters and digits in turn, in parts of which the longest is nearly all of it; or a UUID.
pub fn is_random(text: &[u8]) -> bool {
    let is_of = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'=' | b'.' | b'-');
    text.len() >= SHORTEST
        && text.iter().all(is_of)
        && (is_uuid(text) || (changes_enough(text) && bits_per_character(text) >= LEAST_BITS))
}

/// Whether `text` is random and has letters of both cases, as no digest and no name of a file has.
pub fn is_mixed(text: &[u8]) -> bool {
    let is_mixed = |part: &[u8]| {
        part.iter().any(u8::is_ascii_digit)
            && part.iter().any(u8::is_ascii_uppercase)
            && part.iter().any(u8::is_ascii_lowercase)
    };
    let longest = parts(text).filter(|part| is_mixed(part)).map(<[u8]>::len).max().unwrap_or(0);
    text.len() >= SHORTEST_MIXED
        && !text.contains(&b'.')
        && longest * 3 >= text.len()
        && is_random(text)
        && bits_per_character(text) >= LEAST_BITS_MIXED
}

fn parts(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| !byte.is_ascii_alphanumeric())
}

/// Whether letters, small and large, and digits take turns as often as they do by chance, in parts that make up most of `text`.
fn changes_enough(text: &[u8]) -> bool {
    let all: Vec<u8> = text.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    let count = |of: fn(u8) -> u8| all.windows(2).filter(|pair| of(pair[0]) != of(pair[1])).count();
    let turns = count(|byte| byte.is_ascii_digit().into());
    // Of a path or a name in parts, most are words.
    let is_word = |part: &&[u8]| {
        let letters = part.split_first().filter(|(first, _)| first.is_ascii_uppercase()).map(|(_, rest)| rest);
        part.len() > 2 && (is_one_case(part) || letters.is_some_and(is_one_case))
    };
    let words: usize = parts(text).filter(is_word).map(<[u8]>::len).sum();
    turns > 0
        && count(class) * CHANGES_IN >= all.len()
        && (turns >= TURNS || letters::are_mostly_in_no_order(text))
        && words * 4 <= all.len()
}

/// Letters of one case, or digits and nothing else.
fn is_one_case(part: &[u8]) -> bool {
    let first = part.first().map(|first| class(*first));
    part.iter().all(|byte| Some(class(*byte)) == first)
}

fn class(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => 0,
        b'A'..=b'Z' => 1,
        _ => 2,
    }
}

/// 8-4-4-4-12 hex digits (RFC 9562, section 4).
fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_told() {
        for text in [
            "9c2d1e4f7a8b3c6d5e0f9a8b7c6d5e4f",
            "k2Jq0Zm48dX1tqZp7LwTb4Rv8N",
            "x7k2m9c4vw8z5tn1",
            "QzhXwKqvTpLjmGf8RdNbYcWs",
            "k2Jq0Zm-dcHI-X1tqZp_ZV5S-7LwTb",
            "f3a9dfd2-83eb-47c7-ba8f-95e053a6d0ae",
            "Zm4Qx81LkW0pT3/9dUx+wq2LmN7aVb==",
        ] {
            assert!(is_random(text.as_bytes()), "{text}");
        }
        assert!(is_mixed(b"k2Jq0Zm48dX1tqZp7LwTb4Rv8N"));
        assert!(!is_mixed(b"macOS-9c2d1e4f7a8b3c6d5e0f9a8b7c6d5e4f"));
        assert!(!is_mixed(b"9c2d1e4f7a8b3c6d5e0f9a8b7c6d5e4f"));
    }

    #[test]
    fn names_are_not() {
        for text in [
            "",
            "k2Jq0Zm48dX",
            "orders.v2.created.2026",
            "user_profile_v2_cache_entry",
            "projects/shop-2/keys/signing-1",
            "SKU-12345-RED-XL-2026",
            "job-12-of-34-on-host-5-b",
            "getUserByIdAndName2",
            "AbstractUserServiceV2Impl4",
            "20261130T120000Z-export",
            "12345678901234567890",
            "/etc/ssl/private/server1.key",
            "com.example.app.ServiceKeyV2",
            "eu-west-1-orders-table-7",
            "aaaaaaaaaaaaaaaaaaaaaaaa1",
        ] {
            assert!(!is_random(text.as_bytes()), "{text}");
            assert!(!is_mixed(text.as_bytes()), "{text}");
        }
    }
}
