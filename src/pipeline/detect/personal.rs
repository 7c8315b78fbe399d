//! Personal data: one canonical form however it is written, and what may not stand before it.
//!
//! A person's number is the same with and without the blanks of its groups, an address in any case of its domain, a host in any
//! spelling of its address. The forms are specified for other programs in `docs/fingerprint.md`.

use std::net::IpAddr;

use super::boundary;
use super::decode;
use super::validator::address;
use crate::model::{Secret, Span};
use crate::pipeline::detect::context::Written;

/// In which form a datum is canonical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notation {
    /// Letters and digits alone, in upper case: cards, accounts, numbers with check digits.
    Compact,
    /// The domain in lower case; the local part stands, as hosts may tell its cases apart.
    Email,
    /// Digits alone, behind `+` where the country's code is there.
    Phone,
    /// As RFC 5952 has it; an address of version 4 within one of version 6 is that of version 4.
    Ip,
    /// Twelve hex digits in lower case.
    Mac,
}

/// The canonical form of a datum.
pub fn canonical(text: &[u8], notation: Notation) -> Secret<'_> {
    let text = match decode::written_token(text) {
        Written::Percent if notation != Notation::Ip => decode::canonical(text, Written::Percent),
        _ => Secret::borrowed(text),
    };
    let text = text.expose();
    let letters = || text.iter().copied().filter(u8::is_ascii_alphanumeric);
    Secret::owned(match notation {
        Notation::Compact => letters().map(|byte| byte.to_ascii_uppercase()).collect(),
        Notation::Mac => letters().map(|byte| byte.to_ascii_lowercase()).collect(),
        Notation::Email => {
            let domain = memchr::memrchr(b'@', text).unwrap_or(0);
            [&text[..domain], &text[domain..].to_ascii_lowercase()].concat()
        }
        Notation::Phone => phone(text),
        Notation::Ip => ip(text).map_or_else(|| text.to_vec(), |address| address.to_string().into_bytes()),
    })
}

