//! A JSON text, as it comes in -> a line for each element of the array that it is, or one for any other value.
//!
//! - What is between an element's tokens stays, but a line end becomes a space: a raw one can stand nowhere else. Elements are otherwise
//!   passed on byte by byte.
//! - All of it is checked as it passes, so that no half of a text is taken for a whole one: the grammar of RFC 8259, and how deep arrays
//!   and objects stand in one another. That strings are UTF-8 is not asked for.
//! - Nothing is held but where in the text this is: an element may be of any length.

/// So deep arrays and objects may stand in one another.
const DEPTH: usize = 128;

/// Why a text is no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} in element {element}, at byte {offset} of the body")]
pub(super) struct JsonFault {
    what: &'static str,
    /// Counted from 1.
    element: u64,
    offset: u64,
}

/// Takes a text apart.
#[derive(Debug)]
pub(super) struct Elements {
    /// Arrays and objects that are open, the outermost first.
    open: Vec<Container>,
    next: Next,
    token: Token,
    /// The text is an array, whose elements are wanted.
    is_array: bool,
    complete: u64,
    offset: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Container {
    Array,
    Object,
}

/// What may come between tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    Nothing,
}

/// Where in a token this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    None,
    /// A string, perhaps a key; behind a backslash so many hexadecimal digits are missing, or one character.
    String {
        key: bool,
        escape: Escape,
    },
    Literal(&'static [u8]),
    Number(Number),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    None,
    Character,
    Hex(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl Number {
    /// The state behind `byte`; `None` when the number ends before it.
    fn step(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus, b'1'..=b'9') | (Self::Integer, b'0'..=b'9') => Self::Integer,
            (Self::Zero | Self::Integer, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Integer | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'+' | b'-') => Self::ExponentSign,
            (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => Self::ExponentDigits,
            _ => return None,
        })
    }

    fn may_end(self) -> bool {
        matches!(self, Self::Zero | Self::Integer | Self::Fraction | Self::ExponentDigits)
    }
}

impl Elements {
    pub(super) fn new() -> Self {
        let open = Vec::new();
        Self { open, next: Next::Value, token: Token::None, is_array: false, complete: 0, offset: 0 }
    }

    /// Elements that were whole so far.
    pub(super) fn complete(&self) -> u64 {
        self.complete
    }

    /// Takes what comes next of the text, and appends to `out` what of it belongs to elements, with a newline behind each.
    pub(super) fn take(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), JsonFault> {
        let mut rest = text;
        while let Some(&byte) = rest.first() {
            let taken = match self.token {
                Token::String { key, escape } => self.string(rest, key, escape, out)?,
                Token::Literal(left) => self.literal(byte, left, out)?,
                Token::Number(number) => match number.step(byte) {
                    Some(number) => {
                        self.token = Token::Number(number);
                        out.push(byte);
                        1
                    }
                    None if number.may_end() => {
                        self.end_value(out);
                        0
                    }
                    None => return Err(self.fault("a number that is none")),
                },
                Token::None => {
                    self.between(byte, out)?;
                    1
                }
            };
            self.offset += taken as u64;
            rest = &rest[taken..];
        }
        Ok(())
    }

