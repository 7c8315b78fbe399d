//! What stands in a value's place and names something: code, a path, a URL, an object, a label.

use super::words::reads_like_words;
use crate::pipeline::fingerprint;

/// Words of which one is in nearly every label of a field for a password.
const LABELS: &[&[u8]] = &[
    b"password",
    b"passwort",
    b"kennwort",
    b"wachtwoord",
    b"mot de passe",
    "contraseña".as_bytes(),
    b"senha",
    "hasło".as_bytes(),
    b"parola",
    "пароль".as_bytes(),
    "lösenord".as_bytes(),
];

/// What the names of variables begin with where they need no mark of their own.
const ROOTS: &[&[u8]] = &[
    b"var.",
    b"local.",
    b"module.",
    b"data.",
    b"self.",
    b"this.",
    b"env.",
    b"process.env.",
    b"os.environ.",
    b"config.",
    b"settings.",
];

/// What is left of an expression when the quote before it closed a string: `" + getPassword() + "`, `' . $x`, `", label: "`.
pub(super) fn is_cut_code(value: &[u8]) -> bool {
    match value {
        [b'+' | b',' | b';' | b')' | b'&' | b'|', rest @ ..] => rest.starts_with(b" ") || reads_like_words(rest),
        [b'.', rest @ ..] => rest.trim_ascii_start().starts_with(b"$"),
        [b'(', rest @ ..] => rest.iter().all(|b| b.is_ascii_alphabetic() || *b == b'_'),
        _ => false,
    }
}

/// A route, a selector or a resource that is named after what the key is named after: `/forgot_password`, `#add-password`.
pub(super) fn is_label(value: &[u8]) -> bool {
    let holds = |name: &&[u8]| value.windows(name.len()).any(|window| window.eq_ignore_ascii_case(name));
    // What a field is called in the languages of its users.
    if value.contains(&b' ') && !value.iter().any(u8::is_ascii_digit) && LABELS.iter().any(holds) {
        return true;
    }
    let named = || holds(&&b"password"[..]);
    value.iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b'/' | b'#' | b':' | b' ' | b'-' | b'_' | b'.'))
        && value.iter().any(|b| matches!(b, b'/' | b'#' | b':' | b' '))
        && named()
}

/// `id=npm`: a short name, and something assigned to it.
pub(super) fn is_parameter(value: &[u8]) -> bool {
    let name = value.iter().take_while(|b| b.is_ascii_lowercase()).count();
    (1..=8).contains(&name) && value.get(name) == Some(&b'=') && name + 1 < value.len()
}

/// `/srv/edge/app-2`: `PWD` holds the working folder, and many keys name a file. base64 may begin with a slash, but its parts are
/// no words.
pub(super) fn is_path(value: &[u8]) -> bool {
    let relative = value.strip_prefix(b"..").or_else(|| value.strip_prefix(b"."));
    let Some(rest) = relative.unwrap_or(value).strip_prefix(b"/") else { return false };
    let parts = || rest.split(|b| *b == b'/').filter(|part| !part.is_empty());
    let plain = |part: &[u8]| {
        let upper = part.iter().any(u8::is_ascii_uppercase);
        let (lower, digit) = (part.iter().any(u8::is_ascii_lowercase), part.iter().any(u8::is_ascii_digit));
        part.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) && !(upper && lower && digit)
    };
    parts().all(|part| plain(part) && part.len() <= 32) && parts().any(|part| part.len() > 2 && reads_like_words(part))
}

/// `./db.txt`, `uploads/user/7/avatar.png`: a file's name behind the folders that it lies in.
pub(super) fn is_file(value: &[u8]) -> bool {
    let Some(dot) = memchr::memrchr(b'.', value) else { return false };
    let (path, ending) = (&value[..dot], &value[dot + 1..]);
    let parts = || path.split(|b| *b == b'/');
    let plain = |part: &[u8]| {
        part == b"."
            || (part.len() <= 24 && part.iter().all(|b| b.is_ascii_lowercase() || matches!(b, b'_' | b'-')))
            || part.iter().all(u8::is_ascii_digit)
    };
    (2..=4).contains(&ending.len())
        && ending.iter().all(u8::is_ascii_lowercase)
        && parts().count() > 1
        && parts().all(plain)
}

/// A URL is no secret; a password in it is found on its own.
pub(super) fn has_scheme(value: &[u8]) -> bool {
    memchr::memmem::find(&value[..value.len().min(24)], b"://").is_some_and(|at| {
        at > 1 && value[..at].iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    })
}

/// What programs print of an object: `AppToken{a81 …`, `com.example.Token@1b2c3d`.
pub(super) fn is_object(value: &[u8]) -> bool {
    let name = value.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'$')).count();
    if name < 3 || !value[0].is_ascii_alphabetic() || value[..name].iter().filter(|b| b.is_ascii_digit()).count() > 2 {
        return false;
    }
    match value.get(name) {
        Some(b'{' | b'[') if !is_named(&value[..name]) => false,
        // `Abc{1}2` goes on behind the bracket: that is no object.
        Some(b'{' | b'[') => !value[name..value.len() - 1].iter().any(|b| matches!(b, b'}' | b']')),
        Some(b'@') => {
            let hash = &value[name + 1..];
            value[..name].contains(&b'.') && (1..=8).contains(&hash.len()) && hash.iter().all(u8::is_ascii_hexdigit)
        }
        _ => false,
    }
}

/// Whether a name is made of words, each with a number behind it or not: `base64.decode`, and not `HlME`.
fn is_named(name: &[u8]) -> bool {
    name.split(|b| !b.is_ascii_alphabetic()).all(|part| part.is_empty() || reads_like_words(part))
}

/// Source code in place of a value: a call, a member, an index.
pub(super) fn is_code(value: &[u8]) -> bool {
    // Types of slices and pointers.
    let slice = value.strip_prefix(b"&[").map(|of| of.strip_suffix(b"]").unwrap_or(of));
    if matches!(value, b"*const" | b"*mut" | b"&mut") || slice.is_some_and(|of| of.len() < 6 && is_named(of)) {
        return true;
    }
    let name = value
        .iter()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'>' | b'-' | b'?'))
        .count();
    match value.get(name) {
        Some(b'(' | b'[') => {
            name > 2
                && !value[0].is_ascii_digit()
                && is_named(&value[..name])
                && value[..name].iter().filter(|b| b.is_ascii_digit()).count() * 4 < name.max(1)
                // How many digits a mark has is chance: what stands beside it must not depend on that.
                && fingerprint::find_written(&value[..name]).next().is_none()
        }
        // `Token![=]`, `System.fetch_env!(`, `MaybeUninit::<u8>`
        Some(b'!') => {
            name > 2 && matches!(value.get(name + 1), Some(b'[' | b'(')) && !value.iter().any(u8::is_ascii_digit)
        }
        Some(b'<') => value[..name].ends_with(b"::") && !value[..name].iter().any(u8::is_ascii_digit),
        None => {
            let is_name = value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_'));
            (value.ends_with(b"::") && !value.iter().any(u8::is_ascii_digit))
                || (is_name && ROOTS.iter().any(|root| value.starts_with(root)))
                || (value.contains(&b'.') && reads_like_words(value) && !value.ends_with(b"."))
        }
        _ => false,
    }
}
