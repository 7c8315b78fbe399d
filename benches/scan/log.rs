//! Logs to measure on: made from the templates in `benches/log/`, the same on every run, with a known number of secrets.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// As the pipe reads.
const BLOCK: usize = 256 << 10;

/// A log, and how many matches it must give where that is known.
pub struct Log {
    pub text: Arc<[u8]>,
    pub secrets: Option<u64>,
}

impl Log {
    /// At least `size` bytes of whole lines, a secret in every `period`th; none without a period.
    pub fn generate(size: usize, period: Option<usize>) -> Self {
        let mut templates = Templates::new();
        let mut text = String::with_capacity(size + (4 << 10));
        let mut secrets = 0;
        let mut number = 0;
        while text.len() < size {
            number += 1;
            let planted = period.is_some_and(|period| number % period == 0);
            secrets += u64::from(planted);
            templates.write_line(planted, &mut text);
        }
        Self { text: text.into_bytes().into(), secrets: Some(secrets) }
    }

    /// The log that an environment variable names, repeated to at least `size` bytes; nobody knows how many secrets it holds.
    pub fn given(variable: &str, size: usize) -> Option<Self> {
        let path = std::env::var_os(variable)?;
        let mut once =
            std::fs::read(&path).unwrap_or_else(|error| panic!("cannot read the log that {variable} names: {error}"));
        if once.last().is_some_and(|last| *last != b'\n') {
            once.push(b'\n');
        }
        assert!(!once.is_empty(), "the log that {variable} names is empty");
        Some(Self { text: once.repeat(size.div_ceil(once.len())).into(), secrets: None })
    }

    /// The text in blocks of whole lines, as large as those of the pipe.
    pub fn blocks(&self) -> Vec<&[u8]> {
        let mut blocks = Vec::new();
        let mut rest = &self.text[..];
        while !rest.is_empty() {
            let brim = rest.len().min(BLOCK);
            let end = memchr::memrchr(b'\n', &rest[..brim]).map_or(brim, |at| at + 1);
            blocks.push(&rest[..end]);
            rest = &rest[end..];
        }
        blocks
    }
}

/// The templates, taken apart, and the chance that fills them.
struct Templates {
    plain: Vec<Vec<Part>>,
    secret: Vec<Vec<Part>>,
    random: Random,
}

impl Templates {
    fn new() -> Self {
        let names = lines(include_str!("../log/parts.txt"))
            .map(|line| line.split_once(' ').expect("a name and its text"))
            .collect();
        let read = |text: &str| lines(text).map(|line| parse(line, &names)).collect();
        Self {
            plain: read(include_str!("../log/lines.txt")),
            secret: read(include_str!("../log/secrets.txt")),
            random: Random::new(),
        }
    }

    fn write_line(&mut self, secret: bool, out: &mut String) {
        let templates = if secret { &self.secret } else { &self.plain };
        let template = &templates[self.random.below(templates.len())];
        template.iter().for_each(|part| part.write(&mut self.random, out));
        out.push('\n');
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.starts_with('#'))
}

enum Part {
    Text(String),
    Chars(&'static [u8], usize),
    Number(usize, usize),
    Pick(Vec<Vec<Part>>),
}

impl Part {
    fn write(&self, random: &mut Random, out: &mut String) {
        match self {
            Self::Text(text) => out.push_str(text),
            Self::Chars(alphabet, count) => {
                out.extend((0..*count).map(|_| char::from(alphabet[random.below(alphabet.len())])))
            }
            Self::Number(least, most) => {
                write!(out, "{}", least + random.below(most - least + 1)).expect("a string takes it");
            }
            Self::Pick(choices) => choices[random.below(choices.len())].iter().for_each(|part| part.write(random, out)),
        }
    }
}

fn parse(text: &str, names: &BTreeMap<&str, &str>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("{{") {
        let (inside, after) = behind.split_once("}}").expect("a placeholder ends");
        parts.push(Part::Text(before.to_owned()));
        parts.extend(placeholder(inside, names));
        rest = after;
    }
    parts.push(Part::Text(rest.to_owned()));
    parts
}

fn placeholder(inside: &str, names: &BTreeMap<&str, &str>) -> Vec<Part> {
    if let Some(text) = names.get(inside) {
        return parse(text, names);
    }
    let (kind, arguments) = inside.split_once(' ').unwrap_or_else(|| panic!("no part is called {inside:?}"));
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{inside:?} needs a number"));
    vec![match kind {
        "int" => arguments
            .split_once(' ')
            .map(|(least, most)| Part::Number(number(least), number(most)))
            .expect("two numbers"),
        "pick" => Part::Pick(arguments.split('|').map(|choice| parse(choice, names)).collect()),
        _ => Part::Chars(alphabet(kind), number(arguments)),
    }]
}

/// The characters of a kind of placeholder.
pub fn alphabet(kind: &str) -> &'static [u8] {
    match kind {
        "hex" => b"0123456789abcdef",
        "digits" => b"0123456789",
        "upper" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "b62" => b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "b64" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        _ => panic!("there is no alphabet {kind:?}"),
    }
}

/// xorshift64*, always from the same seed.
pub struct Random(u64);

impl Random {
    pub fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        ((high * bound as u64) >> 32) as usize
    }
}
