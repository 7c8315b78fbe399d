//! Logs to look in: made of whole, cut and glued tokens, keys, escapes, marks, and what is no text at all.

use std::fmt;
use std::ops::Deref;

use inkprint::pipeline::detect::rule::{Form, RuleSet};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use proptest::string::bytes_regex_parsed;
use regex_syntax::hir::{Capture, Hir, HirKind, Repetition};

use super::program::long_tests;

type Fragment = BoxedStrategy<Vec<u8>>;

const SEPARATORS: &[&str] = &[
    "\n", "\n", "\n", " ", " ", " ", "=", ":", ": ", ", ", ",", ";", "\"", "'", "`", "-", "_", ".", "/", "\\", "&",
    "?", "@", "://", "{", "}", "[", "]", "(", ")", "<", ">", "%", "$", "#", "*", "+", "\t", "\r\n", "\r", "\0",
];

const ESCAPES: &[&str] = &[
    "\\n",
    "\\t",
    "\\\\",
    "\\\"",
    "\\/",
    "\\u0026",
    "\\u003d",
    "\\u001b[31m",
    "\\x1b[0m",
    "\\033[1;32m",
    "\x1b[32m",
    "\x1b[0m",
    "%3D",
    "%3d",
    "%20",
    "%22",
    "%40",
    "%2F",
    "&amp;",
    "&quot;",
];

const WORDS: &[&str] = &[
    "a",
    "the",
    "get",
    "error",
    "user",
    "host",
    "xxxx",
    "EXAMPLE",
    "xxxxxxxxxxxxxxxx",
    "${TOKEN}",
    "<token>",
    "changeme",
    "null",
    "true",
    "0",
    "443",
    "1834",
    "88214455",
    "300ms",
    "deadbeef",
    "0123456789abcdef",
    "é",
    "日本",
    "ink1-",
    "ink1",
    "-k1-",
    "ink1-withheld-oversized-17",
    "ink1-github-pat-k1-j0rsygyc7vcqksbhm88pac2z",
    "ink1-x-k1-00000000000000000000",
    "hunter2",
    "Vq7-molten-Harbor",
    "c3ZjOlptNFF4ODFM",
];

const KEYS: &[&str] = &[
    "password=",
    "password: ",
    "\"password\":",
    "\"password\": \"",
    "'password': '",
    "DB_PASSWORD=",
    "passwd ",
    "--password ",
    "--token=",
    "token=",
    "access_token=",
    "?access_token=",
    "&token=",
    "\"token\":\"",
    "\\\"token\\\":\\\"",
    "api_key=\"",
    "apiKey: ",
    "secret=",
    "client_secret\":",
    "Authorization: ",
    "Authorization: Bearer ",
    "\"authorization\":\"Basic ",
    "Bearer ",
    "bearer+",
    "Basic ",
    "Cookie: sessionid=",
    "https://",
    "https://u:",
    "postgres://app:",
    "@db.internal:5432/x",
    "@host",
    "password_changed=",
    "token_count=",
    "<password>",
    "</password>",
    "pwd%3D",
    "pass\":",
];

/// So many cases of a property, and twenty times that for `INKPRINT_LONG`. What fails is printed; nothing is written.
pub fn cases(count: u32) -> ProptestConfig {
    let times = if long_tests() { 20 } else { 1 };
    ProptestConfig { cases: count * times, failure_persistence: None, ..ProptestConfig::default() }
}

/// A log that shows itself as text.
#[derive(Clone, PartialEq)]
pub struct Log(pub Vec<u8>);

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

impl Deref for Log {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Logs over the rules of `set`, of up to `fragments` fragments.
pub fn logs(set: &RuleSet, fragments: usize) -> impl Strategy<Value = Log> + use<> {
    vec(fragment(set), 1..fragments).prop_map(|fragments| Log(fragments.concat()))
}

fn fragment(set: &RuleSet) -> Fragment {
    let texts = |texts: &'static [&'static str]| select(texts).prop_map(|text| text.as_bytes().to_vec()).boxed();
    let token = token(set);
    let cut = (token.clone(), any::<prop::sample::Index>(), any::<bool>()).prop_map(|(token, at, head)| {
        let (front, back) = token.split_at(at.index(token.len()));
        if head { front.to_vec() } else { back.to_vec() }
    });
    prop_oneof![
        12 => texts(SEPARATORS),
        3 => texts(ESCAPES),
        4 => texts(WORDS),
        6 => texts(KEYS),
        1 => near_words(set),
        6 => token,
        2 => cut.boxed(),
        2 => examples(set),
        1 => "[A-Za-z0-9]{1,40}".prop_map(String::into_bytes).boxed(),
        1 => vec(any::<u8>(), 1..6).boxed(),
    ]
    .boxed()
}

/// What the rules' own patterns match, but for their look-around.
pub fn token(set: &RuleSet) -> Fragment {
    let patterns =
        set.rules.iter().filter_map(|rule| if let Form::Pattern(pattern) = &rule.form { Some(pattern) } else { None });
    let tokens =
        patterns.map(|pattern| bytes_regex_parsed(&without_looks(pattern.hir())).expect("it can be generated").boxed());
    // A class may hold a newline, which no line does.
    Union::new(tokens).prop_map(|token| token.into_iter().filter(|byte| *byte != b'\n').collect()).boxed()
}

fn examples(set: &RuleSet) -> Fragment {
    let all = set.rules.iter().flat_map(|rule| rule.examples.iter().chain(&rule.counterexamples));
    select(all.map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>()).boxed()
}

fn near_words(set: &RuleSet) -> Fragment {
    let words = set.rules.iter().filter_map(|rule| rule.near.as_ref()).flat_map(|near| &near.words);
    let words: Vec<_> = words.map(|word| word.as_bytes().to_vec()).collect();
    if words.is_empty() { Just(b"near".to_vec()).boxed() } else { select(words).boxed() }
}

fn without_looks(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Look(_) => Hir::empty(),
        HirKind::Capture(group) => Hir::capture(Capture { sub: Box::new(without_looks(&group.sub)), ..group.clone() }),
        HirKind::Repetition(repetition) => {
            let sub = Box::new(without_looks(&repetition.sub));
            Hir::repetition(Repetition { sub, ..repetition.clone() })
        }
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(without_looks).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(without_looks).collect()),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) => hir.clone(),
    }
}
