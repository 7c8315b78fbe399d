//! base64 and base64url (RFC 4648): what a literal looks like in them, how far a run goes, and what it decodes to.
//!
//! Three bytes make four characters, so a literal has three forms, by where it stands among the bytes. Which of them occurred tells how
//! the characters around it are grouped, wherever the run may begin: also behind text that is glued to it.

use zeroize::Zeroizing;

use super::{Decoded, Origins};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Shorter forms would fire on ordinary text.
const SHORTEST_FORM: usize = 5;
/// The engine's matcher looks at eight bytes at a time.
const LONGEST_FORM: usize = 8;
/// A run of fewer characters, on either side of the trigger, holds nothing.
const SHORTEST_RUN: usize = 4;

/// A literal as it stands in base64.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Form {
    /// Characters that are sure, whatever stands before and behind the literal.
    pub text: String,
    /// See [`super::Codec::Base64`].
    pub phase: u8,
}

/// The forms of `literal` that are long enough to look for.
///
/// One that falls short by a character gets it from the byte behind the literal, where two bits of that are in it: the byte is ASCII and
/// no control character, which leaves two spellings.
pub fn forms(literal: &[u8]) -> Vec<Form> {
    let mut all = Vec::new();
    for before in 0..3 {
        let first = usize::div_ceil(before * 8, 6);
        let sure = (before + literal.len()) * 8 / 6;
        let next: &[&[u8]] = if sure - first >= SHORTEST_FORM { &[b""] } else { &[b"0", b"A"] };
        for next in next {
            let bytes = [&[0; 2][..before], literal, next].concat();
            let more = usize::from(!next.is_empty() && bytes.len() * 8 - sure * 6 - 6 == 6);
            let last = (sure + more).min(first + LONGEST_FORM);
            let text: String = (first..last).map(|at| char::from(ALPHABET[sextet(&bytes, at)])).collect();
            if text.len() >= SHORTEST_FORM {
                all.push(Form { text, phase: (last % 4) as u8 });
            }
        }
    }
    all
}

/// The six bits that make the character at `at`.
fn sextet(bytes: &[u8], at: usize) -> usize {
    let byte = at * 6 / 8;
    let pair = u16::from(bytes[byte]) << 8 | bytes.get(byte + 1).map_or(0, |byte| u16::from(*byte));
    usize::from(pair >> (10 - at * 6 % 8) & 63)
}

/// The six bits that a character of either alphabet stands for, or [`NONE`].
const VALUES: [u8; 256] = {
    let (mut values, mut at) = ([NONE; 256], 0);
    while at < 64 {
        values[ALPHABET[at] as usize] = at as u8;
        at += 1;
    }
    (values[b'-' as usize], values[b'_' as usize]) = (62, 63);
    values
};
const NONE: u8 = 0xff;

/// The six bits that a letter or a digit stands for; what is no character of either alphabet has them all and more.
pub const fn value(byte: u8) -> u8 {
    VALUES[byte as usize]
}

fn is_base64(byte: u8) -> bool {
    VALUES[usize::from(byte)] != NONE
}

/// Whether the run goes on behind the trigger: a secret is longer than what it begins with.
#[inline]
pub fn is_worth_a_look(block: &[u8], end: usize) -> bool {
    block.get(end..end + SHORTEST_RUN).is_some_and(|behind| behind.iter().all(|byte| is_base64(*byte)))
}

/// How far the run goes before and behind a trigger, its padding included.
///
/// A slash, a hyphen or an underscore may be one of its characters, or part it from a path or a name before it. It begins at the
/// farthest place, of the whole run's start and those behind such characters, from which on the groups come out even.
pub fn reach(before: &[u8], behind: &[u8], phase: u8) -> (usize, usize) {
    let whole = before.iter().rev().take_while(|byte| is_base64(**byte)).count();
    let run = &before[before.len() - whole..];
    let even = |at: usize| (run.len() - at) % 4 == usize::from(phase) % 4;
    let starts =
        [0].into_iter().chain(run.iter().enumerate().filter(|(_, b)| !b.is_ascii_alphanumeric()).map(|(at, _)| at + 1));
    let start = starts.into_iter().find(|at| even(*at)).unwrap_or(0);
    let ahead = behind.iter().take_while(|byte| is_base64(**byte)).count();
    let padding = behind[ahead..].iter().take(2).take_while(|byte| **byte == b'=').count();
    (run.len() - start, ahead + padding)
}

/// Decodes a run, by groups that come out even at a trigger which ends at `end` in it.
pub fn decode(run: &[u8], end: usize, phase: u8) -> Decoded {
    let first = (end + 4 - usize::from(phase) % 4) % 4;
    let mut text = Zeroizing::new(Vec::with_capacity(run.len()));
    for group in run.get(first..).unwrap_or_default().chunks(4) {
        let values = group.iter().map(|byte| VALUES[usize::from(*byte)]).take_while(|value| *value != NONE);
        let (bits, count) = values.fold((0u32, 0), |(bits, count), value| (bits << 6 | u32::from(value), count + 1));
        let bytes = (bits << (6 * (4 - count))).to_be_bytes();
        text.extend_from_slice(&bytes[1..(1 + count * 3 / 4).max(1)]);
    }
    Decoded { text, origins: Origins::Packed { first, len: run.len() } }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    #[test]
    fn a_form_stands_in_what_is_encoded_at_its_place() {
        for (before, behind) in
            [("", ""), ("a", "x"), ("??", ">>"), ("abc", ""), ("user:", "~~~"), ("\u{ff}", "\u{fe}\u{ff}")]
        {
            for literal in ["ghp_", "xoxb-", "password", "AKIA", "-----BEGIN "] {
                let text = format!("{before}{literal}{behind}");
                for encoded in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                    let form = forms(literal.as_bytes()).into_iter().find(|form| {
                        encoded
                            .match_indices(&form.text)
                            .any(|(start, _)| (start + form.text.len()) % 4 == usize::from(form.phase))
                    });
                    let control =
                        literal.len() == 4 && before.len() % 3 == 1 && behind.bytes().next().is_none_or(|b| b >= 0x80);
                    assert!(form.is_some() || control, "{text} {encoded}");
                }
            }
        }
    }

    #[test]
    fn a_run_decodes_from_where_its_groups_come_out_even() {
        let encoded = STANDARD.encode("user:ghp_abcdefghijk");
        let form = forms(b"ghp_").into_iter().find(|form| encoded.contains(&form.text)).expect("a form");
        for (glued, rest) in [("", ""), ("x", "=1"), ("data/", " "), ("v1/path/of-it/", "\""), ("ab", "")] {
            let line = format!("{glued}{encoded}{rest}");
            let end = line.find(&form.text).expect("there") + form.text.len();
            let (back, ahead) = reach(&line.as_bytes()[..end], &line.as_bytes()[end..], form.phase);
            let run = &line.as_bytes()[end - back..end + ahead];
            let decoded = decode(run, back, form.phase);
            assert!(decoded.text.ends_with(b"user:ghp_abcdefghijk"), "{line}");
            assert!(line.find(&encoded).expect("there") >= end - back);
        }
    }
}
