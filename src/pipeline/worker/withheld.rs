//! Lines that are withheld whole.

use crate::pipeline::detention::{Detention, Kept};
use crate::pipeline::fingerprint::{Reason, write_withheld};
use crate::pipeline::tally::Tally;

/// Puts the withheld form in the place of a line, and keeps its ending; the line itself goes to the quarantine, if there is one. A syslog
/// message stays one: its priority, which is a small number, goes into a header that says nothing else (RFC 5424, 6.2).
pub(super) fn withhold_line(
    line: &[u8],
    reason: Reason,
    tally: &mut Tally,
    detention: Option<&mut Detention>,
    out: &mut Vec<u8>,
) {
    let body = line.strip_suffix(b"\n").unwrap_or(line);
    if !body.is_empty() {
        if let Some(priority) = syslog_priority(body) {
            out.extend_from_slice(format!("<{priority}>1 - - - - - - ").as_bytes());
        }
        write_withheld(reason, body.len() as u64, out);
        tally.withhold(reason);
        if let Some(detention) = detention {
            let mut kept = Kept::default();
            kept.add(body, detention.most());
            detention.take(reason, body.len() as u64, kept);
        }
    }
    out.extend_from_slice(&line[body.len()..]);
}

/// The number that a syslog message begins with, in angle brackets.
fn syslog_priority(line: &[u8]) -> Option<u8> {
    let digits = line.strip_prefix(b"<")?;
    let digits = &digits[..memchr::memchr(b'>', &digits[..digits.len().min(4)])?];
    let plain = digits.iter().all(u8::is_ascii_digit) && (digits.len() == 1 || digits.first() != Some(&b'0'));
    std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok().filter(|priority| *priority <= 191)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_withheld_syslog_message_stays_one() {
        let withheld = |line: &[u8]| {
            let mut out = Vec::new();
            withhold_line(line, Reason::ScanFailed, &mut Tally::new(0), None, &mut out);
            String::from_utf8(out).expect("text")
        };
        assert_eq!(withheld(b"<34>1 - host app - - - x\n"), "<34>1 - - - - - - ink1-withheld-scan-failed-24\n");
        for other in [&b"plain"[..], b"<192>x", b"<034>x", b"<3a>x", b"<1234>x", b"<>x", b"<34"] {
            let expected = format!("ink1-withheld-scan-failed-{}", other.len());
            assert_eq!(withheld(other), expected);
        }
    }
}
