use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inkprint::pipeline::framing::MAX_LINE;

use super::engine::{Engine, POLICY};
use super::program::{home_with_keyring, pipe, run_with};

/// Rows of base64 of so many bytes that look random and are always the same.
fn rows(bytes: usize, columns: usize, seed: u64) -> Vec<String> {
    let mut state = seed;
    let body: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    })
    .take(bytes)
    .collect();
    let text = STANDARD.encode(body);
    text.as_bytes().chunks(columns).map(|row| String::from_utf8_lossy(row).into_owned()).collect()
}

/// The lines of a block.
fn block(label: &str, rows: &[String]) -> Vec<String> {
    let line = |word: &str| format!("-----{word} {label}-----");
    [vec![line("BEGIN")], rows.to_vec(), vec![line("END")]].concat()
}

fn redacted(engine: &Engine<'_>, log: &str) -> String {
    String::from_utf8(engine.redact(log.as_bytes())).expect("text")
}

/// The fingerprints of the marks in a text.
fn prints(text: &str) -> Vec<&str> {
    text.match_indices("-k1-").filter_map(|(at, _)| text.get(at + 4..at + 24)).collect()
}

/// Lines as programs, patches, runtimes and strings write them, each way closed by a newline.
fn ways(lines: &[String]) -> Vec<String> {
    let written = |line: &dyn Fn(usize, &str) -> String| -> String {
        lines.iter().enumerate().map(|(number, text)| line(number, text) + "\n").collect()
    };
    vec![
        written(&|_, line| line.to_owned()),
        written(&|_, line| format!("{line}\r")),
        written(&|_, line| format!("    {line}")),
        written(&|_, line| format!("+{line}")),
        written(&|_, line| format!(" * {line}")),
        written(&|_, line| format!("    \"{line}\\n\" +")),
        written(&|n, line| format!("2026-11-22T08:00:00.{}Z INFO {line}", 7u32.pow(n as u32 % 9))),
        written(&|n, line| format!("2026-11-22T08:00:00.{n:09}Z stdout F {line}")),
        written(&|n, line| {
            format!("{{\"log\":\"{line}\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-22T08:00:00.{n:09}Z\"}}")
        }),
        format!("{{\"private_key\":\"{}\\n\"}}\n", lines.join("\\n")),
        format!("{{\"body\":\"{{\\\"key\\\":\\\"{}\\\"}}\"}}\n", lines.join("\\\\n")),
    ]
}

/// The one fingerprint of a key in whatever way these lines are written, of which `rows` are its body and `public` stay.
fn one_print(engine: &Engine<'_>, lines: &[String], rows: &[String], public: &[&str]) -> String {
    let mut all = Vec::new();
    for form in ways(lines) {
        let cleaned = redacted(engine, &format!("before\n{form}after\n"));
        assert!(rows.iter().all(|row| !cleaned.contains(&row[..12])), "{cleaned}");
        assert!(cleaned.starts_with("before\n") && cleaned.ends_with("after\n"), "{cleaned}");
        // On one line, all of the key's value goes.
        let has_lines = form.lines().count() > 1;
        assert!(!has_lines || public.iter().all(|text| cleaned.contains(text)), "{cleaned}");
        let found = prints(&cleaned);
        assert_eq!(found.len(), 1, "{cleaned}");
        all.push(found[0].to_owned());
        // Twice is once, and cuts change nothing.
        assert_eq!(redacted(engine, &cleaned), cleaned);
        let log = format!("before\n{form}after\n");
        for cut in (0..log.len()).step_by(5) {
            let cut = String::from_utf8(engine.redact_in_pieces(MAX_LINE, log.as_bytes(), &[cut])).expect("text");
            assert_eq!(cut, cleaned);
        }
    }
    assert!(all.iter().all(|print| *print == all[0]), "{all:?}");
    all.swap_remove(0)
}

#[test]
fn a_key_has_one_fingerprint_however_its_lines_are_written() {
    let engine = Engine::new(&POLICY);
    let body = rows(300, 64, 1);
    let edges = ["-----BEGIN RSA PRIVATE KEY-----", "-----END"];
    let print = one_print(&engine, &block("RSA PRIVATE KEY", &body), &body, &edges);
    let other = redacted(&engine, &block("RSA PRIVATE KEY", &rows(300, 64, 2)).join("\n"));
    assert_ne!(prints(&other)[0], print);
}

