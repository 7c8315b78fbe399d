//! Patterns of other engines in the syntax of ours, and the group that is the secret under its name.

use std::convert::Infallible;

use regex_syntax::ast::{self, Ast, GroupKind};

use super::Remark;

/// The syntax that a pattern is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Go's regexp.
    Go,
    /// Rust's regex, or the part of it that Hyperscan knows.
    Rust,
}

/// Which group is the secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The one named for it, or else the first, if there is any.
    First,
    /// The one of this number.
    Number(u64),
}

/// Names by which other tools call the group.
const NAMES: [&str; 2] = ["secret", "TOKEN"];

impl Dialect {
    /// The pattern in our syntax, as far as the difference is one of spelling. What has no counterpart stays, and is refused when
    /// the pattern is read.
    pub(super) fn translated(self, pattern: &str) -> String {
        match self {
            Self::Go => from_go(pattern),
            Self::Rust => pattern.to_owned(),
        }
    }
}

/// Go takes a brace that begins no count, and a bracket within a class, for themselves; knows no operators between classes; and
/// has `\Q…\E`.
fn from_go(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let (mut rest, mut class) = (pattern, None::<usize>);
    while let Some(c) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix("\\Q") {
            let (text, behind) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            out += &regex_syntax::escape(text);
            rest = behind;
            class = class.map(|_| 1);
            continue;
        }
        let mut taken = c.len_utf8();
        match (c, class) {
            ('\\', _) => {
                taken += rest[1..].chars().next().map_or(0, char::len_utf8);
                let escaped = &rest[1..taken];
                // For Rust these are the ends of words.
                out += if matches!(escaped, "<" | ">") { escaped } else { &rest[..taken] };
            }
            ('{', None) if !begins_count(rest) => out += "\\{",
            ('[', None) => {
                out.push('[');
                // A `]` that comes first, also behind `^`, is one of the class.
                let negated = rest[1..].starts_with('^');
                let first = &rest[1 + usize::from(negated)..];
                out += if negated { "^" } else { "" };
                out += if first.starts_with(']') { "\\]" } else { "" };
                taken += usize::from(negated) + usize::from(first.starts_with(']'));
                class = Some(0);
            }
            ('[', Some(_)) => match rest.strip_prefix("[:").and_then(|named| named.find(":]")) {
                Some(end) => {
                    taken = end + 4;
                    out += &rest[..taken];
                }
                None => out += "\\[",
            },
            (']', Some(_)) => {
                out.push(']');
                class = None;
            }
            ('&' | '~', Some(_)) => {
                out.push('\\');
                out.push(c);
            }
            ('-', Some(_)) if rest.starts_with("--") => out += "\\-",
            _ => out.push(c),
        }
        rest = &rest[taken..];
    }
    out
}

