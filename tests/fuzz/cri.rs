//! Messages that a container runtime has cut into parts: cleaned in parts and put together, they are what the whole is cleaned.

use super::choices::Choices;
use serde_json::Value;

const WORDS: &[&str] = &["request", "from 10.1.2.3", "in 7ms", "path /v1/x", "ok", "x=1", "retry: 3"];

pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let (message, secrets) = message(&mut choices);
    let docker = choices.flag();
    let mut cuts: Vec<usize> = (0..choices.byte() % 5).map(|_| choices.number() % (message.len() + 1)).collect();
    cuts.extend([0, message.len()]);
    cuts.sort_unstable();
    let parts: Vec<&str> = cuts.windows(2).map(|pair| &message[pair[0]..pair[1]]).collect();
    // Docker writes no entry for nothing.
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty() || !docker).collect();
    let mut lines = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let more = number + 1 < parts.len();
        lines.push(if docker { entry(part, more) } else { record(part, more) });
        if choices.byte() > 200 {
            lines.push(if docker { NOISE_DOCKER.to_owned() } else { NOISE_CRI.to_owned() });
        }
    }
    let log = lines.join("\n") + "\n";
    let cleaned = super::cleaned(log.as_bytes(), &[choices.number(), choices.number()]);
    let cleaned = String::from_utf8(cleaned).expect("text stays text");
    assert_eq!(cleaned.lines().count(), lines.len(), "{log}\n{cleaned}");
    let mut joined = String::new();
    for (before, after) in lines.iter().zip(cleaned.lines()) {
        if before == NOISE_CRI || before == NOISE_DOCKER {
            assert_eq!(before, after);
        } else if docker {
            let entry: Value = serde_json::from_str(after).expect("JSON as before");
            assert_eq!(entry["stream"], "stdout");
            joined += entry["log"].as_str().expect("a string").trim_end_matches('\n');
        } else {
            assert_eq!(before[..HEADER], after[..HEADER]);
            joined += &after[HEADER..];
        }
    }
    let whole = String::from_utf8(super::cleaned(message.as_bytes(), &[])).expect("text");
    assert_eq!(joined, whole, "\n{log}\n{cleaned}");
    assert!(secrets.iter().all(|secret| !joined.contains(secret)), "{joined}");
}

const HEADER: usize = "2026-11-22T08:00:00.123456789Z stdout P ".len();
const NOISE_CRI: &str = "2026-11-22T08:00:00.123456789Z stderr F nothing of interest";
const NOISE_DOCKER: &str =
    "{\"log\":\"nothing of interest\\n\",\"stream\":\"stderr\",\"time\":\"2026-11-22T08:00:00.1Z\"}";

fn record(part: &str, more: bool) -> String {
    format!("2026-11-22T08:00:00.123456789Z stdout {} {part}", if more { "P" } else { "F" })
}

fn entry(part: &str, more: bool) -> String {
    let end = if more { "" } else { "\\n" };
    format!("{{\"log\":\"{part}{end}\",\"stream\":\"stdout\",\"time\":\"2026-11-22T08:00:00.1Z\"}}")
}

/// Words and secrets, and which secrets.
fn message(choices: &mut Choices<'_>) -> (String, Vec<String>) {
    let (mut words, mut secrets) = (vec!["start".to_owned()], Vec::new());
    for _ in 0..1 + choices.byte() % 6 {
        let kind = choices.byte() % 8;
        let secret = match kind {
            0 => format!("ghp_{}", choices.token(36)),
            1 => format!("AKIA{}", choices.token(16).to_ascii_uppercase().replace(['0', '1', '8', '9'], "7")),
            _ => format!("q7{}Zx", choices.token(14)),
        };
        let word = match kind {
            0 => format!("using {secret} today"),
            1 => format!("id {secret},"),
            2 => format!("password={secret} host=db"),
            3 => format!("postgres://app:{secret}@db.internal/orders"),
            4 => format!("Authorization: Bearer {secret}"),
            _ => choices.pick(WORDS).to_owned(),
        };
        if kind < 5 && kind != 1 {
            secrets.push(secret);
        }
        words.push(word);
    }
    (words.join(" "), secrets)
}
