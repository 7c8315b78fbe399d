//! Character references of HTML and XML: `&quot;`, `&#34;`, `&#x22;`.

use super::Builder;

/// The named ones that encoders write for ASCII.
const NAMED: &[(&[u8], u8)] = &[
    (b"amp", b'&'),
    (b"quot", b'"'),
    (b"apos", b'\''),
    (b"lt", b'<'),
    (b"gt", b'>'),
    (b"Tab", b'\t'),
    (b"NewLine", b'\n'),
    (b"excl", b'!'),
    (b"num", b'#'),
    (b"dollar", b'$'),
    (b"percnt", b'%'),
    (b"lpar", b'('),
    (b"rpar", b')'),
    (b"ast", b'*'),
    (b"plus", b'+'),
    (b"comma", b','),
    (b"hyphen", b'-'),
    (b"period", b'.'),
    (b"sol", b'/'),
    (b"colon", b':'),
    (b"semi", b';'),
    (b"equals", b'='),
    (b"quest", b'?'),
    (b"commat", b'@'),
    (b"lsqb", b'['),
    (b"lbrack", b'['),
    (b"bsol", b'\\'),
    (b"rsqb", b']'),
    (b"rbrack", b']'),
    (b"Hat", b'^'),
    (b"lowbar", b'_'),
    (b"grave", b'`'),
    (b"lcub", b'{'),
    (b"lbrace", b'{'),
    (b"verbar", b'|'),
    (b"vert", b'|'),
    (b"rcub", b'}'),
    (b"rbrace", b'}'),
];

/// `&#x10FFFF;` and a zero or two before it.
const LONGEST: usize = 12;

/// `end` is behind `&#`.
#[inline]
pub fn is_worth_a_look(block: &[u8], end: usize) -> bool {
    // Quotes, blanks and what is no ASCII stand in every other page; behind a key they are looked at on their own.
    end.checked_sub(2)
        .and_then(|at| at_start(&block[at..]))
        .is_some_and(|(character, _)| character.is_ascii_graphic() && !matches!(character, '"' | '\'' | '<' | '>'))
}

/// Whether one begins at `at`.
pub fn starts(line: &[u8], at: usize) -> bool {
    at_start(&line[at..]).is_some()
}

/// Whether there is one anywhere in `text`.
pub fn any_in(text: &[u8]) -> bool {
    memchr::memchr_iter(b'&', text).any(|at| starts(text, at))
}

/// How far the text before and behind a trigger goes: up to a double quote, within which such references are another string's.
pub fn reach(before: &[u8], behind: &[u8]) -> (usize, usize) {
    let back = memchr::memrchr(b'"', before).map_or(before.len(), |quote| before.len() - quote - 1);
    let ahead = memchr::memchr(b'"', behind).unwrap_or(behind.len());
    let backslashes = behind[..ahead].iter().rev().take_while(|byte| **byte == b'\\').count();
    // Those before a quote are a part of it.
    (back, if ahead < behind.len() { ahead - backslashes } else { ahead })
}

/// The text with references in their characters' place.
pub fn decode(text: &[u8]) -> Builder<'_> {
    let mut out = Builder::new(text);
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'&', &text[at..]) {
        out.copy(at, at + found);
        at += found;
        match at_start(&text[at..]) {
            Some((character, len)) => {
                out.put(character.encode_utf8(&mut [0; 4]).as_bytes(), at);
                at += len;
            }
            None => {
                out.copy(at, at + 1);
                at += 1;
            }
        }
    }
    out.copy(at, text.len());
    out
}

/// The reference that `text` begins with: its character, and its length in bytes.
pub fn at_start(text: &[u8]) -> Option<(char, usize)> {
    let end = text.iter().take(LONGEST).position(|byte| *byte == b';')?;
    let character = match text.get(..end)? {
        [b'&', b'#', b'x' | b'X', digits @ ..] => number(digits, 16)?,
        [b'&', b'#', digits @ ..] => number(digits, 10)?,
        [b'&', name @ ..] => char::from(NAMED.iter().find(|(known, _)| *known == name)?.1),
        _ => return None,
    };
    Some((character, end + 1))
}

fn number(digits: &[u8], base: u32) -> Option<char> {
    let digit = |byte: &u8| char::from(*byte).to_digit(base);
    let code = digits.iter().try_fold(0u32, |code, byte| Some(code * base + digit(byte)?))?;
    (!digits.is_empty()).then_some(())?;
    char::from_u32(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_undone() {
        for (text, expected) in [
            ("&quot;p&#61;&#x71;&#X72;&#0034;", "\"p=qr\""),
            ("a&b; &#; &#x; &unknown; &amp", "a&b; &#; &#x; &unknown; &amp"),
            ("&#233;&amp;lt;", "é&lt;"),
        ] {
            assert_eq!(&decode(text.as_bytes()).text[..], expected.as_bytes());
        }
    }

    #[test]
    fn what_pages_are_full_of_is_not_worth_a_look() {
        let looks = |text: &str| is_worth_a_look(text.as_bytes(), 2);
        assert!(looks("&#112;") && looks("&#x70;") && looks("&#61;"));
        assert!(!looks("&#39;") && !looks("&#160;") && !looks("&#8217;") && !looks("&#a"));
    }
}