/// PuTTY's files say how many rows there are, and nothing ends them: what follows may look like one.
#[test]
fn a_key_file_of_putty_goes_by_its_number_of_rows() {
    let engine = Engine::new(&POLICY);
    let (public, behind) = (rows(96, 64, 4), rows(96, 64, 5));
    for bytes in [36, 130, 300] {
        let body = rows(bytes, 64, 6);
        let head = ["PuTTY-User-Key-File-3: ssh-rsa", "Encryption: none", "Public-Lines: 2"].map(str::to_owned);
        let count = [format!("Private-Lines: {}", body.len())];
        let lines = [&head[..], &public, &count, &body, &["Private-MAC: 0d1f".to_owned()], &behind].concat();
        one_print(
            &engine,
            &lines,
            &body,
            &[&public[0], &public[1], &count[0], "Private-MAC: 0d1f", &behind[0], &behind[1]],
        );
    }
}

#[test]
fn what_is_decoded_is_the_body_whatever_the_rows_are_like() {
    let engine = Engine::new(&POLICY);
    let of = |rows: Vec<String>| prints(&redacted(&engine, &block("PRIVATE KEY", &rows).join("\n")))[0].to_owned();
    assert_eq!(of(rows(200, 64, 3)), of(rows(200, 76, 3)));
    let pgp = |checksum: &str| {
        let lines = [
            vec!["-----BEGIN PGP PRIVATE KEY BLOCK-----".to_owned(), "Version: 1".to_owned(), String::new()],
            rows(200, 64, 3),
            vec![checksum.to_owned(), "-----END PGP PRIVATE KEY BLOCK-----".to_owned()],
        ];
        redacted(&engine, &lines.concat().join("\n"))
    };
    let cleaned = pgp("=q3Zk");
    assert!(!cleaned.contains("q3Zk") && cleaned.contains("Version: 1\n\nink1-"), "{cleaned}");
    assert_eq!(prints(&cleaned)[0], of(rows(200, 64, 3)));
}

#[test]
fn lines_of_others_between_rows_stay() {
    let engine = Engine::new(&POLICY);
    let mut lines = block("EC PRIVATE KEY", &rows(300, 64, 4));
    lines.insert(3, "2026-11-22 10:00:00 INFO another thread".to_owned());
    lines.insert(5, "2026-11-22 10:00:01 INFO and once more".to_owned());
    let cleaned = redacted(&engine, &lines.join("\n"));
    assert!(cleaned.contains("\n2026-11-22 10:00:00 INFO another thread\n"), "{cleaned}");
    assert!(cleaned.contains("\n2026-11-22 10:00:01 INFO and once more\n"), "{cleaned}");
    assert!(lines.iter().filter(|line| line.len() == 64).all(|row| !cleaned.contains(&row[..12])), "{cleaned}");
    let found = prints(&cleaned);
    assert!(found.len() == 3 && found.iter().all(|print| *print == found[0]), "{cleaned}");
}

#[test]
fn a_long_value_before_the_first_row_hides_no_row() {
    let engine = Engine::new(&POLICY);
    let mut lines = block("PRIVATE KEY", &rows(300, 64, 9));
    lines.insert(1, format!("12:00:01 INFO trace={} done", &rows(60, 80, 10)[0][..50]));
    let cleaned = redacted(&engine, &lines.join("\n"));
    assert!(lines.iter().filter(|line| line.len() == 64).all(|row| !cleaned.contains(&row[..12])), "{cleaned}");
}

#[test]
fn a_body_without_its_first_line_is_known_by_how_it_begins() {
    let engine = Engine::new(&POLICY);
    let mut body = rows(300, 64, 5);
    let start = "MIIEpAIBAAKCAQEA";
    body[0].replace_range(..start.len(), start);
    let cleaned = redacted(&engine, &format!("x\n{}\ny\n", body.join("\n")));
    assert!(cleaned.starts_with("x\nink1-private-key-block-k1-") && cleaned.ends_with("\ny\n"), "{cleaned}");
    assert!(body.iter().all(|row| !cleaned.contains(row.as_str())), "{cleaned}");
}

/// Found by fuzzing: the rows behind the first came through.
#[test]
fn a_key_goes_whole_when_another_secret_stands_in_its_first_line() {
    let engine = Engine::new(&POLICY);
    let mut body = rows(300, 64, 9);
    body[0].replace_range(..16, "MIIEpAIBAAKCAQEA");
    let prefixed = body.iter().map(|row| format!("token=8dk2Jq0Zm4xW {row}"));
    let lines =
        [vec!["-----BEGIN PRIVATE KEY-----".to_owned()], prefixed.collect(), vec!["the end".to_owned()]].concat();
    for log in [lines.join("\n"), lines[1..].join("\n")] {
        let cleaned = redacted(&engine, &log);
        assert!(body.iter().all(|row| row.len() < 64 || !cleaned.contains(&row[..12])), "{cleaned}");
        assert!(!cleaned.contains("8dk2Jq0Zm4xW") && cleaned.ends_with("\nthe end"), "{cleaned}");
        assert_eq!(redacted(&engine, &cleaned), cleaned);
    }
}

