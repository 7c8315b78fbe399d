//! What the engine looks for on behalf of the codecs.
//!
//! The fewer and the longer, the better: each literal costs scan speed, and each hit costs as much as a hundred bytes of it.

use std::collections::BTreeSet;

use super::percent::is_unreserved;
use super::{Codec, base64};
use crate::pipeline::detect::trigger::Literal;

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
    // What is no letter in base64.
    ("%252b", Codec::Percent),
    ("%252f", Codec::Percent),
    // `://` in front of a password.
    ("3a%2f%2f", Codec::Percent),
];

/// Keys that tell of a value in base64. There is no looking for letters in any case there, so each spelling counts on its own.
const KEYS: &[&str] = &[
    "password", "Password", "PASSWORD", "passwd", "PASSWD", "secret", "Secret", "SECRET", "token", "Token", "TOKEN",
    "api_key", "API_KEY", "api-key", "apikey", "apiKey", "ApiKey",
];

/// The triggers of every codec; those of `keys` only where rules go by keys.
///
/// Text in base64 is found by its form ([`packed`](super::packed)); where a key tells of a value, less of it is enough.
pub fn triggers(keys: bool) -> BTreeSet<(Literal, Codec)> {
    let cased = |text: &str| Literal { bytes: text.as_bytes().to_vec(), caseless: false };
    let keys = if keys { KEYS } else { &[] };
    let forms = keys.iter().flat_map(|key| base64::forms(key.as_bytes()));
    let packed = forms.map(|form| (cased(&form.text), Codec::Base64 { phase: form.phase }));
    let spelled = SPELLED.iter().map(|(text, codec)| {
        // Hexadecimal digits come in both cases.
        let caseless = text.ends_with(|last: char| last.is_ascii_lowercase() && last != 'x');
        (Literal { caseless, ..cased(text) }, *codec)
    });
    packed.chain(spelled).collect()
}

/// A pattern's literal as an encoder writes it, where that is not as it stands: a webhook's `/`, the `+` of a key. What an encoder would write in
/// more ways than one is left out.
pub fn percent(literal: &Literal) -> Option<Literal> {
    let mut bytes = Vec::with_capacity(literal.bytes.len() * 3);
    for &byte in &literal.bytes {
        match byte {
            b'/' | b'+' | b':' | b'=' | b'|' | b'@' | b',' => bytes.extend(format!("%{byte:02x}").into_bytes()),
            byte if is_unreserved(byte) => bytes.push(byte.to_ascii_lowercase()),
            _ => return None,
        }
    }
    // Hexadecimal digits come in both cases; a hit is decoded and searched, and so may have letters in any.
    (bytes.len() > literal.bytes.len()).then_some(Literal { bytes, caseless: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_percent_encoded_where_an_encoder_would() {
        let of = |text: &str| {
            let literal = Literal { bytes: text.as_bytes().to_vec(), caseless: false };
            percent(&literal).map(|literal| String::from_utf8(literal.bytes).expect("ASCII"))
        };
        assert_eq!(of("example.com/Hooks/").as_deref(), Some("example.com%2fhooks%2f"));
        assert_eq!(of("+ASt").as_deref(), Some("%2bast"));
        assert_eq!((of("ghp_"), of("x: y")), (None, None));
    }

    #[test]
    fn keys_bring_their_forms() {
        let has = |all: &BTreeSet<(Literal, Codec)>, text: &str, phase: u8| {
            let literal = Literal { bytes: text.as_bytes().to_vec(), caseless: false };
            all.contains(&(literal, Codec::Base64 { phase }))
        };
        assert!(has(&triggers(true), "cGFzc3dv", 0) && !has(&triggers(false), "cGFzc3dv", 0));
    }
}
