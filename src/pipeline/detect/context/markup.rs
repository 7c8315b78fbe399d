//! Values in markup: XML elements, labels and cells of HTML, Markdown's bold keys.

use super::key::Key;
use super::separator::{MAX_WORD, Separator, skip_blanks, word};

/// No list of an element's attributes is longer.
const MAX_ATTRIBUTES: usize = 256;
/// A key's tags, or a value's: `</b>`, `</td><td class="x">`.
const MAX_TAGS: usize = 4;

/// The value behind the marks that end a key's own: `**Password:** x`, `<b>Password:</b> x`, `<td>Password:</td><td>x</td>`.
pub(super) fn marked_up(line: &[u8], key: Key, at: usize) -> Option<(Separator, usize)> {
    match line[..key.start] {
        [.., b'*', b'*'] if line[at..].starts_with(b"** ") => {
            Some((Separator::ColonBlank, skip_blanks(line, at + b"**".len())))
        }
        [.., b'>'] => behind_tags(line, at),
        _ => None,
    }
}

/// The text behind the tag that ends a label, and behind those that begin what stands beside it.
pub(super) fn behind_tags(line: &[u8], mut at: usize) -> Option<(Separator, usize)> {
    const LABELS: [&[u8]; 7] = [b"b", b"strong", b"td", b"th", b"dt", b"label", b"span"];
    let (label, _) = word(line, at + line[at..].strip_prefix(b"</").map(|_| 2)?);
    if !LABELS.contains(&label) {
        return None;
    }
    for _ in 0..MAX_TAGS {
        let inner = line[at..].strip_prefix(b"<").unwrap_or_default();
        let length = inner.iter().take(MAX_ATTRIBUTES).take_while(|b| !matches!(b, b'<' | b'>')).count();
        if inner.get(length) != Some(&b'>') {
            break;
        }
        at = skip_blanks(line, at + 1 + length + 1);
    }
    // `<b>Password</b>: x`
    let colon = usize::from(line.get(at) == Some(&b':'));
    element(line, skip_blanks(line, at + colon), true)
}

/// `<password>x<`, `<property name="password">x<`, `<password><![CDATA[x]]>`.
pub(super) fn element(line: &[u8], at: usize, is_tag: bool) -> Option<(Separator, usize)> {
    const CDATA: &[u8] = b"<![CDATA[";
    const VALUES: [&[u8]; 2] = [b"<Value>", b"<value>"];
    let value = VALUES.iter().find(|tag| line[at..].starts_with(tag)).map_or(0, |tag| tag.len());
    let at = at + value;
    let at = if line[at..].starts_with(CDATA) { at + CDATA.len() } else { at };
    let is_text = match line.get(at) {
        None | Some(b'<') => false,
        // `<user>:<password>@host` stands for what is to be put there, and so does `AUTH <password> in a sentence`.
        Some(b'@' | b' ') => memchr::memmem::find(&line[at..], b"</").is_some(),
        Some(_) => true,
    };
    (is_tag && is_text).then(|| (Separator::Element, skip_blanks(line, at)))
}

/// Behind a tag's attributes: `<wsse:Password Type="…">x<`.
pub(super) fn behind_attributes(line: &[u8], key: Key, at: usize) -> Option<(Separator, usize)> {
    let before = &line[key.start.saturating_sub(MAX_WORD)..key.start];
    let tag = before.iter().rposition(|b| !(b.is_ascii_alphanumeric() || matches!(b, b':' | b'-')))?;
    let names_attribute = line.get(at).is_some_and(u8::is_ascii_alphabetic);
    if before[tag] != b'<' || !names_attribute {
        return None;
    }
    let attributes = &line[at..line.len().min(at + MAX_ATTRIBUTES)];
    let close = memchr::memchr2(b'<', b'>', attributes)?;
    let holds_text =
        attributes[close] == b'>' && close > 0 && attributes[close - 1] != b'/' && attributes[..close].contains(&b'=');
    if holds_text { element(line, at + close + 1, true) } else { None }
}
