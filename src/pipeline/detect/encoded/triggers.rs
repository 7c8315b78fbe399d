//! What the engine looks for on behalf of the codecs.
//!
//! The fewer and the longer, the better: each literal costs scan speed, and each hit costs as much as a hundred bytes of it.

use std::collections::BTreeSet;

use super::{Codec, base64};
use crate::pipeline::detect::trigger::{Literal, Trigger};

/// Escapes that need not be written as ones begin with these; see [`Codec::is_worth_a_look`] for what is made of a hit.
const SPELLED: &[(&str, Codec)] = &[
    ("\\u00", Codec::Escapes),
    ("\\x", Codec::Escapes),
    ("\\/", Codec::Escapes),
    ("&#", Codec::Entities),
    // Letters.
    ("%4", Codec::Percent),
    ("%5", Codec::Percent),
    ("%6", Codec::Percent),
    ("%7", Codec::Percent),
    // Digits, and not `%3A`, `%3D` or `%3F`.
    ("%30", Codec::Percent),
    ("%31", Codec::Percent),
    ("%32", Codec::Percent),
    ("%33", Codec::Percent),
    ("%34", Codec::Percent),
    ("%35", Codec::Percent),
    ("%36", Codec::Percent),
    ("%37", Codec::Percent),
    ("%38", Codec::Percent),
    ("%39", Codec::Percent),
    ("%2d", Codec::Percent),
    ("%2e", Codec::Percent),
    // The same, encoded again and again.
    ("%253", Codec::Percent),
    ("%254", Codec::Percent),
    ("%255", Codec::Percent),
    ("%256", Codec::Percent),
    ("%257", Codec::Percent),
    ("%2525", Codec::Percent),
    // `://` in front of a password.
    ("3a%2f%2f", Codec::Percent),
];

/// Keys that tell of a value in base64. There is no looking for letters in any case there, so each spelling counts on its own.
const KEYS: &[&str] = &[
    "password", "Password", "PASSWORD", "passwd", "PASSWD", "secret", "Secret", "SECRET", "token", "Token", "TOKEN",
    "api_key", "API_KEY", "api-key", "apikey", "apiKey", "ApiKey",
];

/// How the headers of JSON web tokens begin, by their first member: the three letters that all have in common are too few.
const JWT_HEADERS: &[&str] = &[
    "eyJhbGci", "eyJ0eXAi", "eyJraWQi", "eyJjdHki", "eyJlbmMi", "eyJ6aXAi", "eyJqa3Ui", "eyJqd2si", "eyJ4NWMi",
    "eyJ4NXQi", "eyJhcGki", "eyJwcHQi",
];
/// `eyJ` at the start of what is encoded: just long enough.
const JWT_AT_START: (&str, u8) = ("ZXlK", 0);

/// Shorter literals of a pattern have no form that is long enough.
const SHORTEST: usize = 4;

/// The triggers of every codec, for rules with patterns that have these triggers, and for rules that go by keys.
pub fn triggers<'t>(patterns: impl Iterator<Item = &'t Trigger>, keys: bool) -> BTreeSet<(Literal, Codec)> {
    let mut literals: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut all = BTreeSet::new();
    let cased = |text: &str| Literal { bytes: text.as_bytes().to_vec(), caseless: false };
    let packed = |text: &str, phase: u8| (cased(text), Codec::Base64 { phase });
    for literal in patterns.map(Trigger::literal_run) {
        if literal.starts_with(b"eyJ") {
            literals.extend(JWT_HEADERS.iter().map(|header| header.as_bytes().to_vec()));
            all.insert(packed(JWT_AT_START.0, JWT_AT_START.1));
        }
        if literal.len() >= SHORTEST {
            literals.insert(literal);
        }
    }
    if keys {
        literals.extend(KEYS.iter().map(|key| key.as_bytes().to_vec()));
    }
    all.extend(literals.iter().flat_map(|literal| base64::forms(literal)).map(|form| packed(&form.text, form.phase)));
    all.extend(SPELLED.iter().map(|(text, codec)| {
        // Hexadecimal digits come in both cases.
        let caseless = text.ends_with(|last: char| last.is_ascii_lowercase() && last != 'x');
        (Literal { caseless, ..cased(text) }, *codec)
    }));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_and_keys_bring_their_forms() {
        let patterns = [Trigger::literal("ghp_", false), Trigger::literal("SK", false), Trigger::literal("eyJ", false)];
        let all = triggers(patterns.iter(), true);
        let has = |text: &str, phase: u8| {
            let literal = Literal { bytes: text.as_bytes().to_vec(), caseless: false };
            all.contains(&(literal, Codec::Base64 { phase }))
        };
        assert!(has("Z2hwX", 1) && has("docF8", 3) && has("docF9", 3) && has("naHBf", 0));
        assert!(has("ZXlKaGJH", 0) && has("cGFzc3dv", 0) && has("ZXlK", 0));
    }
}
