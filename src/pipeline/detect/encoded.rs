//! Text inside of text: escapes, percent-encoding, character references, base64. What is undone, where, and back to which bytes.
//!
//! - Nothing is decoded without a hit: a codec has short literals in the engine's database, and a test of the bytes around one
//!   refuses nearly all of what logs are full of (`%20`, `\u001b`, `\/`); text in base64 is told by its own form ([`packed`]).
//! - A hit names a *region*: the stretch around it that is written in the codec, of bounded length. A region is decoded once,
//!   and the regions of a codec follow each other with little overlap, so that a line of a million escapes is linear.
//! - What stands in the decoded text is found by the same rules; [`Decoded::spans`] leads back to the bytes that go.
//! - Decoding ends at [`MAX_DEPTH`] layers.

pub mod base64;
mod entities;
mod escapes;
pub mod packed;
mod percent;
mod triggers;

use zeroize::Zeroizing;

use crate::model::Span;

pub use self::triggers::{percent, triggers};

/// So many layers are undone, one inside the other. Layers of JSON strings that the context rules read themselves do not count.
pub const MAX_DEPTH: u8 = 3;

/// No region is longer.
pub const MAX_REGION: usize = 64 * 1024;

/// So near behind a trigger is an escape looked for, whatever stands between them.
const CUT_WITHIN: usize = 24;

/// So far behind it, where all between them may be of the token.
const CUT_BEHIND: usize = 1024;

/// What a region shares with the one before it: an encoded secret no longer than this is whole in one of the two.
const OVERLAP: usize = 4 * 1024;

/// A way in which text is written inside of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Codec {
    /// `\u0026`, `\x26`, `\/`: escapes of characters that need none, in strings of JSON and of programs, at any depth.
    Escapes,
    /// `&quot;`, `&#34;`, `&#x22;`.
    Entities,
    /// `%26`.
    Percent,
    /// base64 or base64url.
    Base64 {
        /// Of the four characters that make three bytes, so many stand before the trigger's end.
        phase: u8,
    },
}

/// How a codec's text stands to the text around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// It is another spelling of the same text: what delimits a value does so however it is spelt.
    Same,
    /// It is a text of its own inside of a value of the text around it.
    Inner,
    /// As `Inner`; and any change breaks all of it, so all of it goes.
    Packed,
}

impl Codec {
    /// Whether `text`, in which something was found once it was decoded, can have been written in this codec.
    pub fn can_have_written(self, text: &[u8]) -> bool {
        self != Self::Percent || percent::is_encoded(text)
    }

    /// How many different [`slot`](Self::slot)s there are.
    pub const SLOTS: usize = 7;

    /// Codecs, and groupings of one, whose regions are told apart; `end` is the end of the trigger.
    pub fn slot(self, end: usize) -> usize {
        match self {
            Self::Escapes => 0,
            Self::Entities => 1,
            Self::Percent => 2,
            Self::Base64 { phase } => 3 + (end + 4 - usize::from(phase % 4)) % 4,
        }
    }

    /// How its text stands to the text around it.
    pub fn layer(self) -> Layer {
        match self {
            Self::Escapes | Self::Entities => Layer::Same,
            Self::Percent => Layer::Inner,
            Self::Base64 { .. } => Layer::Packed,
        }
    }

    /// Whether the trigger that ends at `end` is worth a decoding: it must be an escape that needed not be written as one, or stand
    /// in what may be a token.
    #[inline]
    pub fn is_worth_a_look(self, block: &[u8], end: usize) -> bool {
        match self {
            Self::Escapes => escapes::is_worth_a_look(block, end),
            Self::Entities => entities::is_worth_a_look(block, end),
            Self::Percent => percent::is_worth_a_look(block, end),
            Self::Base64 { .. } => base64::is_worth_a_look(block, end),
        }
    }

    /// The codec in which the separator behind a key is written that ends at `at`, if in one.
    pub fn of_separator(line: &[u8], at: usize) -> Option<Self> {
        match line.get(at)? {
            b'%' => percent::value(line, at).map(|_| Self::Percent),
            b'\\' => escapes::starts(line, at).then_some(Self::Escapes),
            b'&' => entities::starts(line, at).then_some(Self::Entities),
            _ => None,
        }
    }

