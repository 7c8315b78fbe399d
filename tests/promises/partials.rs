use inkprint::pipeline::framing::MAX_LINE;
use serde_json::Value;

use super::engine::{Engine, POLICY};

const SECRETS: &[(&str, &str)] = &[
    ("using token 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 today", "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"),
    ("db password=Vq7-molten-Harbor host=db", "Vq7-molten-Harbor"),
    ("dsn postgres://app:Zk81mQx0qT@db.internal/orders", "Zk81mQx0qT"),
    (
        "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MTIyIiwiZXhwIjoxNzk1fQ.mR8sKq2Zx0LwB7nVdT4yQ1 ok",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MTIyIiwiZXhwIjoxNzk1fQ.mR8sKq2Zx0LwB7nVdT4yQ1",
    ),
];

fn redacted(engine: &Engine<'_>, log: &str) -> String {
    String::from_utf8(engine.redact(log.as_bytes())).expect("text")
}

fn prints(text: &str) -> Vec<&str> {
    text.match_indices("-k1-").filter_map(|(at, _)| text.get(at + 4..at + 24)).collect()
}

/// The parts of a message in CRI's lines, a line of the other stream between them.
fn cri(parts: &[&str]) -> String {
    let last = parts.len() - 1;
    let line = |number: usize, part: &&str| {
        let tag = if number == last { "F" } else { "P" };
        format!(
            "2026-11-22T08:00:00.{number:09}Z stdout {tag} {part}\n2026-11-22T08:00:01.5Z stderr F noise {number}\n"
        )
    };
    parts.iter().enumerate().map(|(number, part)| line(number, part)).collect()
}

/// The same as entries of Docker's json-file driver.
fn docker(parts: &[&str]) -> String {
    let last = parts.len() - 1;
    let line = |number: usize, part: &&str| {
        let end = if number == last { "\\n" } else { "" };
        format!("{{\"log\":\"{part}{end}\",\"stream\":\"stdout\",\"time\":\"2026-11-22T08:00:00.{number:09}Z\"}}\n")
    };
    parts.iter().enumerate().map(|(number, part)| line(number, part)).collect()
}

#[test]
fn a_secret_cut_at_any_place_goes_whole() {
    let engine = Engine::new(&POLICY);
    for (message, secret) in SECRETS {
        let whole = redacted(&engine, &format!("{message}\n"));
        let print = prints(&whole)[0].to_owned();
        let start = message.find(secret).expect("it is there");
        // Also where the secret is whole, but not what tells it.
        for cut in 1..message.len() {
            let (a, b) = message.split_at(cut);
            let third = cut + (message.len() - cut) / 2;
            let parts = [a, &message[cut..third], &message[third..]];
            let forms = [cri as fn(&[&str]) -> String, docker];
            for log in forms.iter().flat_map(|form| [form(&[a, b]), form(&parts)]) {
                let cleaned = redacted(&engine, &log);
                assert_eq!(prints(&cleaned), [&print], "{cleaned}");
                let within = cut.clamp(start, start + secret.len()) - start;
                for kept in [&secret[..within], &secret[within..]] {
                    assert!(kept.len() < 6 || !cleaned.contains(kept), "{cleaned}");
                }
                assert_eq!(cleaned.lines().count(), log.lines().count());
                assert_eq!(redacted(&engine, &cleaned), cleaned);
            }
        }
    }
}

/// Found by fuzzing: what is spelt with escapes in the part that holds the beginning gave its own fingerprint.
#[test]
fn a_secret_with_escapes_cut_at_any_place_has_the_fingerprint_of_the_whole() {
    let engine = Engine::new(&POLICY);
    let message = r#"db password="Vq7\/molten\u002dHarbor" host=db"#;
    let whole = redacted(&engine, &format!("{message}\n"));
    let [print] = prints(&whole)[..] else { panic!("{whole}") };
    let in_json = |part: &str| part.replace('\\', r"\\").replace('"', "\\\"");
    for cut in 1..message.len() {
        let (a, b) = message.split_at(cut);
        for log in [cri(&[a, b]), docker(&[&in_json(a), &in_json(b)])] {
            let cleaned = redacted(&engine, &log);
            assert_eq!(prints(&cleaned), [print], "{cleaned}");
            assert!(!cleaned.contains("Vq7") && !cleaned.contains("bor"), "{cleaned}");
            assert_eq!(redacted(&engine, &cleaned), cleaned);
        }
    }
}

