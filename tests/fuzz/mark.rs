//! Marks: read from the left, from the right and by trying everything, they are the same ones.

use inkprint::pipeline::fingerprint::{MAX_MARK_LEN, Mark, PREFIX, Written, find_written, written_at};

pub fn run(data: &[u8]) {
    // Most bytes are no mark: a byte above ASCII stands for a piece of one.
    let text: Vec<u8> = data.iter().flat_map(|byte| if byte.is_ascii() { vec![*byte] } else { piece(*byte) }).collect();
    read(data);
    read(&text);
}

fn piece(byte: u8) -> Vec<u8> {
    const PIECES: &[&str] = &[
        "ink1-",
        "-k1-",
        "-k",
        "withheld-",
        "oversized-",
        "scan-failed-",
        "j0rsygyc7vcqksbhm88pac2z",
        "github-pat",
        "ink1-a-k1-q7xk2m9c4vw8z5tn1bhd7k2p",
        "4294967295",
        "abcdefghjkmnpqrstvwxyz01",
    ];
    PIECES[usize::from(byte) % PIECES.len()].as_bytes().to_vec()
}

fn read(text: &[u8]) {
    let mut end = 0;
    for (span, written) in find_written(text) {
        assert!(span.start() >= end, "in order and apart");
        end = span.end();
        let Written::Mark(mark) = written else { continue };
        let own = &text[span.range()];
        assert_eq!(Mark::parse(own), Some(mark));
        let again = format!("ink1-{}-k{}-{}", mark.rule, mark.epoch, mark.fingerprint.as_str());
        super::assert_same(own, again.as_bytes(), "written again");
    }
    for start in memchr::memmem::find_iter(text, PREFIX) {
        let longest = text.len().min(start + MAX_MARK_LEN);
        let ends: Vec<usize> = (start..=longest).filter(|&end| Mark::parse(&text[start..end]).is_some()).collect();
        let read = match written_at(&text[start..]) {
            Some((Written::Mark(_), length)) => vec![start + length],
            _ => Vec::new(),
        };
        assert_eq!(ends, read, "{}", text[start..longest].escape_ascii());
    }
}