    /// The codec whose escapes cut what stands behind a trigger of a pattern that ends at `end`: the pattern's own characters, as in
    /// `hooks.example.com%2Fservices%2F`, may be among them.
    ///
    /// All up to `read` may be of one token, as is known from a trigger before: a line may be full of triggers, and is read once.
    #[inline]
    pub fn cutting(block: &[u8], end: usize, read: &mut usize) -> Option<Self> {
        let behind = &block[end..block.len().min(end + CUT_WITHIN)];
        let at = match memchr::memchr2(b'%', b'\\', behind) {
            Some(at) if behind[..at].iter().any(|byte| *byte <= b' ' || *byte == b'"') => return None,
            Some(at) => end + at,
            None if behind.last().is_some_and(|last| percent::is_unreserved(*last)) => {
                if *read < end {
                    let run = block[end..].iter().take(CUT_BEHIND).take_while(|byte| percent::is_unreserved(**byte));
                    *read = end + run.count();
                }
                *read
            }
            None => return None,
        };
        match block.get(at)? {
            b'%' if percent::goes_on(block, at) => Some(Self::Percent),
            b'\\' if escapes::starts(block, at) => Some(Self::Escapes),
            _ => None,
        }
    }

    /// The codec in whose escapes a match may go on: a short one is no token that an encoder cut.
    pub fn going_on(block: &[u8], found: Span) -> Option<Self> {
        let (end, is_long) = (found.end(), found.len() >= percent::LONG);
        let goes_on = is_long && block.get(end) == Some(&b'%') && percent::goes_on(block, end);
        goes_on.then_some(Self::Percent)
    }

    /// The region around the trigger that ends at `end` in `line`, where all before `done` has been decoded.
    pub fn region(self, block: &[u8], line: Span, end: usize, done: usize) -> Span {
        let from = line.start().max(end.saturating_sub(MAX_REGION / 2)).max(done.saturating_sub(OVERLAP)).min(end);
        let limit = line.end().min(from + MAX_REGION);
        let (before, behind) = (&block[from..end], &block[end..limit]);
        let (back, ahead) = match self {
            Self::Escapes => (before.len(), behind.len()),
            Self::Entities => entities::reach(before, behind),
            Self::Percent => percent::reach(before, behind),
            Self::Base64 { phase } => base64::reach(before, behind, phase),
        };
        Span::new(end - back, end + ahead)
    }

    /// The codec that a packed run is itself written in, where it is cut by that codec's escapes: `%2B`, `\/`.
    pub fn around(self, block: &[u8], region: Span) -> Option<Self> {
        let Self::Base64 { .. } = self else { return None };
        let before = &block[..region.start()];
        let near = |byte: u8, most: usize| before.iter().rev().take(most).any(|b| *b == byte);
        match block.get(region.end()) {
            Some(b'%') if percent::value(block, region.end()).is_some() => Some(Self::Percent),
            Some(b'\\') if escapes::starts(block, region.end()) => Some(Self::Escapes),
            _ if near(b'%', 1) => Some(Self::Percent),
            _ if near(b'\\', 1) => Some(Self::Escapes),
            _ => None,
        }
    }

    /// Decodes a region of `block`; `end` is the end of the trigger in it.
    pub fn decode(self, block: &[u8], region: Span, end: usize) -> Decoded {
        let text = &block[region.range()];
        let mut decoded = match self {
            Self::Escapes => escapes::decode(text).decoded(),
            Self::Entities => entities::decode(text).decoded(),
            Self::Percent => percent::decode(text).decoded(),
            Self::Base64 { phase } => base64::decode(text, end - region.start(), phase),
        };
        join_armor(&mut decoded.text);
        decoded
    }
}

/// A decoded region.
#[derive(Debug)]
pub struct Decoded {
    /// The text; wiped when dropped.
    pub text: Zeroizing<Vec<u8>>,
    origins: Origins,
}

