use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use inkprint::model::Secret;
use inkprint::pipeline::detect::{Canonical, Match};
use inkprint::pipeline::fingerprint::find_marks;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::string::string_regex;
use serde_json::json;

use super::engine::{Engine, POLICY};
use super::hay::cases;

/// Tokens of many kinds, as their issuers write them.
const TOKENS: &[&str] = &[
    "ghp_[0-9A-Za-z]{36}",
    "github_pat_[0-9A-Za-z]{22}_[0-9A-Za-z]{59}",
    "glpat-[0-9A-Za-z_-]{19}[0-9a-z]",
    "AKIA[A-Z2-7]{16}",
    "xoxb-[1-9][0-9]{11}-[1-9][0-9]{12}-[0-9A-Za-z]{24}",
    "sk_live_[0-9A-Za-z]{24}",
    "AIza[0-9A-Za-z_-]{34}[0-9a-z]",
    "sk-ant-api03-[0-9A-Za-z_-]{93}AA",
    "sk-proj-[0-9A-Za-z]{74}T3BlbkFJ[0-9A-Za-z]{74}",
    "npm_[0-9A-Za-z]{36}",
    "dop_v1_[0-9a-f]{64}",
    "hvs\\.[0-9A-Za-z_-]{91}[0-9a-z]",
    "shpat_[0-9a-f]{32}",
    "pypi-AgEIcHlwaS5vcmc[0-9A-Za-z_-]{119}[0-9a-z]",
    "AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9\\.eyJzdWIiOiIxMjM0NTY3ODkwIn0\\.[0-9A-Za-z_-]{42}[0-9a-z]",
    "dapi[0-9a-f]{32}",
    "rubygems_[0-9a-f]{48}",
    "lin_api_[0-9A-Za-z]{40}",
    "pplx-[0-9A-Za-z]{48}",
];

fn escaped(text: &str, escape: impl Fn(u32) -> String) -> String {
    text.chars().map(|character| escape(character.into())).collect()
}