/// `+44 (0)20 7946 0018` is dialled +442079460018, and so is what has 00 in the place of the plus.
fn phone(text: &[u8]) -> Vec<u8> {
    let digits = |text: &[u8]| text.iter().copied().filter(u8::is_ascii_digit).collect::<Vec<u8>>();
    let (abroad, rest) = match text {
        [b'+', rest @ ..] | [b'0', b'0', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    if !abroad {
        return digits(rest);
    }
    let trunk = memchr::memmem::find(rest, b"(0)");
    let digits = trunk.map_or_else(|| digits(rest), |at| [digits(&rest[..at]), digits(&rest[at + 3..])].concat());
    [b"+", &digits[..]].concat()
}

fn ip(text: &[u8]) -> Option<IpAddr> {
    let address = address::ipv4(text).map(IpAddr::V4).or_else(|| address::ipv6(text).map(IpAddr::V6))?;
    Some(match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        v4 => v4,
    })
}

/// Whether a datum at `start` would begin within an escape: with the `n` of `\n`, the `3D` of `%3D`, the `32m` of a colour.
pub fn begins_in_escape(line: &[u8], start: usize) -> bool {
    let Some(before) = start.checked_sub(1) else { return false };
    if matches!(line[before], b'[' | b';') {
        let parameters = line[start..].iter().take(16).take_while(|b| b.is_ascii_digit() || **b == b';').count();
        let end = start + parameters + 1;
        return line.get(end - 1) == Some(&b'm') && boundary::begins_behind_escape(line, end);
    }
    let ends = match line[before] {
        b'\\' => &[1, 3, 5][..],
        b'%' => &[2][..],
        _ => return false,
    };
    ends.iter().map(|length| start + length).any(|end| end <= line.len() && boundary::begins_behind_escape(line, end))
}

/// Digits and commas between a JSON array's bracket and one of its numbers; a longer one is not looked through.
const MAX_NUMBERS: usize = 256;

/// For a bare number in JSON, how many backslashes stand before the quotes of its key: a mark in its place needs the same quotes, or the
/// line is no JSON any more.
pub fn json_quotes(line: &[u8], number: Span) -> Option<u8> {
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    let skip_back = |text: &[u8]| text.len() - text.iter().rev().take(8).take_while(|b| blank(b)).count();
    if !line[number.range()].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let next = line[number.end()..].iter().take(8).find(|b| !blank(b))?;
    if !matches!(next, b',' | b'}' | b']') {
        return None;
    }
    let mut before = &line[..skip_back(&line[..number.start()])];
    if let Some(b'[' | b',') = before.last() {
        let is_inner = |b: &&u8| b.is_ascii_digit() || matches!(**b, b',' | b' ');
        let inner = before.iter().rev().take(MAX_NUMBERS).take_while(is_inner).count();
        before = before[..before.len() - inner].strip_suffix(b"[")?;
        before = &before[..skip_back(before)];
    }
    let key = before.strip_suffix(b":")?;
    let key = key[..skip_back(key)].strip_suffix(b"\"")?;
    Some(key.iter().rev().take(16).take_while(|b| **b == b'\\').count() as u8)
}

/// How far back the user-info of a URL may begin.
const MAX_USER_INFO: usize = 256;

/// Whether what looks like an address of a network is a browser's version, of which only the first number is told: `Chrome/120.0.0.0`. Java
/// prints a host's name and address so, but no network's.
pub fn is_product_version(line: &[u8], address: Span) -> bool {
    let before = &line[..address.start()];
    line[address.range()].ends_with(b".0.0.0") && matches!(before, [.., name, b'/'] if name.is_ascii_alphabetic())
}

/// Whether what stands at `start` is the user-info of a URL, as in `ssh://git@host/`, or git's own user, as in `git@host:path`: no address of
/// mail.
pub fn in_user_info(line: &[u8], start: usize) -> bool {
    let before = line[..start].iter().rev().take(MAX_USER_INFO);
    let ends = |b: &&u8| {
        b.is_ascii_whitespace() || matches!(**b, b'/' | b'"' | b'\'' | b'<' | b'>' | b'?' | b'#' | b'&' | b',')
    };
    let length = before.take_while(|b| !ends(b)).count();
    line[..start - length].ends_with(b"://") || line[start..].starts_with(b"git@")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical_text(text: &str, notation: Notation) -> String {
        String::from_utf8(canonical(text.as_bytes(), notation).expose().to_vec()).expect("text")
    }

    #[test]
    fn one_datum_has_one_form() {
        for (notation, expected, spellings) in [
            (
                Notation::Compact,
                "4242424242424242",
                &["4242 4242 4242 4242", "4242-4242-4242-4242", "4242%204242%204242%204242"][..],
            ),
            (Notation::Compact, "GB82WEST12345698765432", &["GB82 WEST 1234 5698 7654 32", "gb82west12345698765432"]),
            (Notation::Email, "Ann.B@mail.example.org", &["Ann.B@Mail.Example.ORG", "Ann.B%40mail.example.org"]),
            (
                Notation::Phone,
                "+442079460018",
                &["+44 20 7946 0018", "+44 (0)20 7946-0018", "0044 20 79460018", "%2B442079460018"],
            ),
            (Notation::Phone, "4155550132", &["(415) 555-0132", "415.555.0132"]),
            (Notation::Ip, "2001:db8::1", &["2001:0DB8:0:0::0001", "2001:db8::1%eth0"]),
            (Notation::Ip, "192.0.2.1", &["::ffff:192.0.2.1", "192.0.2.1"]),
            (Notation::Mac, "001a2b3c4d5e", &["00:1A:2B:3C:4D:5E", "00-1a-2b-3c-4d-5e", "001a.2b3c.4d5e"]),
        ] {
            for spelling in spellings {
                assert_eq!(canonical_text(spelling, notation), expected, "{spelling}");
            }
        }
    }

    #[test]
    fn the_letter_of_an_escape_begins_nothing() {
        for (line, start) in [
            ("\x1b[32mann@", 2),
            ("\\e[1;32mann@", 5),
            ("\\nann@", 1),
            ("%3Dann@", 1),
            ("\\u0026ann@", 1),
            ("\\x3dann@", 1),
        ] {
            assert!(begins_in_escape(line.as_bytes(), start), "{line}");
        }
        for (line, start) in
            [("\\nann@", 2), ("ann@", 0), (" ann@", 1), ("5% ann@", 3), ("\\qann", 1), ("[ann@", 1), ("[32ann@", 1)]
        {
            assert!(!begins_in_escape(line.as_bytes(), start), "{line}");
        }
    }

    #[test]
    fn a_bare_number_in_json_gets_the_quotes_of_its_key() {
        let quotes = |line: &str| {
            let start = line.find("42").expect("it is there");
            json_quotes(line.as_bytes(), Span::new(start, start + 2))
        };
        for line in [r#"{"a":42}"#, r#"{"a" : 42 , "b":1}"#, r#"{"a":[1, 42]}"#, r#"{"a":[42,1]}"#] {
            assert_eq!(quotes(line), Some(0), "{line}");
        }
        assert_eq!(quotes(r#"{"s":"{\"a\":42}"}"#), Some(1));
        for line in [r#"{"a":"42"}"#, "a:42,", r#""a": 42 of"#, "[42, 1]", r#"{"m":"of 42, and"}"#] {
            assert_eq!(quotes(line), None, "{line}");
        }
    }

    #[test]
    fn the_user_of_a_url_is_no_address() {
        assert!(in_user_info(b"ssh://git@host.example", 6));
        assert!(in_user_info(b"https://ann:pass@host.example", 12));
        assert!(!in_user_info(b"https://host/users/ann@example.org", 19));
        assert!(!in_user_info(b"mailto:ann@example.org", 7));
    }
}
