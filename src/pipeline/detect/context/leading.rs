//! What stands between a separator and the value, or in the value's place: the mark of a kind of string, a user's name, code.

use super::key::Key;

/// No user's name before its password is longer.
const MAX_USER: usize = 40;

/// Behind what marks a string as one of some kind, and behind the first two of three quotes: `f"x"`, `L"x"`, `"""x"""`.
pub(super) fn behind_prefix(line: &[u8], at: usize) -> usize {
    match line[at..] {
        [b'f' | b'F' | b'L' | b'R', b'"' | b'\'', ..] => at + 1,
        [a, b, c, d, ..] if a == b && b == c && c != d && matches!(a, b'"' | b'\'') => at + 2,
        _ => at,
    }
}

/// Behind what YAML has before a value: a tag, `!!str x`, or the name of an anchor, `&pw x`.
pub(super) fn behind_tag(line: &[u8], at: usize) -> usize {
    let Some([b'!' | b'&', rest @ ..]) = line.get(at..) else { return at };
    let name =
        rest.iter().take(MAX_USER).take_while(|b| b.is_ascii_lowercase() || matches!(b, b'!' | b'_' | b'-')).count();
    // `!secret` and `!vault` name what is looked up elsewhere.
    let is_plain = line[at] == b'&' || rest.starts_with(b"!") || rest.starts_with(b"unsafe");
    let is_tag = is_plain && name > 1 && rest.get(name) == Some(&b' ') && rest.get(name + 1).is_some_and(|b| *b > b' ');
    if is_tag { at + 1 + name + 1 } else { at }
}

/// Whether code stands where the value would: what is named as the key is, a type, or what a shell puts in.
pub(super) fn is_expression(line: &[u8], key: Key, at: usize) -> bool {
    let rest = &line[at..];
    let is_name = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.');
    let name = &rest[..rest.iter().take(MAX_USER).take_while(is_name).count()];
    let last = |name: &[u8]| name.iter().rposition(|b| *b == b'.').map_or(0, |dot| dot + 1);
    let key_name = &line[key.start..key.end];
    // `this.apiKey = apiKey;`, `secret:e.secret`
    let repeats = !name.is_empty()
        && name[last(name)..].eq_ignore_ascii_case(&key_name[last(key_name)..])
        && !matches!(rest.get(name.len()), Some(b'-' | b'@' | b'/' | b'+' | b'!' | b'#' | b'$' | b'%' | b'^' | b'*'));
    // `password: Secret<String>,`
    let is_type = || {
        let inner = rest[name.len()..].strip_prefix(b"<").unwrap_or_default();
        let inside =
            inner.iter().take(MAX_USER).take_while(|b| is_name(b) || matches!(b, b'<' | b'>' | b' ' | b',')).count();
        name.first().is_some_and(u8::is_ascii_uppercase)
            && inner.first().is_some_and(u8::is_ascii_alphabetic)
            && inner[..inside].iter().rposition(|b| *b == b'>').is_some_and(|end| ends_type(inner.get(end + 1)))
    };
    // `-Password (ConvertTo-SecureString "x" …)`
    let is_call = || {
        let inner = rest.strip_prefix(b"(").unwrap_or_default();
        let verb =
            inner.iter().take(MAX_USER).take_while(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_')).count();
        verb > 1 && matches!(inner.get(verb), Some(b' ' | b'='))
    };
    // ``PASSWORD=`cat /run/pw` ``
    let is_command = || {
        let inner = rest.strip_prefix(b"`").unwrap_or_default();
        let length = inner.iter().take_while(|b| **b != b'`').count();
        line[..at].ends_with(b"=") && inner.get(length) == Some(&b'`') && inner[..length].contains(&b' ')
    };
    repeats || is_call() || is_type() || is_command()
}

/// Behind the user's name, where a key tells that it stands before its password: `username/password: ann/x`, `credentials: ann:x`.
pub(super) fn behind_user(line: &[u8], key: Key, at: usize) -> usize {
    const USERS: [&[u8]; 5] = [b"user", b"username", b"login", b"id", b"account"];
    let before = line[..key.start].trim_ascii_end();
    let name = before.strip_suffix(b"/").unwrap_or_default().trim_ascii_end();
    let word = &name[name.iter().rposition(|b| !b.is_ascii_alphabetic()).map_or(0, |other| other + 1)..];
    let is_pair = USERS.iter().any(|user| word.eq_ignore_ascii_case(user));
    let key_name = &line[key.start..key.end];
    let of_both = ends_with(key_name, b"credentials") || ends_with(key_name, b"creds");
    if !is_pair && !of_both {
        return at;
    }
    let is_user = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'@');
    let user = line[at..].iter().take(MAX_USER).take_while(is_user).count();
    let of_letters = line[at..at + user].iter().all(u8::is_ascii_lowercase);
    match line.get(at + user) {
        Some(b'/') if is_pair && user > 0 => at + user + 1,
        Some(b':') if user > 0 && (is_pair || of_letters) => at + user + 1,
        Some(b' ') if is_pair && user > 0 && line[at + user..].starts_with(b" / ") => at + user + b" / ".len(),
        _ => at,
    }
}

fn ends_with(text: &[u8], end: &[u8]) -> bool {
    text.len() >= end.len() && text[text.len() - end.len()..].eq_ignore_ascii_case(end)
}

/// Whether what stands behind a type's parameters may: a password with angle brackets in it goes on.
fn ends_type(next: Option<&u8>) -> bool {
    next.is_none_or(|next| matches!(next, b',' | b';' | b')' | b'=' | b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_in_a_values_place_is_told_from_passwords() {
        let is_code =
            |line: &str, end: usize, at: usize| is_expression(line.as_bytes(), Key { start: 0, end, flag: false }, at);
        assert!(is_code("secret: Secret<String>, x", 6, 8) && is_code("secret: Option<Vec<u8>> = x", 6, 8));
        assert!(!is_code("secret: Gravel<moth>7", 6, 8) && !is_code("secret: gravel<moth>", 6, 8));
        assert!(is_code("secret=e.secret;", 6, 7) && !is_code("secret=e.gravel;", 6, 7));
    }
}