/// Found by fuzzing: a key's rows took the tag with them that ends their message, and the next message was searched as more of it.
#[test]
fn a_part_that_holds_a_row_of_a_key_keeps_its_framing() {
    let engine = Engine::new(&POLICY);
    let rows = ["MHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04fSeQ6", "q7Zk81LmX0w7q9Zk31MIIEpAIBAAKCAQEAq7Zk81LmX0"];
    let contents = [("P", rows[0]), ("F", &format!("{}{{Bearer ", rows[1])), ("P", "1----BEGIN ")];
    let cri = contents.map(|(tag, content)| format!("2026-11-22T08:00:00.1Z stdout {tag} {content}\n"));
    let docker = contents.map(|(tag, content)| {
        let end = if tag == "F" { "\\n" } else { "" };
        format!("{{\"log\":\"{content}{end}\",\"stream\":\"stdout\",\"time\":\"2026-11-22T08:00:00.1Z\"}}\n")
    });
    for lines in [cri, docker] {
        let log = "-----BEGIN EC PRIVATE KEY-----\n".to_owned() + &lines.concat();
        let cleaned = redacted(&engine, &log);
        let [mark, rest] = rows.map(|row| log.find(row).expect("it is there"));
        assert!(cleaned.starts_with(&log[..mark]) && prints(&cleaned).len() == 1, "{cleaned}");
        let framing = &log[mark + rows[0].len()..rest];
        assert!(cleaned.ends_with(&(framing.to_owned() + &log[rest + rows[1].len()..])), "{cleaned}");
        for cut in 0..=log.len() {
            assert!(engine.redact_in_pieces(MAX_LINE, log.as_bytes(), &[cut]) == cleaned.as_bytes(), "cut at {cut}");
        }
    }
}