/// Found by fuzzing: where rows have 70 columns the padding may be a line of its own, and a word before the end was taken for a row.
#[test]
fn nothing_is_a_row_behind_the_padding() {
    let engine = Engine::new(&POLICY);
    let body = rows(52, 70, 10);
    assert_eq!(body[1], "==");
    let lines = [body[0].as_str(), "==", "a request came in"].map(|line| format!("    {line}\n")).concat();
    let log = format!("-----BEGIN PRIVATE KEY-----\n{lines}-----END PRIVATE KEY-----\n");
    let log = log.replace("    a request", "a request");
    assert!(redacted(&engine, &log).contains("\na request came in\n"));
}

#[test]
fn who_only_speaks_of_keys_is_left_alone() {
    let engine = Engine::new(&POLICY);
    let certificate = block("CERTIFICATE", &rows(300, 64, 6)).join("\n");
    let prose = "tls: expected -----BEGIN PRIVATE KEY----- in the file\nnothing more\n".repeat(3);
    let hashes = format!("-----BEGIN PRIVATE KEY-----\nsha256 {}\n-----END PRIVATE KEY-----\n", "0a1b2c3d".repeat(8));
    for log in [certificate, prose, hashes] {
        assert_eq!(redacted(&engine, &log), log);
    }
}

#[test]
fn a_block_that_never_ends_lets_no_row_through() {
    let engine = Engine::new(&POLICY);
    let body = rows(600_000, 64, 7);
    let log = format!("start\n-----BEGIN PRIVATE KEY-----\n{}\nlast words\n", body.join("\n"));
    let cuts: Vec<usize> = (0..log.len()).step_by(30_011).collect();
    for cleaned in [engine.redact(log.as_bytes()), engine.redact_in_pieces(MAX_LINE, log.as_bytes(), &cuts)] {
        let cleaned = String::from_utf8(cleaned).expect("text");
        assert!(body.iter().all(|row| row.len() < 64 || !cleaned.contains(&row[..24])), "{}", &cleaned[..400]);
        assert!(cleaned.starts_with("start\n-----BEGIN") && cleaned.ends_with("last words\n"), "{}", cleaned.len());
    }
}

#[test]
fn threads_that_clean_blocks_apart_agree_on_keys_that_cross_them() {
    let home = home_with_keyring();
    let mut log = String::new();
    for number in 0..700 {
        log += &format!("line {number} {}\n", "filling ".repeat(90 + number % 7));
        log += &block("RSA PRIVATE KEY", &rows(1200, 64, number as u64)).join("\n");
        log += "\n";
    }
    let one = run_with(pipe(home.path()).args(["--threads", "1"]), log.as_bytes()).stdout;
    assert_eq!(one.windows(23).filter(|w| *w == b"ink1-private-key-block-").count(), 700);
    for threads in ["2", "5"] {
        assert!(run_with(pipe(home.path()).args(["--threads", threads]), log.as_bytes()).stdout == one, "{threads}");
    }
}

/// Found by fuzzing: the year was taken for the key's last row, so that the line was no part of its message any longer, and a second look
/// joined what does not belong together.
#[test]
fn the_date_in_the_line_below_a_key_that_ends_in_its_own_stays() {
    let engine = Engine::new(&POLICY);
    let row = format!("MIIEpAIBAAKCAQEA{}", &rows(48, 64, 7)[0][16..]);
    let time = "2026-11-22T08:00:00.1Z";
    for end in ["-----END PRIVATE KEY-----", "-", "-and-more"] {
        let log = format!("{time} stdout P passwd=rF\n{row}{end}\n{time} stdout F\n\n{time} stdout P i");
        let cleaned = redacted(&engine, &log);
        assert!(!cleaned.contains(&row[16..28]), "{cleaned}");
        assert!(cleaned.ends_with(&format!("{end}\n{time} stdout F\n\n{time} stdout P i")), "{cleaned}");
        for cut in 0..=log.len() {
            assert_eq!(engine.redact_in_pieces(MAX_LINE, log.as_bytes(), &[cut]), cleaned.as_bytes(), "cut at {cut}");
        }
    }
}

