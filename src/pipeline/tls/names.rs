//! Which names a peer's certificate may hold: patterns over its DNS names and URIs.
//!
//! A pattern never matches more than it shows: a wildcard stands for a whole label or whole path segments, of plain characters only.
//! The subject's common name is not looked at.

use std::fmt;
use std::str::FromStr;

/// A name that is allowed: `agent.example.com`, `*.example.com` (one label), `spiffe://example.org/ns/logs/sa/agent`,
/// `spiffe://example.org/ns/*/sa/agent` (one segment), `spiffe://example.org/ns/*` (one segment or more, at the end).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// In lower case. With a wildcard: what follows it, from its dot on.
    Dns { wildcard: bool, rest: String },
    /// Scheme and host in lower case, and the path's segments.
    Uri { authority: String, segments: Vec<String> },
}

/// What is wrong with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NamePatternError {
    /// Nothing at all, or nothing but a wildcard.
    #[error("a pattern must name something: such as agent.example.com, *.example.com or spiffe://example.org/*")]
    Empty,
    /// A wildcard where none may be.
    #[error(
        "a `*` stands for a whole first label (*.example.com) or whole segments of a path (spiffe://example.org/ns/*) only"
    )]
    Wildcard,
    /// A character that no such name has.
    #[error(
        "a character that neither a DNS name nor a plain URI has: letters, digits, `.`, `-`, `_` and, in paths, `~` can be used"
    )]
    Character,
}

impl NamePattern {
    /// Whether a name from a certificate, a DNS name or a URI, is allowed.
    pub fn allows(&self, name: &str) -> bool {
        match &self.0 {
            Kind::Dns { wildcard: false, rest } => name.eq_ignore_ascii_case(rest),
            Kind::Dns { wildcard: true, rest } => name.len().checked_sub(rest.len()).is_some_and(|label| {
                name.as_bytes()[label..].eq_ignore_ascii_case(rest.as_bytes())
                    && label > 0
                    && name.as_bytes()[..label].iter().all(|byte| is_plain(*byte) && *byte != b'.')
            }),
            Kind::Uri { authority, segments } => split_uri(name).is_some_and(|(scheme_and_host, path)| {
                scheme_and_host.eq_ignore_ascii_case(authority) && path_allows(segments, path)
            }),
        }
    }
}

impl FromStr for NamePattern {
    type Err = NamePatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((authority, path)) = split_uri(text) {
            let (scheme, host) = authority.split_once("://").unwrap_or_default();
            if scheme.is_empty() || host.is_empty() {
                return Err(NamePatternError::Empty);
            }
            if authority.contains('*') {
                return Err(NamePatternError::Wildcard);
            }
            let plain = |part: &str| part.bytes().all(|byte| is_plain(byte) || byte == b'+');
            let host_and_port = host.bytes().all(|byte| is_plain(byte) || byte == b':');
            let segments: Vec<String> = path.map_or_else(Vec::new, |path| path.split('/').map(str::to_owned).collect());
            for segment in &segments {
                if segment.contains('*') && segment != "*" {
                    return Err(NamePatternError::Wildcard);
                }
                if segment != "*" && !is_plain_segment(segment) {
                    return Err(NamePatternError::Character);
                }
            }
            return match plain(scheme) && host_and_port {
                true => Ok(Self(Kind::Uri { authority: authority.to_ascii_lowercase(), segments })),
                false => Err(NamePatternError::Character),
            };
        }
        let (wildcard, rest) = match text.strip_prefix('*') {
            Some(rest) if rest.is_empty() || rest == "." => return Err(NamePatternError::Empty),
            Some(rest) if !rest.starts_with('.') => return Err(NamePatternError::Wildcard),
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let labels = rest.strip_prefix('.').filter(|_| wildcard).unwrap_or(rest);
        if rest.contains('*') {
            Err(NamePatternError::Wildcard)
        } else if labels.is_empty() {
            Err(NamePatternError::Empty)
        } else if !labels.bytes().all(is_plain) || labels.split('.').any(str::is_empty) {
            Err(NamePatternError::Character)
        } else {
            Ok(Self(Kind::Dns { wildcard, rest: rest.to_ascii_lowercase() }))
        }
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Dns { wildcard, rest } => write!(f, "{}{rest}", if *wildcard { "*" } else { "" }),
            Kind::Uri { authority, segments } => {
                f.write_str(authority)?;
                segments.iter().try_for_each(|segment| write!(f, "/{segment}"))
            }
        }
    }
}

/// Scheme and host, and the path after its slash, if there is one.
fn split_uri(text: &str) -> Option<(&str, Option<&str>)> {
    let host = text.find("://")? + 3;
    Some(match text[host..].find('/') {
        Some(slash) => (&text[..host + slash], Some(&text[host + slash + 1..])),
        None => (text, None),
    })
}

