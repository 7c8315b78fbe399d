//! The password in a URL's user-info (RFC 3986, section 3.2.1), also where it holds an unescaped `@`, `/` or `#`.

use super::{Value, Written};
use crate::model::Span;
use crate::pipeline::detect::{placeholder, validator};

/// User-info and host together are no longer than this.
const MAX_AUTHORITY: usize = 1024;
/// A user part without a password may be a token from this length on.
const MIN_TOKEN: usize = 20;

/// A quick test that is true wherever [`password`] may find one: an `@` ends the authority, or a colon in it leads to no port.
#[inline]
pub fn may_hold_password(rest: &[u8]) -> bool {
    let rest = &rest[..rest.len().min(MAX_AUTHORITY)];
    let Some(end) = rest.iter().position(|byte| ENDS[usize::from(*byte)] != 0) else { return false };
    match rest[end] {
        b'@' => true,
        b'/' | b'?' | b'#' => memchr::memchr(b':', &rest[..end])
            .is_some_and(|colon| rest[colon + 1..end].iter().any(|byte| !byte.is_ascii_digit())),
        _ => false,
    }
}

/// Whether what stands before `at` may be the beginning of an authority, which a slash would end.
pub fn may_be_in_authority(block: &[u8], at: usize) -> bool {
    let ends = |byte: &u8| *byte != b'@' && ENDS[usize::from(*byte)] != 0;
    match block[..at].iter().rev().take(MAX_AUTHORITY).position(ends) {
        Some(back) => block[..at - back].ends_with(b"://"),
        None => at > MAX_AUTHORITY,
    }
}

/// A byte that ends an authority, or its user-info.
const DELIMITER: u8 = 1;
/// A byte that no URL in a text goes on behind.
const OUTSIDE: u8 = 2;

/// Which of these each byte is: one look-up for each byte behind every `://` of a log.
const ENDS: [u8; 256] = {
    let (mut table, mut byte) = ([0; 256], 0u8);
    while byte < 128 {
        table[byte as usize] = match byte {
            b'@' | b'/' | b'?' | b'#' => DELIMITER,
            b' ' | b'\t' | b'\n' | b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\' => OUTSIDE,
            _ => 0,
        };
        byte += 1;
    }
    table
};

/// The password, or the token in the user's place, behind the `://` that ends at `start`.
pub fn password(line: &[u8], start: usize) -> Option<Value> {
    let rest = &line[start..line.len().min(start + MAX_AUTHORITY)];
    // Nearly every URL has no `@` in its authority: refuse these with one short search.
    let delimiter = rest.iter().position(|byte| ENDS[usize::from(*byte)] != 0);
    let first = rest.get(delimiter?).copied()?;
    memchr::memchr(b'@', &rest[delimiter?..])?;
    let run = rest.iter().position(|byte| ENDS[usize::from(*byte)] & OUTSIDE != 0).unwrap_or(rest.len());
    let run = &rest[..run];
    let at = match first {
        b'@' => {
            let authority = run.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(run.len());
            let inside = memchr::memrchr(b'@', &run[..authority])?;
            // `user:p@ss/w@rd@host/path`: a later `@` counts when the part before it cannot be a host.
            if is_host(&run[inside + 1..authority]) { inside } else { later_at(run, inside)? }
        }
        b'/' | b'?' | b'#' => {
            let colon = memchr::memchr(b':', run).filter(|&colon| colon < delimiter.unwrap_or(0))?;
            // `host:8080/path@2` has a port there, not a password.
            let port = &run[colon + 1..delimiter?];
            if port.is_empty() || port.iter().all(u8::is_ascii_digit) {
                return None;
            }
            later_at(run, 0)?
        }
        _ => return None,
    };
    let user_info = &run[..at];
    let span = match memchr::memchr(b':', user_info) {
        Some(colon) => Span::new(start + colon + 1, start + at),
        None if is_token(user_info) => Span::new(start, start + at),
        None => return None,
    };
    let value = &line[span.range()];
    if names_its_parts(&line[start..span.start()], value) {
        return None;
    }
    let counts = !value.is_empty() && !placeholder::is_placeholder_value(value) && !is_stand_in(value);
    counts.then_some(Value { span, written: Written::Percent, add_quotes: None })
}