    /// The text has ended.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), JsonFault> {
        if let Token::Number(number) = self.token
            && number.may_end()
            && self.open.is_empty()
        {
            self.end_value(out);
        }
        if self.next == Next::Nothing && self.token == Token::None {
            return Ok(());
        }
        Err(self.fault("the end of the body"))
    }

    fn fault(&self, what: &'static str) -> JsonFault {
        JsonFault { what, element: self.complete + 1, offset: self.offset }
    }

    /// Whether what is here belongs to an element.
    fn is_inside(&self) -> bool {
        self.open.len() > usize::from(self.is_array)
    }

    fn between(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<(), JsonFault> {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {
                if self.is_inside() {
                    out.push(if byte == b'\t' { byte } else { b' ' });
                }
                return Ok(());
            }
            b',' if self.next == Next::CommaOrEnd => {
                self.next = match self.open.last() {
                    Some(Container::Object) => Next::Key,
                    _ => Next::Value,
                };
            }
            b':' if self.next == Next::Colon => self.next = Next::Value,
            b']' if matches!(self.next, Next::ValueOrEnd | Next::CommaOrEnd) => {
                return self.close(Container::Array, byte, out);
            }
            b'}' if matches!(self.next, Next::KeyOrEnd | Next::CommaOrEnd) => {
                return self.close(Container::Object, byte, out);
            }
            b'"' if matches!(self.next, Next::Key | Next::KeyOrEnd) => {
                self.token = Token::String { key: true, escape: Escape::None };
            }
            _ if matches!(self.next, Next::Value | Next::ValueOrEnd) => return self.begin_value(byte, out),
            _ => return Err(self.fault("a character that cannot stand here")),
        }
        if self.is_inside() {
            out.push(byte);
        }
        Ok(())
    }

    fn begin_value(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<(), JsonFault> {
        match byte {
            b'[' | b'{' => {
                if self.open.len() == DEPTH {
                    return Err(self.fault("arrays and objects too deep in one another"));
                }
                let (container, next) = match byte {
                    b'[' => (Container::Array, Next::ValueOrEnd),
                    _ => (Container::Object, Next::KeyOrEnd),
                };
                // Only the first array's elements are wanted by themselves.
                let outermost = self.open.is_empty() && container == Container::Array;
                self.is_array |= outermost;
                self.next = next;
                self.open.push(container);
                if outermost {
                    return Ok(());
                }
            }
            b'"' => self.token = Token::String { key: false, escape: Escape::None },
            b't' => self.token = Token::Literal(b"rue"),
            b'f' => self.token = Token::Literal(b"alse"),
            b'n' => self.token = Token::Literal(b"ull"),
            b'-' => self.token = Token::Number(Number::Minus),
            b'0' => self.token = Token::Number(Number::Zero),
            b'1'..=b'9' => self.token = Token::Number(Number::Integer),
            _ => return Err(self.fault("a character that begins no value")),
        }
        out.push(byte);
        Ok(())
    }

    fn close(&mut self, container: Container, byte: u8, out: &mut Vec<u8>) -> Result<(), JsonFault> {
        if self.open.last() != Some(&container) {
            return Err(self.fault("an end of what was not begun"));
        }
        if self.is_inside() {
            out.push(byte);
        }
        self.open.pop();
        if self.open.is_empty() && self.is_array {
            self.next = Next::Nothing;
        } else {
            self.end_value(out);
        }
        Ok(())
    }

    fn string(&mut self, text: &[u8], key: bool, escape: Escape, out: &mut Vec<u8>) -> Result<usize, JsonFault> {
        let byte = text[0];
        let escape = match escape {
            Escape::None => {
                let plain = text.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(text.len());
                out.extend_from_slice(&text[..plain]);
                match text.get(plain) {
                    None => return Ok(plain),
                    Some(b'"') => {
                        out.push(b'"');
                        if key {
                            (self.token, self.next) = (Token::None, Next::Colon);
                        } else {
                            self.end_value(out);
                        }
                        return Ok(plain + 1);
                    }
                    Some(b'\\') => {
                        out.push(b'\\');
                        self.token = Token::String { key, escape: Escape::Character };
                        return Ok(plain + 1);
                    }
                    Some(_) => {
                        self.offset += plain as u64;
                        return Err(self.fault("a control character within a string"));
                    }
                }
            }
            Escape::Character => match byte {
                b'u' => Escape::Hex(4),
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Escape::None,
                _ => return Err(self.fault("an escape that is none")),
            },
            Escape::Hex(left) if byte.is_ascii_hexdigit() => {
                if left == 1 {
                    Escape::None
                } else {
                    Escape::Hex(left - 1)
                }
            }
            Escape::Hex(_) => return Err(self.fault("an escape that is none")),
        };
        out.push(byte);
        self.token = Token::String { key, escape };
        Ok(1)
    }

    fn literal(&mut self, byte: u8, left: &'static [u8], out: &mut Vec<u8>) -> Result<usize, JsonFault> {
        let Some((_, left)) = left.split_first().filter(|(first, _)| **first == byte) else {
            return Err(self.fault("a word that is no value"));
        };
        out.push(byte);
        if left.is_empty() {
            self.end_value(out);
        } else {
            self.token = Token::Literal(left);
        }
        Ok(1)
    }

    /// A value has ended, and with it perhaps an element.
    fn end_value(&mut self, out: &mut Vec<u8>) {
        self.token = Token::None;
        self.next = if self.open.is_empty() { Next::Nothing } else { Next::CommaOrEnd };
        if !self.is_inside() {
            out.push(b'\n');
            self.complete += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Takes `text` in pieces of `size` bytes.
    fn split(text: &[u8], size: usize) -> Result<(String, u64), String> {
        let (mut elements, mut out) = (Elements::new(), Vec::new());
        for piece in text.chunks(size) {
            elements.take(piece, &mut out).map_err(|fault| fault.to_string())?;
        }
        elements.finish(&mut out).map_err(|fault| fault.to_string())?;
        Ok((String::from_utf8_lossy(&out).into_owned(), elements.complete()))
    }

    #[test]
    fn each_element_is_one_line_and_is_otherwise_as_it_was() {
        let text = b" [ {\"a\" :\n [1, 2.5e-3 ],\r\n\t\"b\\n\\u00e9\":null } , \"x\\\"]\" , [ ] ,-0,true,{}]\n";
        let expected = "{\"a\" :  [1, 2.5e-3 ],  \t\"b\\n\\u00e9\":null }\n\"x\\\"]\"\n[ ]\n-0\ntrue\n{}\n";
        for size in 1..text.len() {
            assert_eq!(split(text, size), Ok((expected.to_owned(), 6)), "pieces of {size}");
        }
        assert_eq!(split(b"{\"a\":\n1}", 3), Ok(("{\"a\": 1}\n".to_owned(), 1)));
        assert_eq!(split(b" 12 ", 1), Ok(("12\n".to_owned(), 1)));
        assert_eq!(split(b"12", 1), Ok(("12\n".to_owned(), 1)));
        assert_eq!(split(b"[ ]", 1), Ok((String::new(), 0)));
    }

    #[test]
    fn what_is_wrong_is_told_by_its_place_and_never_by_its_content() {
        for (text, told) in [
            ("", "the end of the body in element 1, at byte 0 of the body"),
            ("[1,{\"a\":sesame}]", "a character that begins no value in element 2, at byte 8 of the body"),
            ("[1,2", "the end of the body in element 2, at byte 4 of the body"),
            ("[\"a\nb\"]", "a control character within a string in element 1, at byte 3 of the body"),
            ("{\"a\":1} {\"b\":2}", "a character that cannot stand here in element 2, at byte 8 of the body"),
            ("[1,]", "a character that begins no value in element 2, at byte 3 of the body"),
            ("[01]", "a character that cannot stand here in element 2, at byte 2 of the body"),
            ("[-]", "a number that is none in element 1, at byte 2 of the body"),
        ] {
            assert_eq!(split(text.as_bytes(), 4), Err(told.to_owned()), "{text}");
        }
        let deep = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
        assert!(split(&deep(DEPTH), 7).is_ok());
        assert!(split(&deep(DEPTH + 1), 7).expect_err("too deep").starts_with("arrays and objects too deep"));
        assert!(split(&vec![b'['; 10_000_000], 65_536).is_err(), "and no stack is used for it");
    }

    proptest! {
        #[test]
        fn what_it_takes_is_what_another_parser_takes(text in r#"[\[\]{}",:0-9eE.+\-truefalsn \\u\n]{0,24}"#, size in 1usize..5) {
            // The other one also refuses what is no text, and surrogates that stand alone.
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            let ours = split(text.as_bytes(), size);
            if let Ok(value) = &theirs {
                let (lines, count) = ours.clone().expect("a JSON text");
                let expected = value.as_array().map_or(1, Vec::len);
                prop_assert_eq!((count as usize, lines.lines().count()), (expected, expected));
                let read = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<serde_json::Value>>();
                prop_assert_eq!(&read, value.as_array().unwrap_or(&vec![value.clone()]));
            } else if !text.contains("\\u") && !text.contains(['e', 'E']) {
                prop_assert!(ours.is_err(), "{}", text);
            }
        }
    }
}