fn path_allows(pattern: &[String], path: Option<&str>) -> bool {
    let Some(path) = path else { return pattern.is_empty() };
    let mut segments = path.split('/');
    for (at, wanted) in pattern.iter().enumerate() {
        let Some(segment) = segments.next() else { return false };
        let allowed = if wanted == "*" { is_plain_segment(segment) } else { segment == wanted };
        if !allowed {
            return false;
        }
        if wanted == "*" && at + 1 == pattern.len() {
            return segments.all(is_plain_segment);
        }
    }
    !pattern.is_empty() && segments.next().is_none()
}

/// No step up, no query, no encoded slash: what a segment says is where it is.
fn is_plain_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment.bytes().all(|byte| is_plain(byte) || matches!(byte, b'~' | b':' | b'@'))
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(pattern: &str, name: &str) -> bool {
        pattern.parse::<NamePattern>().expect("a pattern").allows(name)
    }

    #[test]
    fn a_dns_wildcard_is_one_whole_label() {
        for (pattern, name, expected) in [
            ("agent.example.com", "agent.example.com", true),
            ("agent.example.com", "AGENT.Example.COM", true),
            ("agent.example.com", "agent.example.com.evil.org", false),
            ("agent.example.com", "xagent.example.com", false),
            ("*.example.com", "a.example.com", true),
            ("*.Example.com", "A.exampLe.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", "aexample.com", false),
            ("*.example.com", "a/.example.com", false),
            ("*.example.com", "*.example.com", false),
            ("*.example.com", "spiffe://x/a.example.com", false),
            ("*.example.com", "é.example.com", false),
        ] {
            assert_eq!(allows(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_uri_wildcard_is_whole_segments() {
        for (pattern, name, expected) in [
            ("spiffe://org/ns/logs", "spiffe://org/ns/logs", true),
            ("spiffe://org/ns/logs", "SPIFFE://ORG/ns/logs", true),
            ("spiffe://org/ns/logs", "spiffe://org/NS/logs", false),
            ("spiffe://org/ns/logs", "spiffe://org/ns/logs/x", false),
            ("spiffe://org/ns/*", "spiffe://org/ns/logs", true),
            ("spiffe://org/ns/*", "spiffe://org/ns/logs/sa/agent", true),
            ("spiffe://org/ns/*", "spiffe://org/ns/", false),
            ("spiffe://org/ns/*", "spiffe://org/ns", false),
            ("spiffe://org/ns/*", "spiffe://org/ns/../admin", false),
            ("spiffe://org/ns/*", "spiffe://org/ns/a/..", false),
            ("spiffe://org/ns/*", "spiffe://org/ns/a?b", false),
            ("spiffe://org/ns/*", "spiffe://org/ns/a%2f..", false),
            ("spiffe://org/ns/*", "spiffe://organic/ns/a", false),
            ("spiffe://org/ns/*", "spiffe://org.evil/ns/a", false),
            ("spiffe://org/ns/*", "https://org/ns/a", false),
            ("spiffe://org/ns/*/sa/agent", "spiffe://org/ns/logs/sa/agent", true),
            ("spiffe://org/ns/*/sa/agent", "spiffe://org/ns/a/b/sa/agent", false),
            ("spiffe://org/*", "spiffe://org/a/b", true),
            ("spiffe://org/*", "spiffe://org", false),
            ("spiffe://org", "spiffe://org", true),
            ("spiffe://org", "spiffe://org/a", false),
        ] {
            assert_eq!(allows(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_pattern_that_says_too_little_or_too_much_is_refused() {
        use NamePatternError::{Character, Empty, Wildcard};
        for (pattern, expected) in [
            ("", Empty),
            ("*", Empty),
            ("*.", Empty),
            ("spiffe:///x", Empty),
            ("*example.com", Wildcard),
            ("a.*.example.com", Wildcard),
            ("*.*.example.com", Wildcard),
            ("spiffe://*/ns", Wildcard),
            ("spiffe://org/ns*", Wildcard),
            ("a b.example.com", Character),
            ("a..example.com", Character),
            ("spiffe://org//x", Character),
            ("spiffe://org/../x", Character),
            ("spiffe://user@org/x", Character),
        ] {
            assert_eq!(pattern.parse::<NamePattern>(), Err(expected), "{pattern}");
        }
        for pattern in ["*.example.com", "spiffe://org/ns/*", "agent"] {
            assert_eq!(pattern.parse::<NamePattern>().expect("fine").to_string(), pattern);
        }
    }
}
