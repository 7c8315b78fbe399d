//! Base64, as in `Basic` credentials and in rows of keys: decoding never fails, and says what the base64 crate says.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use inkprint::pipeline::detect::{Written, decode};

use super::choices::Choices;

/// What may part the rows of a key.
const BETWEEN: &[&str] = &["\n", "\r\n", " ", "\\n", "\\\\n", "\\r\\n", "%0A", "%0D%0A", "\\u000a", "\\\\u000a\\t"];

pub fn run(data: &[u8]) {
    let _ = decode::canonical(data, Written::Armor);
    let password = decode::basic_password(data);
    let strict =
        [STANDARD, URL_SAFE, STANDARD_NO_PAD, URL_SAFE_NO_PAD].iter().find_map(|engine| engine.decode(data).ok());
    if let Some(decoded) = strict {
        let expected = memchr::memchr(b':', &decoded).map(|colon| &decoded[colon + 1..]);
        assert_eq!(password.as_ref().map(|secret| secret.expose()), expected);
    }
    let Some((&choice, body)) = data.split_first() else { return };
    rows(body, BETWEEN[usize::from(choice) % BETWEEN.len()], 4 * (1 + usize::from(choice >> 4)));
    header(body);
}

/// The body comes back from rows however they are parted.
fn rows(body: &[u8], between: &str, columns: usize) {
    let text = STANDARD.encode(body);
    let rows: Vec<&str> = text.as_bytes().chunks(columns).map(|row| std::str::from_utf8(row).expect("ASCII")).collect();
    let text = rows.join(between);
    super::assert_same(body, decode::canonical(text.as_bytes(), Written::Armor).expose(), &text);
}

/// Credentials are understood in every alphabet, and go from a header unless the password is a stand-in, which no random one is.
fn header(password: &[u8]) {
    let text = STANDARD.encode(format!("service:{}", Choices(password).token(16)));
    let cleaned = super::cleaned(format!("Authorization: Basic {text}\n").as_bytes(), &[30]);
    assert!(!super::holds(&cleaned, text.as_bytes()), "{text}");
    let credentials = [b"service:", password].concat();
    for engine in [STANDARD, URL_SAFE, STANDARD_NO_PAD] {
        let text = engine.encode(&credentials);
        super::assert_same(decode::basic_password(text.as_bytes()).expect("a colon").expose(), password, &text);
        let log = format!("Authorization: Basic {text}\n");
        super::cleaned(log.as_bytes(), &[20]);
    }
}