/// Every third character escaped, and all that must be.
fn partly_percent(text: &str) -> String {
    let byte = |(at, byte): (usize, u8)| {
        let plain = byte.is_ascii_alphanumeric() && at % 3 != 0;
        if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().enumerate().map(byte).collect()
}

/// Escaped as encoders do it: all but what needs no escape.
fn percent_encoded(text: &str) -> String {
    let byte = |byte: u8| {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(byte).collect()
}

/// What stands for `text` in encodings that are another spelling of it, and may so stand beside a key.
fn spelled(text: &str) -> Vec<String> {
    vec![
        escaped(text, |code| format!("\\u{code:04x}")),
        escaped(text, |code| format!("\\u{code:04X}")),
        escaped(text, |code| format!("\\\\u{code:04x}")),
        escaped(text, |code| format!("\\x{code:02x}")),
        escaped(text, |code| format!("&#{code};")),
        escaped(text, |code| format!("&#x{code:X};")),
        escaped(text, |code| format!("%{code:02X}")),
        escaped(text, |code| format!("%{code:02x}")),
        escaped(text, |code| format!("%25{code:02x}")),
        partly_percent(text),
    ]
}

/// The same inside of a packed text with `before` and `behind` it.
fn packed(before: &str, text: &str, behind: &str) -> Vec<String> {
    let text = format!("{before}{text}{behind}");
    vec![STANDARD.encode(&text), STANDARD_NO_PAD.encode(&text), URL_SAFE.encode(&text), URL_SAFE_NO_PAD.encode(&text)]
}

fn prints(cleaned: &[u8]) -> Vec<String> {
    find_marks(cleaned).map(|(_, mark)| mark.fingerprint.print().to_owned()).collect()
}

fn print(secret: &[u8]) -> String {
    String::from_utf8_lossy(&POLICY.keys.print(&Secret::borrowed(secret))).into_owned()
}

/// One mark in the cleaned line, that of the secret.
fn holds(engine: &Engine<'_>, line: &str, secret: &[u8]) -> Result<(), TestCaseError> {
    let cleaned = engine.redact(line.as_bytes());
    let shown = String::from_utf8_lossy(&cleaned).into_owned();
    prop_assert_eq!(prints(&cleaned), [print(secret)], "{} became {}", line, shown);
    prop_assert!(engine.redact(&cleaned) == cleaned, "{line} became {shown}, and then something else");
    Ok(())
}

#[test]
fn a_token_has_one_fingerprint_in_every_encoding() {
    let engine = Engine::new(&POLICY);
    let tokens: Vec<_> = TOKENS.iter().map(|token| string_regex(token).expect("it can be generated")).collect();
    proptest!(cases(8), |(tokens in tokens, before in "[ -~]{0,5} ", behind in " [ -~]{0,5}")| {
        for token in &tokens {
            // Neighbours with a meaning of their own prove nothing here.
            let before = if before.contains(['=', ':', '%', '&', '\\']) { " " } else { &before };
            let mut texts = spelled(token);
            texts.extend(packed(before, token, &behind));
            texts.extend(packed("user:", token, ""));
            texts.extend(packed("x", &format!(" {token}"), ""));
            for text in texts {
                holds(&engine, &format!("a {text} z"), token.as_bytes())?;
                holds(&engine, &json!({"m": "call", "b": text}).to_string().replace("\\\\", "\\"), token.as_bytes())?;
            }
        }
    });
}

/// Text in base64 is looked for when all else was looked at: what was decoded in lines below by then must not count as read.
#[test]
fn what_becomes_of_a_line_does_not_depend_on_those_below() {
    let engine = Engine::new(&POLICY);
    let token = "ghp_Zq7Lm2Xw9Kd4Rt8Vb3Nc6Hj1Pf5Gs0YyAaB";
    let secret = |text: &str| [packed("", text, ""), packed("k", text, " and more"), spelled(text)].concat();
    let mut texts = secret("AKIAQ3EGRZ7XK2MBVWLD");
    texts.extend(secret(token));
    texts.push(STANDARD.encode(format!("a {token}>>>")).replace('+', "%2B").replace('=', "%3D"));
    // Keys that are looked for in base64, which are decoded before the rest is.
    texts.extend(packed(r#"{"password":""#, "gravel-Moth7", r#""}"#));
    texts.extend(packed("user token", " refresh", " done"));
    texts.push("user%20name%3Dann%41".to_owned());
    let lines: Vec<String> = texts.iter().map(|text| format!("a {text} z\n")).collect();
    let alone: Vec<Vec<u8>> = lines.iter().map(|line| engine.redact(line.as_bytes())).collect();
    for (above, line) in lines.iter().enumerate() {
        for (below, other) in lines.iter().enumerate() {
            // Base64 goes by fours.
            for blanks in 0..4 {
                let between = " ".repeat(blanks) + "\n";
                let expected = [&alone[above], between.as_bytes(), &alone[below]].concat();
                let found = engine.redact(format!("{line}{between}{other}").as_bytes());
                assert_eq!(found.escape_ascii().to_string(), expected.escape_ascii().to_string());
            }
        }
    }
}

/// A percent sign that begins no escape tells that nothing was encoded, whatever another one in it looks like.
#[test]
fn a_password_with_percent_signs_is_itself_where_nothing_is_encoded() {
    let engine = Engine::new(&POLICY);
    let password = "pr%4etUF%z+bKuFB-";
    for line in [
        format!("starting worker env: SERVICE_TOKEN={password} PATH=/usr/bin"),
        format!("password: {password}"),
        json!({ "password": password }).to_string(),
        "dsn=postgres://app:pr%254etUF%25z%2BbKuFB-@db.internal:5432/orders".to_owned(),
    ] {
        holds(&engine, &line, password.as_bytes()).expect("one fingerprint");
    }
    // Nor does a sign that every encoder escapes, beside what happens to look like a letter's escape.
    let password = "yt92Pd-R7%487#Zb=ScNFi";
    for line in [
        format!("starting worker env: SERVICE_TOKEN={password} PATH=/usr/bin"),
        json!({ "token": password }).to_string(),
        "GET /v1?access_token=yt92Pd-R7%25487%23Zb%3DScNFi&page=2 HTTP/1.1".to_owned(),
    ] {
        holds(&engine, &line, password.as_bytes()).expect("one fingerprint");
    }
}

/// An escape ends what a pattern can read: what is behind it must not be left, nor the whole be missed for it.
#[test]
fn a_token_goes_whole_where_an_encoder_cut_it() {
    let engine = Engine::new(&POLICY);
    let twice = |text: &str| percent_encoded(&percent_encoded(text));
    for token in [
        "fm2_lJPECAAAAAAAAyZ5xBCtq7vxu0qMH1cS8Zb4nqR7wrhodHRwczovL2FwaS5mbHkuaW8vdjGWAJLOAAEqUh8Lk7i1L2ZseS1hcHBzL2ZseQ/LMJyQ+kQq7=",
        "Xr7pQ2mN9sT4vW6yB8dF1gH3jK5lZ0cV7bN2mQ4wE6rT8yU1iO3pA5sD7fG9hJ+k2lAzX4cV6bN8+AStQ1wE3r==",
        "3963623274:AAGq7xk2m9c4vw8z5tn1bhd7k2pQ3C5h8b2",
    ] {
        let raw = format!("GET /v?x={token}&y=1");
        for line in [raw.clone(), raw.replace(token, &percent_encoded(token)), format!("q={} z", percent_encoded(&raw))]
        {
            holds(&engine, &line, token.as_bytes()).expect("one fingerprint");
        }
    }
    let webhook = "https://discord.com/api/webhooks/123456789012345678/abcdefGHIJKLmnopQRSTuvwxYZ0123456789abcdefGHIJKLmnopQRSTuvwxYZ012345";
    let of = |line: &str| prints(&engine.redact(line.as_bytes()));
    assert_eq!(of(&format!("next={} 200", percent_encoded(webhook))), of(webhook));
    let token = "ghp_Zt4bQmW9xLc2Rk7vNs1HdYp6JgFa3UeT8oKi";
    holds(&engine, &format!("GET /login?next={}", twice(&format!("/x?t={token}"))), token.as_bytes())
        .expect("one fingerprint");
}

#[test]
fn a_password_has_one_fingerprint_in_every_encoding() {
    let engine = Engine::new(&POLICY);
    let password = "[a-z][0-9][A-Z][A-Za-z0-9&=+/!@#]{9,20}[0-9a-z]";
    proptest!(cases(100), |(password in password)| {
        let inner = json!({"user": "ann", "password": password}).to_string();
        let twice = json!({"body": inner}).to_string();
        let mut lines: Vec<String> = spelled(&inner).iter().map(|text| format!("call {text} done")).collect();
        for text in [&inner, &twice, &json!({"a": {"b": twice}}).to_string()] {
            lines.push(text.clone());
            lines.push(text.replace('/', "\\/"));
            lines.push(text.replace('&', "\\u0026").replace('=', "\\u003d").replace('+', "\\u002B"));
            lines.extend(packed("", text, "").iter().map(|text| format!("blob {text} end")));
            lines.extend(packed("ab", text, "").iter().map(|text| json!({"data": text}).to_string()));
        }
        lines.push(format!("<body>{}</body>", inner.replace('&', "&amp;").replace('"', "&quot;")));
        let file = format!("USER=ann\nDB_PASSWORD=\"{password}\"\nDEBUG=1\n");
        lines.extend(packed("", &file, "").iter().map(|text| format!("env_file={text}")));
        for line in lines {
            holds(&engine, &line, password.as_bytes())?;
        }
    });
}

/// The newline that ends a JSON string is none of the value's that was cut off in it.
#[test]
fn a_password_that_is_cut_off_has_one_fingerprint_in_every_json_string() {
    let engine = Engine::new(&POLICY);
    let mut text = "read password=\"Vq7-molten-Harbor\r\n".to_owned();
    let mark = |text: &str| String::from_utf8(engine.redact(text.as_bytes())).expect("text");
    let mut expected = mark(&text);
    for _ in 0..3 {
        text = json!({ "log": text }).to_string() + "\n";
        expected = json!({ "log": expected }).to_string() + "\n";
        assert_eq!(mark(&text), expected);
    }
}

#[test]
fn a_private_key_has_one_fingerprint_in_every_encoding() {
    let engine = Engine::new(&POLICY);
    proptest!(cases(40), |(body in vec(any::<u8>(), 500..700), eol in prop_oneof![Just("\n"), Just("\r\n")])| {
        let text = STANDARD.encode(&body);
        let rows: Vec<&str> = text.as_bytes().chunks(64).map(|row| std::str::from_utf8(row).expect("ASCII")).collect();
        let key = format!("-----BEGIN PRIVATE KEY-----{eol}{}{eol}-----END PRIVATE KEY-----{eol}", rows.join(eol));
        let json = json!({"private_key": key}).to_string();
        let mut lines = vec![json.clone(), json!({"body": json}).to_string(), json.replace('/', "\\/"), json.replace('+', "\\u002b")];
        lines.extend(packed("", &key, "").iter().chain(&packed("k:", &key, "")).map(|text| format!("TLS_KEY={text}")));
        lines.push(format!("key={}", escaped(&key, |code| format!("%{code:02X}"))));
        lines.extend(packed("", &json, ""));
        for line in lines {
            holds(&engine, &line, &body)?;
        }
    });
}

#[test]
fn each_secret_of_a_packed_text_has_its_mark() {
    let engine = Engine::new(&POLICY);
    let secrets = ["ghp_Zt4bQmW9xLc2Rk7vNs1HdYp6JgFa3UeT8oKi", "Vq7molten9Harbor", "glpat-Rk7vNs1HdYp6JgFa3UeT"];
    let text = format!("GH={}\nDB_PASSWORD={}\nGL={}\n", secrets[0], secrets[1], secrets[2]);
    for text in packed("", &text, "") {
        let cleaned = engine.redact(format!("env {text} end").as_bytes());
        assert_eq!(prints(&cleaned), secrets.map(|secret| print(secret.as_bytes())));
        assert!(cleaned.starts_with(b"env ink1-") && cleaned.ends_with(b" end"));
    }
}

#[test]
fn a_parameter_ends_where_its_encoding_says_so() {
    let engine = Engine::new(&POLICY);
    for line in [
        r#"{"url":"/x?token=a8Kd02mXq7Zt\u0026page=2"}"#,
        "GET /login?next=%2Fx%3Ftoken%3Da8Kd02mXq7Zt%26page%3D2 200",
        "<a href='/x?token=a8Kd02mXq7Zt&#38;page=2'>",
        r"body {\x22token\x22:\x22a8Kd02mXq7Zt\x22,\x22page\x22:2}",
        "q=%7B%22token%22%3A%22a8Kd02mXq7Zt%22%2C%22page%22%3A2%7D",
        "{&quot;token&quot;:&quot;a8Kd02mXq7Zt&quot;,&quot;page&quot;:2}",
        r"\u003ctoken\u003ea8Kd02mXq7Zt\u003c/token\u003e\u003cpage/\u003e",
        "dsn=postgres%3A%2F%2Fapp%3Aa8Kd02mXq7Zt%40db%2Fpage",
    ] {
        let cleaned = String::from_utf8(engine.redact(line.as_bytes())).expect("text");
        assert_eq!(prints(cleaned.as_bytes()), [print(b"a8Kd02mXq7Zt")], "{line} became {cleaned}");
        assert!(cleaned.contains("page"), "{line} became {cleaned}");
    }
}

#[test]
fn what_is_only_encoded_stays() {
    let engine = Engine::new(&POLICY);
    proptest!(cases(1500), |(bytes in vec(any::<u8>(), 1..2000), hex in "[0-9a-f]{32,128}", words in "[a-z]{1,9}( [a-z]{1,9}){0,20}")| {
        for text in [STANDARD.encode(&bytes), STANDARD_NO_PAD.encode(&bytes[1..]), hex, STANDARD.encode(&words)].iter().chain(&spelled(&words)) {
            let line = format!("thumb data:image/png;base64,{text} etag W/\"{text}\"");
            // Of a million random characters, some rule finds a token in the text as it stands: that is not looked at here.
            let is_decoded = |found: &Match| matches!(found.canonical, Canonical::Decoded(_));
            prop_assert!(!engine.matches(line.as_bytes()).iter().any(is_decoded), "{}", line);
        }
    });
}

#[test]
fn decoding_ends_at_some_depth_and_in_time() {
    let engine = Engine::new(&POLICY);
    let token = "ghp_Zt4bQmW9xLc2Rk7vNs1HdYp6JgFa3UeT8oKi";
    let percent = |text: String| escaped(&text, |code| format!("%{code:02x}"));
    let layers: Vec<String> =
        std::iter::successors(Some(token.to_owned()), |text| Some(percent(text.clone()))).take(6).collect();
    for (depth, text) in layers.iter().enumerate() {
        let found = prints(&engine.redact(text.as_bytes())).len();
        assert_eq!(found, usize::from(depth <= 3), "{depth} layers");
    }
    for filling in
        ["%41", "%2541", "\\u0041", "&#65;", "Z2hwX0FB", "cGFzc3dvcmQ9", "%41\\u0041&#65;Z2hwX0FB", "=\\/Z2hwX1"]
    {
        let line = format!("{} {token}\n", filling.repeat(1_000_000 / filling.len()));
        let started = std::time::Instant::now();
        assert_eq!(prints(&engine.redact(line.as_bytes())).last(), Some(&print(token.as_bytes())), "{filling}");
        assert!(started.elapsed() < Duration::from_secs(20), "{filling}: {:?}", started.elapsed());
    }
}
