//! JSON: what decoding gives is what another parser says, and a line that is JSON stays JSON.

use inkprint::pipeline::detect::{Written, decode};
use serde_json::Value;

pub fn run(data: &[u8]) {
    for layers in 0..4 {
        let _ = decode::canonical(data, Written::Json(layers));
    }
    let percent = decode::canonical(data, Written::Percent);
    assert!(percent.expose().len() <= data.len());
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(value) = serde_json::from_str::<String>(&format!("\"{text}\"")) {
        super::assert_same(value.as_bytes(), decode::canonical(data, Written::Json(1)).expose(), "decoded");
    }
    let (once, twice) = (inside(text), inside(&inside(text)));
    super::assert_same(data, decode::canonical(once.as_bytes(), Written::Json(1)).expose(), "escaped once");
    super::assert_same(data, decode::canonical(twice.as_bytes(), Written::Json(2)).expose(), "escaped twice");
    lines(text);
}

/// A text as it stands inside a JSON string.
fn inside(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// The text as a value, and as JSON of its own, each on a line.
fn lines(text: &str) {
    let forms = [
        Some(format!("{{\"n\":1,\"password\":\"{}\",\"m\":[2]}}", inside(text))),
        Some(format!("{{\"body\":\"{}\",\"m\":[2]}}", inside(&format!("{{\"token\":\"{}\",\"n\":1}}", inside(text))))),
        serde_json::from_str::<Value>(text).ok().filter(|_| !text.contains(['\n', '\r'])).map(|_| text.to_owned()),
    ];
    for line in forms.into_iter().flatten() {
        let cleaned = super::cleaned(line.as_bytes(), &[line.len() / 2]);
        let parsed = serde_json::from_slice::<Value>(&cleaned);
        assert!(parsed.is_ok(), "{parsed:?}:\n{line}\n{}", cleaned.escape_ascii());
    }
}