/// The last `@` behind `from` with a host behind it.
fn later_at(run: &[u8], from: usize) -> Option<usize> {
    let at = memchr::memrchr(b'@', run).filter(|&at| at >= from)?;
    let host = &run[at + 1..];
    let end = host.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(host.len());
    is_host(&host[..end]).then_some(at)
}

/// `db.internal:5432`, `[::1]`, `a,b:1` and the like.
fn is_host(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().all(|b| {
            b.is_ascii_alphanumeric()
                || matches!(
                    b,
                    b'.' | b'-' | b'_' | b':' | b'[' | b']' | b',' | b'%' | b'$' | b'{' | b'}' | b'(' | b')' | b';'
                )
                || *b >= 0x80
        })
}

/// Whether a user part without a password is a token: long, of one alphabet, letters and digits mixed.
fn is_token(user: &[u8]) -> bool {
    user.len() >= MIN_TOKEN
        && user.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        && user.iter().any(u8::is_ascii_digit)
        && user.iter().any(u8::is_ascii_alphabetic)
        && validator::bits_per_character(user) >= 3.5
}

/// Whether user and password say but what stands there, as in a documentation: `user:password@`, `[user[:password]@]`.
fn names_its_parts(user: &[u8], password: &[u8]) -> bool {
    const USERS: [&[u8]; 3] = [b"user", b"username", b"login"];
    const PASSWORDS: [&[u8]; 5] = [b"password", b"pass", b"passwd", b"pw", b"pwd"];
    let letters = |text: &[u8]| -> Vec<u8> {
        text.iter().filter(|b| !matches!(b, b'[' | b']' | b':')).map(u8::to_ascii_lowercase).collect()
    };
    password.len() < 12 && user.len() < 16 && {
        let (user, password) = (letters(user), letters(password));
        USERS.contains(&&user[..]) && PASSWORDS.contains(&&password[..])
    }
}

/// What clients send where a token has taken the user's place.
fn is_stand_in(value: &[u8]) -> bool {
    matches!(value, b"x-oauth-basic" | b"X-OAUTH-BASIC" | b"x-token-auth")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(url: &str) -> Option<String> {
        let start = url.find("://").expect("a URL") + 3;
        password(url.as_bytes(), start).map(|value| url[value.span.range()].to_owned())
    }

    #[test]
    fn an_authority_begins_behind_two_slashes_and_ends_at_the_next() {
        for (text, is_in) in [
            ("amqp://u:", true),
            ("amqp://u@", true),
            ("://", true),
            ("https://host/", false),
            ("https://host?key=", false),
            ("x amqp: u:", false),
            ("AWS_SECRET=", false),
            ("", false),
        ] {
            assert_eq!(may_be_in_authority(text.as_bytes(), text.len()), is_in, "{text}");
        }
        let long = [b"amqp://".as_slice(), &[b'u'; MAX_AUTHORITY]].concat();
        assert!(may_be_in_authority(&long, long.len()), "nobody knows");
    }

    #[test]
    fn passwords_are_found() {
        for (url, expected) in [
            ("postgres://app:s3cret@db:5432/x", "s3cret"),
            ("https://ci:p%40ss@git.example.org/a.git failed", "p%40ss"),
            ("redis://:only@host", "only"),
            ("mongodb+srv://u:12@34)@cluster0.example.net/db", "12@34)"),
            ("amqp://u:pa/ss@host:1", "pa/ss"),
            ("amqp://u:p@s$s^s@host/v", "p@s$s^s"),
            ("https://u:p4ss@registry.example.org/@scope/name", "p4ss"),
            ("'https://4f1e9a0c7b2d8e6f5a3b@host/x'", "4f1e9a0c7b2d8e6f5a3b"),
        ] {
            assert_eq!(found(url).as_deref(), Some(expected), "{url}");
        }
    }

    #[test]
    fn other_urls_stay() {
        for url in [
            "https://shop.example.org/",
            "http://host:8080/a@b",
            "http://host/x:y@z",
            "ssh://git@host/x",
            "https://user:${PW}@host",
            "https://h.example/\"",
            "https://deployment-service-user@host/",
        ] {
            assert_eq!(found(url), None, "{url}");
        }
    }
}
