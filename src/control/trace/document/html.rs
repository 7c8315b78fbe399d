//! The page as HTML: one file, no script, nothing loaded.

use std::fmt::Write as _;

use super::Block;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}\
table{border-collapse:collapse;margin:1em 0}th,td{border:1px solid #ccc;padding:.2em .6em;text-align:left;overflow-wrap:anywhere}\
th{background:#f2f2f2}svg{width:100%;height:auto}li{overflow-wrap:anywhere}@media print{h2{break-after:avoid}}";

pub(super) fn page(blocks: &[Block]) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Case file: secrets in logs</title>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <style>{STYLE}</style></head><body>\n"
    );
    for block in blocks {
        let _ = match block {
            Block::Heading(level, text) => writeln!(out, "<h{level}>{}</h{level}>", escaped(text)),
            Block::Text(text) => writeln!(out, "<p>{}</p>", escaped(text)),
            Block::List(items) => {
                let items: String = items.iter().map(|item| format!("<li>{}</li>\n", escaped(item))).collect();
                writeln!(out, "<ul>\n{items}</ul>")
            }
            Block::Table(head, rows) => {
                let head: String = head.iter().map(|cell| format!("<th>{}</th>", escaped(cell))).collect();
                let row = |row: &Vec<String>| {
                    let cells: String = row.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
                    format!("<tr>{cells}</tr>\n")
                };
                let rows: String = rows.iter().map(row).collect();
                writeln!(out, "<table>\n<tr>{head}</tr>\n{rows}</table>")
            }
            Block::Picture(svg, _) => out.write_str(svg),
        };
    }
    out + "</body></html>\n"
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
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
        let page = page(&[Block::Table(vec!["source"], vec![vec!["<script>\"&'\x1b".to_owned()]])]);
        assert!(page.contains("<td>&lt;script&gt;&quot;&amp;&#39; </td>"), "{page}");
    }
}
