//! JSON Web Tokens (RFC 7519): the part before the first dot is base64url of a JSON object that names an algorithm.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Real headers take about a hundred bytes; a key embedded by value may take some thousands.
const MAX_HEADER: usize = 16 * 1024;

const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Whether the first part decodes to a JSON object with a member `alg`.
pub fn is_jwt(token: &[u8]) -> bool {
    let Some(dot) = memchr::memchr(b'.', token).filter(|&dot| dot <= MAX_HEADER) else { return false };
    let Ok(header) = BASE64URL.decode(&token[..dot]) else { return false };
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&header)
        .is_ok_and(|header| header.get("alg").is_some_and(serde_json::Value::is_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_decides() {
        let token = |header: &str| format!("{}.e30.x", BASE64URL.encode(header));
        assert!(is_jwt(token(r#"{"alg":"HS256"}"#).as_bytes()));
        assert!(is_jwt(token("{\n  \"alg\": \"none\" }").as_bytes()));
        for bad in [r#"{"typ":"JWT"}"#, r#"["alg"]"#, "alg", r#"{"alg":1}"#] {
            assert!(!is_jwt(token(bad).as_bytes()), "{bad}");
        }
        assert!(!is_jwt(b"eyJhbGciOiJIUzI1NiJ9"));
    }
}
