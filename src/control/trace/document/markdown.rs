//! The page as Markdown, its picture in characters.

use std::fmt::Write as _;

use super::Block;

pub(super) fn page(blocks: &[Block]) -> String {
    let mut out = String::new();
    for block in blocks {
        if !out.is_empty() {
            out.push('\n');
        }
        let _ = match block {
            Block::Heading(level, text) => writeln!(out, "{} {}", "#".repeat(usize::from(*level)), escaped(text)),
            Block::Text(text) => writeln!(out, "{}", escaped(text)),
            Block::List(items) => items.iter().try_for_each(|item| writeln!(out, "- {}", escaped(item))),
            Block::Table(head, rows) => {
                let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
                out += &row(head.iter().map(|cell| escaped(cell)).collect());
                out += &row(vec!["---".to_owned(); head.len()]);
                rows.iter().for_each(|cells| out += &row(cells.iter().map(|cell| escaped(cell)).collect()));
                Ok(())
            }
            Block::Picture(_, drawn) => write!(out, "```text\n{drawn}```\n"),
        };
    }
    out
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_more_than_text() {
        let page = page(&[Block::Table(vec!["source"], vec![vec!["a|b <i> `c`\n# d".to_owned()]])]);
        assert!(page.contains("| a\\|b \\<i\\> \\`c\\` \\# d |"), "{page}");
    }
}
