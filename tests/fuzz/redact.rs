//! The whole of redaction: no planted secret survives, and nothing else changes.

use super::choices::Choices;

/// What stands before and behind a secret that must go there, whatever stands around that.
const CONTEXTS: &[&(&str, &str)] = &[
    &("token=", ""),
    &("password: ", ""),
    &("DB_PASSWORD=\"", "\""),
    &("{\"n\":1,\"client_secret\":\"", "\",\"m\":2}"),
    &("{\"body\":\"{\\\"token\\\":\\\"", "\\\"}\"}"),
    &("postgres://app:", "@db.internal:5432/orders"),
    &("Authorization: Bearer ", ""),
    &("GET /v1?page=1&access_token=", "&n=2 HTTP/1.1"),
    &("--password ", " --verbose"),
    &("'password': '", "'"),
    &("\u{1b}[32mtoken=", "\u{1b}[0m"),
    &("Cookie: sessionid=", "; theme=dark"),
];

const PIECES: &[&str] = &[
    "\n",
    " ",
    "\t",
    "\r\n",
    "\0",
    "\u{feff}",
    "\u{2028}",
    "é",
    "\\ud800",
    "\\n",
    "\\\"",
    "\"",
    "'",
    "{",
    "}",
    "[",
    "]",
    "=",
    ":",
    "://",
    "@",
    "&",
    ";",
    ",",
    "%3D",
    "\u{1b}[0m",
    "ink1-",
    "ink1-a-k1-q7xk2m9c4vw8z5tn1bhd7k2p",
    "ink1-withheld-oversized-17",
    "-k1-",
    "password",
    "password=",
    "token: ",
    "\"token\":",
    "Authorization: ",
    "Basic ",
    "Bearer ",
    "https://",
    "ghp_",
    "AKIA",
    "eyJ",
    "-----BEGIN PRIVATE KEY-----\n",
    "-----END PRIVATE KEY-----\n",
    "-----BEGIN ",
    "2026-11-22T08:00:00.123456789Z stdout P ",
    "2026-11-22T08:00:00.123456789Z stdout F ",
    "{\"log\":\"",
    "\",\"stream\":\"stdout\",\"time\":\"2026\"}\n",
    "null",
    "true",
    "xxxx",
    "MIIEpAIBAAKCAQEAq7Zk81LmX0w7q9Zk31MIIEpAIBAAKCAQEAq7Zk81LmX0w7q9",
];

pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let cuts = [choices.number(), choices.number(), choices.number()];
    let (mut log, mut planted) = (Vec::new(), Vec::new());
    while !choices.is_empty() && log.len() < 20_000 {
        match choices.byte() {
            0..=39 => plant(&mut choices, &mut log, &mut planted),
            40..=199 => log.extend_from_slice(choices.pick(PIECES).as_bytes()),
            200..=219 => log.extend_from_slice(choices.token(20).as_bytes()),
            _ => log.extend_from_slice(choices.junk(24)),
        }
    }
    let cleaned = super::cleaned(&log, &cuts);
    for secret in &planted {
        assert!(
            !super::holds(&cleaned, secret),
            "{}\n{}\n{}",
            secret.escape_ascii(),
            log.escape_ascii(),
            cleaned.escape_ascii()
        );
    }
    let restored = super::ENGINE.with(|engine| engine.restored(&log));
    super::assert_same(&log, &restored, "nothing else changes");
}

/// A secret on a line of its own: junk on the same line may make something else of its key or its quotes, rightly.
fn plant(choices: &mut Choices<'_>, log: &mut Vec<u8>, planted: &mut Vec<Vec<u8>>) {
    let own = choices.byte();
    let (secret, (before, behind)) = if own < 64 {
        (format!("ghp_{}", choices.token(36)), ("token ", ""))
    } else {
        (format!("q7{}Zx", choices.token(16)), *choices.pick(CONTEXTS))
    };
    let line = format!("\n{before}{secret}{behind}\n");
    log.extend_from_slice(line.as_bytes());
    planted.push(secret.into_bytes());
}