/// Where each decoded byte comes from.
#[derive(Debug)]
enum Origins {
    /// For each byte its first one in the region, and the region's length behind the last.
    Each(Vec<u32>),
    /// Four characters for three bytes, from this offset on.
    Packed { first: usize, len: usize },
}

impl Decoded {
    /// Where in the region the matches stand that have these spans, ascending and disjoint, in the text.
    ///
    /// Of a packed region they share out all of it: every byte goes, and each secret still has a mark of its own.
    pub fn spans(&self, found: &[Span]) -> Vec<Span> {
        match &self.origins {
            Origins::Each(origins) => found
                .iter()
                .map(|span| {
                    let last = origins[span.end() - 1];
                    // A character may decode to several bytes: all of it goes.
                    let end = origins[span.end()..].iter().find(|next| **next != last);
                    Span::new(origins[span.start()] as usize, end.map_or(last, |end| *end) as usize)
                })
                .collect(),
            &Origins::Packed { first, len } => {
                let start = |span: &Span| (first + span.start() * 4 / 3).min(len);
                let starts = found.iter().enumerate().map(|(at, span)| if at == 0 { 0 } else { start(span) });
                let ends = found.iter().skip(1).map(start).chain([len]);
                starts.zip(ends).map(|(start, end)| Span::new(start, end)).collect()
            }
        }
    }
}

/// Builds a text byte by byte, with where each comes from.
#[derive(Debug)]
struct Builder<'t> {
    from: &'t [u8],
    text: Zeroizing<Vec<u8>>,
    origins: Vec<u32>,
}

impl<'t> Builder<'t> {
    fn new(from: &'t [u8]) -> Self {
        // A text never grows by decoding, so that no unwiped copy of it is left behind.
        let text = Zeroizing::new(Vec::with_capacity(from.len()));
        Self { from, text, origins: Vec::with_capacity(from.len() + 1) }
    }

    /// Takes `[start, end)` as it stands.
    fn copy(&mut self, start: usize, end: usize) {
        self.text.extend_from_slice(&self.from[start..end]);
        self.origins.extend(start as u32..end as u32);
    }

    /// Puts `bytes` in the place of the escape at `start`.
    fn put(&mut self, bytes: &[u8], start: usize) {
        self.text.extend_from_slice(bytes);
        self.origins.extend(std::iter::repeat_n(start as u32, bytes.len()));
    }

    fn decoded(mut self) -> Decoded {
        self.origins.push(self.from.len() as u32);
        Decoded { text: self.text, origins: Origins::Each(self.origins) }
    }
}

/// The codec, of those that are but another spelling of the same text, of which `text` holds an escape.
pub fn spelling(text: &[u8]) -> Option<Codec> {
    if memchr::memchr_iter(b'\\', text).any(|at| escapes::starts(text, at)) {
        return Some(Codec::Escapes);
    }
    entities::any_in(text).then_some(Codec::Entities)
}

/// The character that an escape or a reference at `at` stands for, and the length of that in bytes.
pub fn spelt_at(text: &[u8], at: usize) -> Option<(char, usize)> {
    match text.get(at)? {
        b'\\' => escapes::character_at(text, at),
        b'&' => entities::at_start(&text[at..]),
        _ => None,
    }
}

/// `text` with its character references undone.
pub fn without_entities(text: &[u8]) -> Zeroizing<Vec<u8>> {
    entities::decode(text).text
}

/// Turns the line breaks inside of PEM blocks into blanks: a rule's match stands on one line. Other text keeps its lines.
fn join_armor(text: &mut [u8]) {
    const BEGIN: &[u8] = b"-----BEGIN ";
    const END: &[u8] = b"-----END ";
    let mut from = 0;
    while let Some(begin) = memchr::memmem::find(&text[from..], BEGIN) {
        let begin = from + begin + BEGIN.len();
        let end = memchr::memmem::find(&text[begin..], END).map_or(text.len(), |end| begin + end);
        for byte in &mut text[begin..end] {
            if matches!(byte, b'\r' | b'\n') {
                *byte = b' ';
            }
        }
        from = end;
    }
}