/// Found by fuzzing: the nothing behind a sign or an escape was taken for a last row.
#[test]
fn a_line_with_a_prefix_alone_has_no_mark() {
    let engine = Engine::new(&POLICY);
    for prefix in ["+", "\\n"] {
        let lines = block("EC PRIVATE KEY", &rows(96, 64, 9));
        let (end, rest) = lines.split_last().expect("lines");
        let log = format!("{prefix}{}\n\n{prefix}\n{prefix}{end}\n", rest.join(&format!("\n{prefix}")));
        let cleaned = redacted(&engine, &log);
        assert!(cleaned.ends_with(&format!("\n\n{prefix}\n{prefix}{end}\n")), "{cleaned}");
        assert_eq!(prints(&cleaned).len(), 1, "{cleaned}");
    }
}

#[test]
fn a_last_row_that_no_newline_parts_from_the_end_goes() {
    let engine = Engine::new(&POLICY);
    // Keys of one, two and three rows, with and without padding.
    for bytes in [48, 50, 80, 96, 130] {
        let body = rows(bytes, 64, 8);
        let [begin, middle @ .., end] = &block("EC PRIVATE KEY", &body)[..] else { panic!("lines") };
        let whole = redacted(&engine, &format!("{begin}\n{}\n{end}\n", middle.join("\n")));
        for prefix in ["", "+", " * ", "2026-11-22T08:00:00.1Z stdout F "] {
            let log = format!("before\n{prefix}{begin}\n{prefix}{}{end}\nafter\n", middle.join(&format!("\n{prefix}")));
            let cleaned = redacted(&engine, &log);
            assert!(body.iter().all(|row| !cleaned.contains(&row[row.len() / 2..])), "{log}{cleaned}");
            assert!(cleaned.ends_with("-----END EC PRIVATE KEY-----\nafter\n"), "{cleaned}");
            assert_eq!(prints(&cleaned), prints(&whole), "{cleaned}");
            assert_eq!(redacted(&engine, &cleaned), cleaned);
            for cut in 0..=log.len() {
                let pieces = engine.redact_in_pieces(MAX_LINE, log.as_bytes(), &[cut]);
                assert_eq!(pieces, cleaned.as_bytes(), "cut at {cut}");
            }
        }
    }
}

#[test]
fn what_waits_for_the_rest_of_a_key_does_not_wait_for_ever() {
    let home = home_with_keyring();
    let mut child = pipe(home.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let cut_off = format!("-----BEGIN PRIVATE KEY-----\n{}\n", rows(100, 64, 8)[0]);
    stdin.write_all(cut_off.as_bytes()).expect("written");
    // Nothing more is written, and the input stays open.
    let (mut first, mut second) = (String::new(), String::new());
    stdout.read_line(&mut first).expect("a line");
    stdout.read_line(&mut second).expect("a line");
    assert_eq!(first, "-----BEGIN PRIVATE KEY-----\n");
    assert!(second.starts_with("ink1-private-key-block-k1-"), "{second}");
    drop(stdin);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn another_rules_value_behind_a_first_line_changes_nothing_for_cuts_or_a_second_time() {
    let engine = Engine::new(&POLICY);
    let (value, other, row) = (rows(39, 52, 3), rows(60, 80, 4), rows(48, 64, 5));
    for padded in ["", "=", "=="] {
        for lines in [
            vec![format!("token={}{padded}", value[0]), format!("digest {}", other[0])],
            vec![format!("token={}{padded} digest {}", value[0], other[0]), row[0].clone()],
            vec!["note".to_owned(), format!("token={}{padded}", value[0]), row[0].clone(), other[0].clone()],
        ] {
            let log = format!("-----BEGIN PRIVATE KEY-----\n{}\nthe end\n", lines.join("\n"));
            let once = engine.redact(log.as_bytes());
            assert_eq!(engine.redact(&once), once, "twice is once: {log}");
            for cut in 0..=log.len() {
                assert_eq!(engine.redact_in_pieces(MAX_LINE, log.as_bytes(), &[cut]), once, "cut at {cut}: {log}");
            }
        }
    }
}

#[test]
fn a_first_line_stays_with_its_rows_when_they_stand_in_a_message_that_waits() {
    let engine = Engine::new(&POLICY);
    let row = &rows(48, 64, 6)[0];
    let log = format!(
        "-----BEGIN PRIVATE KEY-----\n2026-11-22T08:00:00.123456789Z stdout P AKIA{row}\nfirst\n\n-----BEGIN PRIVATE KEY-----\nsecond\n"
    );
    let whole = engine.redact(log.as_bytes());
    assert!(memchr::memmem::find(&whole, row.as_bytes()).is_none());
    for cut in 0..=log.len() {
        assert_eq!(engine.redact_in_pieces(MAX_LINE, log.as_bytes(), &[cut]), whole, "cut at {cut}");
    }
}