/// Whether `text` begins with `{3}`, `{3,}` or `{3,5}`.
fn begins_count(text: &str) -> bool {
    let Some((count, _)) = text[1..].split_once('}') else { return false };
    let (least, most) = count.split_once(',').unwrap_or((count, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !least.is_empty() && digits(least) && digits(most)
}

/// The pattern with its secret's group called so.
pub(super) fn with_secret(pattern: &str, wanted: Wanted, remarks: &mut Vec<Remark>) -> String {
    // What does not parse is refused later, with the reason.
    let Ok(ast) = ast::parse::Parser::new().parse(pattern) else { return pattern.to_owned() };
    let Ok(groups) = ast::visit(&ast, Groups::default());
    let named = |group: &&Found| NAMES.iter().any(|name| group.name.as_deref() == Some(name));
    let chosen = match wanted {
        Wanted::First => {
            let by_name = groups.iter().find(named);
            if by_name.is_none() && groups.len() > 1 {
                remarks.push(Remark::Groups(groups.len()));
            }
            by_name.or_else(|| groups.first())
        }
        Wanted::Number(number) => {
            let group = usize::try_from(number - 1).ok().and_then(|at| groups.get(at));
            if group.is_none() {
                remarks.push(Remark::NoGroup(number));
            }
            group
        }
    };
    let mut out = pattern.to_owned();
    for group in groups.iter().rev() {
        let is_chosen = chosen.is_some_and(|chosen| chosen.open == group.open);
        match &group.name {
            _ if is_chosen => out.replace_range(group.open..group.inside, "(?<secret>"),
            Some(name) if name == "secret" => out.replace_range(group.open..group.inside, "(?:"),
            _ => {}
        }
    }
    out
}

/// A group: where it opens, and where what it holds begins.
#[derive(Debug)]
struct Found {
    open: usize,
    inside: usize,
    name: Option<String>,
}

#[derive(Default)]
struct Groups(Vec<Found>);

impl ast::Visitor for Groups {
    type Output = Vec<Found>;
    type Err = Infallible;

    fn finish(self) -> Result<Vec<Found>, Infallible> {
        Ok(self.0)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Infallible> {
        if let Ast::Group(group) = ast {
            let open = group.span.start.offset;
            match &group.kind {
                GroupKind::CaptureIndex(_) => self.0.push(Found { open, inside: open + 1, name: None }),
                GroupKind::CaptureName { name, .. } => {
                    self.0.push(Found { open, inside: name.span.end.offset + 1, name: Some(name.name.clone()) });
                }
                GroupKind::NonCapturing(_) => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_spellings_become_ours() {
        for (go, ours) in [
            (r"a{3}b{1,}c{2,5}", r"a{3}b{1,}c{2,5}"),
            (r"a{b}{,3}{", r"a\{b}\{,3}\{"),
            (r"[a[b]", r"[a\[b]"),
            (r"[[:alpha:]_]", r"[[:alpha:]_]"),
            (r"[]a]|[^]a]", r"[\]a]|[^\]a]"),
            (r"[a&&b~~c--d]", r"[a\&\&b\~\~c\--d]"),
            (r"\Qa.b{\E+", r"a\.b\{+"),
            (r"\<b\>\[\]\\", r"<b>\[\]\\"),
            (r"\{\x60", r"\{\x60"),
            (r"é{x", r"é\{x"),
            ("\\", "\\"),
        ] {
            assert_eq!(from_go(go), ours);
        }
        for go in [r"a{b}{,3}{", r"[a[b]", r"[]a]|[^]a]", r"[a&&b~~c--d]", r"\<b\>"] {
            assert!(regex_syntax::parse(&from_go(go)).is_ok(), "{go}");
        }
    }

    #[test]
    fn the_secret_is_named() {
        let named = |pattern: &str, wanted| {
            let mut remarks = Vec::new();
            (with_secret(pattern, wanted, &mut remarks), remarks.len())
        };
        assert_eq!(named("a(?:b)(c)", Wanted::First), ("a(?:b)(?<secret>c)".to_owned(), 0));
        assert_eq!(named("a(b)(c)", Wanted::First), ("a(?<secret>b)(c)".to_owned(), 1));
        assert_eq!(named("a(b)(?P<TOKEN>c)", Wanted::First), ("a(b)(?<secret>c)".to_owned(), 0));
        assert_eq!(named("a(b)(c)", Wanted::Number(2)), ("a(b)(?<secret>c)".to_owned(), 0));
        assert_eq!(named("(?<secret>b)(c)", Wanted::Number(2)), ("(?:b)(?<secret>c)".to_owned(), 0));
        assert_eq!(named("a(b)", Wanted::Number(7)), ("a(b)".to_owned(), 1));
        assert_eq!(named("ab", Wanted::First), ("ab".to_owned(), 0));
        assert_eq!(named("(a", Wanted::First), ("(a".to_owned(), 0));
        assert_eq!(named("(?x) a # (no)\n (b)", Wanted::First), ("(?x) a # (no)\n (?<secret>b)".to_owned(), 0));
    }
}
