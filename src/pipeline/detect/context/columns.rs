//! Values by the place of their column: `INSERT INTO users (name, password) VALUES ('ann', 'x')`.

use super::key::Key;
use super::separator::skip_blanks;
use super::value::Quote;
use crate::model::Span;

/// No list of columns is longer.
const MAX_LIST: usize = 1024;
/// The statement's name and the table's are no longer.
const MAX_HEAD: usize = 160;
/// Rows that are looked at.
const MAX_ROWS: usize = 64;
/// Columns of a row.
const MAX_COLUMNS: usize = 128;

/// Where the values begin, if a list of columns ends behind `end` and values follow: a quick look.
pub(super) fn values_behind(line: &[u8], end: usize) -> Option<usize> {
    const VALUES: &[u8] = b"values";
    let list = &line[end.min(line.len())..line.len().min(end + MAX_LIST)];
    let close = memchr::memchr3(b')', b'(', b'\n', list).filter(|at| list[*at] == b')')?;
    let word = skip_blanks(line, end + close + 1);
    let is_values = line.get(word..word + VALUES.len()).is_some_and(|text| text.eq_ignore_ascii_case(VALUES));
    let open = skip_blanks(line, word + VALUES.len().min(line.len() - word));
    (is_values && line.get(open) == Some(&b'(')).then_some(open)
}

/// The quoted values of the column that `key` names: their places, and where each one's quote begins.
pub(super) fn values_of(line: &[u8], key: Key) -> Vec<(Quote, Span)> {
    let mut found = Vec::new();
    let Some(mut open) = values_behind(line, key.end) else { return found };
    let before = &line[key.start.saturating_sub(MAX_LIST)..key.start];
    let Some(list) = before.iter().rposition(|b| matches!(b, b'(' | b')')).filter(|at| before[*at] == b'(') else {
        return found;
    };
    let head = &before[list.saturating_sub(MAX_HEAD)..list];
    let says = |verb: &[u8]| head.windows(verb.len()).any(|word| word.eq_ignore_ascii_case(verb));
    if !says(b"insert") && !says(b"replace") {
        return found;
    }
    let column = memchr::memchr_iter(b',', &before[list..]).count();
    for _ in 0..MAX_ROWS {
        let Some((value, close)) = row(line, open + 1, column) else { break };
        found.extend(value);
        let comma = skip_blanks(line, close + 1);
        open = skip_blanks(line, (comma + 1).min(line.len()));
        if line.get(comma) != Some(&b',') || line.get(open) != Some(&b'(') {
            break;
        }
    }
    found
}

/// The value of one column in the row that begins at `at`, if it is quoted, and where the row ends.
fn row(line: &[u8], mut at: usize, column: usize) -> Option<(Option<(Quote, Span)>, usize)> {
    let mut found = None;
    for number in 0..MAX_COLUMNS {
        at = skip_blanks(line, at);
        let prefix = usize::from(matches!(line.get(at), Some(b'N' | b'n' | b'E' | b'B' | b'x')));
        match Quote::at(line, at + prefix) {
            Some((quote, start)) => {
                // A quote is doubled to stand in a string.
                let mut end = quote.closing(line, start)?;
                let mut behind = end + usize::from(quote.backslashes()) + 1;
                while let Some((again, next)) = Quote::at(line, behind).filter(|(again, _)| *again == quote) {
                    end = again.closing(line, next)?;
                    behind = end + usize::from(quote.backslashes()) + 1;
                }
                if number == column {
                    found = Some((quote, Span::new(start, end)));
                }
                at = skip_blanks(line, behind);
            }
            None => at += line[at..].iter().take(MAX_LIST).position(|b| matches!(b, b',' | b')'))?,
        }
        match line.get(at)? {
            b',' => at += 1,
            b')' => return Some((found, at)),
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Vec<&str> {
        let start = line.find("password").expect("a key");
        let key = Key { start, end: start + "password".len(), flag: false };
        let end = key.end + usize::from(line.as_bytes()[key.end] == b'`' || line.as_bytes()[key.end] == b'"');
        values_of(line.as_bytes(), Key { end, ..key }).into_iter().map(|(_, span)| &line[span.range()]).collect()
    }

    #[test]
    fn a_value_stands_where_its_column_does() {
        for (line, expected) in [
            ("INSERT INTO users (name,password) VALUES ('ann','x1')", vec!["x1"]),
            ("insert into u (password, name) values ( 'x1' , 7)", vec!["x1"]),
            ("REPLACE INTO `u` (`id`,`password`,`at`) VALUES (7,'x''1',NOW)", vec!["x''1"]),
            ("INSERT INTO u (id,password) VALUES (1,N'x1'),(2, 'y2') , (3,NULL)", vec!["x1", "y2"]),
        ] {
            assert_eq!(found(line), expected, "{line}");
        }
    }

    #[test]
    fn other_lists_have_none() {
        for line in [
            "INSERT INTO u (password) VALUES (?)",
            "INSERT INTO u (name,password) VALUES ('ann')",
            "f(name,password) values ('a','b')",
            "INSERT INTO u (password) SELECT 'x'",
            "INSERT INTO u (password) VALUES ('x",
            "CREATE TABLE u (password VARCHAR(20))",
        ] {
            assert_eq!(found(line), Vec::<&str>::new(), "{line}");
        }
    }
}