/// Found by fuzzing: an entry of Docker's with CRI's tag in it was looked at as a line of CRI's, and not as what it is. **The rest of a secret
/// came through.**
#[test]
fn parts_that_hold_what_another_runtime_writes_are_parts() {
    let engine = Engine::new(&POLICY);
    let forms =
        [(docker as fn(&[&str]) -> String, "wrote to stdout PIPE, "), (cri, r#"{"log":"x","stream":"stdout"} "#)];
    for (message, secret) in SECRETS {
        let whole = redacted(&engine, &format!("{message}\n"));
        let start = message.find(secret).expect("it is there");
        for (form, before) in forms {
            for cut in start + 1..start + secret.len() {
                let (a, b) = message.split_at(cut);
                let log = form(&[&format!("{before}{a}"), b]);
                let cleaned = redacted(&engine, &log);
                assert_eq!(prints(&cleaned), prints(&whole), "{cleaned}");
                let rest = &secret[cut - start..];
                assert!(rest.len() < 6 || !cleaned.contains(rest), "{cleaned}");
                assert_eq!(redacted(&engine, &cleaned), cleaned);
                let second = log.find('\n').expect("lines") + 1;
                let pieces = engine.redact_in_pieces(MAX_LINE, log.as_bytes(), &[second]);
                assert!(pieces == cleaned.as_bytes(), "{}", pieces.escape_ascii());
            }
        }
    }
}

#[test]
fn parts_between_the_parts_of_another_runtimes_message_are_put_together() {
    let engine = Engine::new(&POLICY);
    let (a, b) = ("db password=Vq7-molten", "-Harbor host=db");
    for (outer, inner) in [(cri as fn(&[&str]) -> String, docker as fn(&[&str]) -> String), (docker, cri)] {
        let around = outer(&["one ", "two"]);
        let (first, last) = around.split_at(around.find('\n').expect("lines") + 1);
        let cleaned = redacted(&engine, &format!("{first}{}{last}", inner(&[a, b])));
        assert!(prints(&cleaned).len() == 1 && !cleaned.contains("-Harbor"), "{cleaned}");
    }
}

/// A string that was cut off took the newline with it that ends its entry: for whoever reads that next, it went on in the entry below.
#[test]
fn the_newline_that_ends_an_entry_stays() {
    let engine = Engine::new(&POLICY);
    let message = "read password=\"Vq7-molten-Harbor";
    let raw = redacted(&engine, &format!("{message}\n"));
    let in_json = |part: &str| part.replace('"', "\\\"");
    let below = docker(&["Zk81mQx0qT of another"]);
    for cut in 1..message.len() {
        let (a, b) = message.split_at(cut);
        for entries in [docker(&[&in_json(message)]), docker(&[&in_json(a), &in_json(b)])] {
            let log = format!("{entries}{below}");
            let cleaned = redacted(&engine, &log);
            assert_eq!(prints(&cleaned), prints(&raw), "{cleaned}");
            assert!(cleaned.ends_with(&below) && cleaned.matches(r#"\n","stream""#).count() == 2, "{cleaned}");
            assert_eq!(redacted(&engine, &cleaned), cleaned);
        }
    }
}

#[test]
fn lines_keep_their_framing() {
    let engine = Engine::new(&POLICY);
    let (a, b) = SECRETS[0].0.split_at(30);
    let cleaned = redacted(&engine, &cri(&[a, b]));
    assert!(cleaned.contains("Z stdout P using token ink1-github-pat-k1-"), "{cleaned}");
    assert!(cleaned.contains("Z stdout F  today\n") && cleaned.contains("Z stderr F noise 1\n"), "{cleaned}");
    for line in redacted(&engine, &docker(&[a, b])).lines() {
        let entry: Value = serde_json::from_str(line).expect("JSON as before");
        assert!(entry["log"].is_string() && entry["stream"] == "stdout");
    }
}

#[test]
fn parts_that_come_one_by_one_are_put_together() {
    let engine = Engine::new(&POLICY);
    let filling = "filling words of no interest ".repeat(564);
    for (message, _) in SECRETS {
        let text = format!("{filling}{message} {filling}{message}");
        let (a, b) = text.split_at(filling.len() + 25);
        for log in [cri(&[a, b]), docker(&[a, b])] {
            let whole = engine.redact(log.as_bytes());
            let second = log.find('\n').expect("lines") + 1;
            for cut in [10, second - 1, second, second + 1, second + 40, log.len() - 1] {
                assert!(engine.redact_in_pieces(MAX_LINE, log.as_bytes(), &[cut]) == whole, "cut at {cut}");
            }
        }
    }
}

#[test]
fn a_message_without_an_end_is_passed_on() {
    let engine = Engine::new(&POLICY);
    let log = "2026-11-22T08:00:00.1Z stdout P first part of a message\n";
    assert_eq!(redacted(&engine, log), log);
    assert_eq!(engine.redact_in_pieces(MAX_LINE, log.as_bytes(), &[]), log.as_bytes());
}

#[test]
fn a_message_of_very_many_parts_is_searched_whole() {
    let engine = Engine::new(&POLICY);
    let (message, secret) = SECRETS[0];
    let (a, b) = message.split_at(25);
    let filling = "x".repeat(300);
    let mut parts = vec![filling.as_str(); 3000];
    parts.extend([a, b]);
    let cleaned = redacted(&engine, &cri(&parts));
    assert!(!cleaned.contains(&secret[20..]), "the last part holds the end of a token");
}

/// Found by fuzzing: a line of twenty bytes' repetition took for ever.
#[test]
fn parts_inside_a_part_are_none() {
    let engine = Engine::new(&POLICY);
    let log = "2026-11-22T08:00:00.123456789Z stdout P ".repeat(500) + "password=Vq7-molten-Harbor\n";
    let cleaned = redacted(&engine, &log);
    assert!(!cleaned.contains("molten") && cleaned.starts_with(&log[..19_990]), "{cleaned}");
}

/// Found by fuzzing: a part that waits for the rest of a key was searched without the parts before it.
#[test]
fn a_part_does_not_wait_without_the_others() {
    let engine = Engine::new(&POLICY);
    let log = cri(&["db password=Vq7-mol", "ten-Harbor then -----BEGIN PRIVATE KEY-----"]) + "more\n";
    let whole = engine.redact(log.as_bytes());
    assert!(!String::from_utf8_lossy(&whole).contains("Harbor"));
    for cut in 0..log.len() {
        assert!(engine.redact_in_pieces(MAX_LINE, log.as_bytes(), &[cut]) == whole, "cut at {cut}");
    }
}
