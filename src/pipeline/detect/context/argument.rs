//! How far an argument of a command goes on behind what a pattern takes of it.

use crate::model::Span;

/// No argument is longer.
const MAX_ARGUMENT: usize = 256;

/// The whole of an argument of which a pattern's match has the first word: up to its closing quote, where one was opened in the match, and over
/// characters that a shell's backslash stands before.
pub fn whole_argument(line: &[u8], found: Span, secret: Span) -> Span {
    let rest = &line[secret.end()..line.len().min(secret.end() + MAX_ARGUMENT)];
    let before = &line[found.start()..secret.start()];
    let opening = before.iter().rposition(|byte| matches!(byte, b'"' | b'\''));
    // `"sid=x logged in"` quotes a message, `'bob:two words'` an argument.
    let quote = opening.filter(|at| !before[*at..].iter().any(|byte| matches!(byte, b'=' | b' '))).map(|at| before[at]);
    let end = match quote {
        Some(quote) if rest.first() == Some(&b' ') => closing(rest, quote),
        _ => escaped(rest),
    };
    Span::new(secret.start(), secret.end() + end)
}

/// Where the quote closes that ends an argument: before another word would begin right behind it, and before any other quote.
fn closing(rest: &[u8], quote: u8) -> usize {
    let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\'' | b'\\' | b'`')) else { return 0 };
    let ends = rest
        .get(at + 1)
        .is_none_or(|behind| matches!(behind, b' ' | b'\t' | b'\r' | b';' | b')' | b',' | b'|' | b'&' | b'"' | b']'));
    let words = &rest[..at];
    // Behind a blank alone the quote closes nothing, and what means something to a shell stands behind an argument.
    let is_argument = !words.trim_ascii().is_empty() && !words.iter().any(|byte| b"|<>&".contains(byte));
    if rest[at] == quote && ends && is_argument { at } else { 0 }
}

/// How far escapes of what means something to a shell, and what stands behind them, go on.
fn escaped(rest: &[u8]) -> usize {
    let mut end = 0;
    while let [b'\\', meta, behind @ ..] = &rest[end..]
        && META.contains(meta)
    {
        let plain = |byte: &&u8| {
            byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\' | b'`') && !ENDS.contains(byte)
        };
        end += 2 + behind.iter().take_while(plain).count();
    }
    end
}

/// What ends a word in a shell.
const ENDS: &[u8] = b";|&<>()";
/// What means something to a shell, so that a backslash stands before it in a word.
const META: &[u8] = b";|&<>()!$*?#~{}[]";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_goes_as_a_whole() {
        for (line, secret, expected) in [
            ("sshpass -p \"two words 88\" ssh", "two", "two words 88"),
            ("curl -u 'bob:two words 88'", "two", "two words 88"),
            ("mysql -pTr0ng\\&9Kx7 x", "Tr0ng", "Tr0ng\\&9Kx7"),
            ("mysql -p'Tr0ng' -e 'x'", "Tr0ng", "Tr0ng"),
            ("say \"mysql -pTr0ng -e x\"", "Tr0ng", "Tr0ng"),
            ("mysql -p\"Tr0ng x'y\"", "Tr0ng", "Tr0ng"),
            ("mysql -pTr0ng\\n9Kx7", "Tr0ng", "Tr0ng"),
            ("echo -p'Tr0ng |chpasswd' x", "Tr0ng", "Tr0ng"),
            ("x -p'Tr0ng ' x", "Tr0ng", "Tr0ng"),
            ("-p \"sid=Tr0ng logged in\"", "Tr0ng", "Tr0ng"),
        ] {
            let start = line.find(secret).expect("it is there");
            let from = line.find("-p").or(line.find("-u")).expect("an option");
            let secret = Span::new(start, start + secret.len());
            let whole = whole_argument(line.as_bytes(), Span::new(from, secret.end()), secret);
            assert_eq!(&line[whole.range()], expected, "{line}");
        }
    }
}
