//! Looking for the marks of many secrets in cleaned logs: one pass over each, in bounded memory, plain, gzip or zstd.
//!
//! What other products write in a secret's place is looked for beside them, where that is asked for.
//!
//! Few prints are looked for by themselves, and a mark is read only around one of them; with many, every mark is read and looked up.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use aho_corasick::packed;
use flate2::read::MultiGzDecoder;
use memchr::{memchr_iter, memmem};
use serde::Serialize;

use super::Lookup;
use super::ahead::read_ahead;
use super::foreign::{Form, Forms, Found};
use crate::model::{Fingerprint, Span};
use crate::pipeline::fingerprint::{MAX_MARK_LEN, Mark, PREFIX, Written, find_marks, written_at};

/// Bytes read at a time: large enough that neither what is kept between two reads counts, nor that two threads wake each other for them.
const CHUNK: usize = 1 << 20;

/// The first bytes of what is compressed in a way that is not read here. Searched as it is it would hold no mark, and
/// "nothing found" would be false.
const UNREADABLE: [(&[u8], &str); 4] = [
    (&[0xfd, b'7', b'z', b'X', b'Z', 0], "xz"),
    (b"BZh", "bzip2"),
    (&[0x04, 0x22, 0x4d, 0x18], "lz4"),
    (b"PK\x03\x04", "zip"),
];

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// So many prints are looked for by themselves: beyond that, too much looks like one of them at first.
const FEW: usize = 32;

/// So many places of a trace in a log are kept.
pub const MAX_PLACES: usize = 20;

/// Why a log could not be searched to its end. What was found before is kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// It cannot be opened.
    #[error("{} cannot be opened: {error}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// It cannot be read, or its compressed form is damaged or cut off.
    #[error("{log} cannot be read beyond line {line}: {error}")]
    Read {
        /// The log.
        log: String,
        /// The line reached, from 1.
        line: u64,
        /// What the operating system or the decompressor says.
        error: io::Error,
    },
    /// It is compressed in another way than gzip or zstd.
    #[error("{log} is compressed as {format}, which is not read here; decompress it and search what comes out")]
    Compressed {
        /// The log.
        log: String,
        /// The name of the format.
        format: &'static str,
    },
}

/// A place in a log, after decompression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Line number, from 1.
    pub line: u64,
    /// Bytes from the start of the log to the mark, from 0.
    pub offset: u64,
}

/// Where the marks of one trace stand in one log. Only marks whose seal is ours are found ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sightings {
    /// How many marks were found.
    pub found: u64,
    /// How many more have the right print under a seal that is not ours: forged, or damaged.
    pub unverified: u64,
    /// The first one found.
    pub first: Option<Place>,
    /// The last one found.
    pub last: Option<Place>,
    /// How many of those found each rule has made.
    pub rules: BTreeMap<String, u64>,
    /// The first [`MAX_PLACES`] found.
    #[serde(skip)]
    pub places: Vec<Place>,
}

impl Sightings {
    fn add(&mut self, mark: &Mark<'_>, verified: bool, place: Place) {
        if !verified {
            // The rule of such a mark is anybody's text, and there may be any number of them.
            self.unverified += 1;
            return;
        }
        self.found += 1;
        self.first.get_or_insert(place);
        self.last = Some(place);
        if self.places.len() < MAX_PLACES {
            self.places.push(place);
        }
        match self.rules.get_mut(mark.rule) {
            Some(count) => *count += 1,
            None => drop(self.rules.insert(mark.rule.to_owned(), 1)),
        }
    }
}

/// How much was searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Extent {
    /// Logs, those searched in part included.
    pub files: u64,
    /// Lines; one that has no end counts too.
    pub lines: u64,
    /// Bytes, after decompression.
    pub bytes: u64,
}

/// A search under way: the lookup's traces, and where their marks have been seen so far.
#[derive(Debug)]
pub struct Search<'l> {
    lookup: &'l Lookup,
    needles: Needles,
    logs: Vec<String>,
    /// By secret, trace and log, in this order; only what was seen is in it.
    seen: BTreeMap<(usize, usize, usize), Sightings>,
    forms: Forms,
    /// By form and log.
    foreign: BTreeMap<(usize, usize), Found>,
    extent: Extent,
}

impl<'l> Search<'l> {
    /// A search for everything that `lookup` was asked.
    pub fn new(lookup: &'l Lookup) -> Self {
        Self {
            lookup,
            needles: Needles::new(lookup),
            logs: Vec::new(),
            seen: BTreeMap::new(),
            forms: Forms::new(Vec::new()),
            foreign: BTreeMap::new(),
            extent: Extent::default(),
        }
    }

    /// The same search, also for what other products write in the secrets' places.
    pub fn with_forms(mut self, forms: Vec<Form>) -> Self {
        self.forms = Forms::new(forms);
        self
    }

    /// Searches a file; `on_read` is told of each portion of bytes read from it, as they are on the disk.
    ///
    /// # Errors
    /// [`SearchError`]; what was found until then is kept.
    pub fn file(&mut self, path: &Path, on_read: &(dyn Fn(u64) + Sync)) -> Result<(), SearchError> {
        self.log(&path.display().to_string(), Watched { inner: open(path)?, on_read })
    }

    /// Searches what can be read from `reader`, under the name `log`.
    ///
    /// # Errors
    /// [`SearchError::Read`], [`SearchError::Compressed`]; what was found until then is kept.
    pub fn log(&mut self, log: &str, reader: impl Read + Send) -> Result<(), SearchError> {
        let mut plain = decompressed(log, reader)?;
        self.plain(log, plain.as_mut())
    }

    fn plain(&mut self, log: &str, reader: &mut (dyn Read + Send)) -> Result<(), SearchError> {
        let log_place = self.logs.len();
        self.logs.push(log.to_owned());
        self.extent.files += 1;
        // The text of each round is the log's from `offset` on. The lines before what is fresh in it are in `line`.
        let (mut offset, mut line, mut kept) = (0u64, 1u64, 0);
        let mut line_started = false;
        let outcome = read_ahead(reader, CHUNK, MAX_MARK_LEN, |text, fresh| {
            // What was kept from the round before may hold ends of lines that were counted then.
            let mut counted = fresh;
            let kept_lines = memchr_iter(b'\n', &text[..fresh]).count() as u64;
            let mut keep_from = text.len().saturating_sub(MAX_MARK_LEN - 1);
            let (mut form_line, mut form_counted) = (line - kept_lines, 0);
            for (forms, start, end) in self.forms.find(text) {
                keep_from = keep_from.max(end);
                form_line += memchr_iter(b'\n', &text[form_counted..start]).count() as u64;
                form_counted = start;
                let place = Place { line: form_line, offset: offset + start as u64 };
                for form in forms {
                    self.foreign.entry((*form, log_place)).or_default().add(place, MAX_PLACES);
                }
            }
            for (span, mark) in self.needles.find(text) {
                // A mark is read the same whatever follows, so that one that is whole is never met again.
                keep_from = keep_from.max(span.end());
                let candidates = self.lookup.candidates(&mark);
                if candidates.is_empty() {
                    continue;
                }
                let here = if span.start() < fresh {
                    line - kept_lines + memchr_iter(b'\n', &text[..span.start()]).count() as u64
                } else {
                    line += memchr_iter(b'\n', &text[counted..span.start()]).count() as u64;
                    counted = span.start();
                    line
                };
                let place = Place { line: here, offset: offset + span.start() as u64 };
                let verified = self.lookup.verify(&mark);
                for &(secret, trace) in candidates {
                    // The seals of an epoch whose key is gone cannot be checked; its print alone is not to be guessed.
                    let verified = verified || self.lookup.secrets()[secret][trace].bridged;
                    self.seen.entry((secret, trace, log_place)).or_default().add(&mark, verified, place);
                }
            }
            line += memchr_iter(b'\n', &text[counted..]).count() as u64;
            line_started = text.last() != Some(&b'\n');
            offset += keep_from as u64;
            kept = text.len() - keep_from;
            keep_from
        });
        self.extent.bytes += offset + kept as u64;
        self.extent.lines += line - u64::from(!line_started);
        outcome.map_err(|error| SearchError::Read { log: log.to_owned(), line, error })
    }

    /// The names of the logs searched; the places in [`Search::sightings`] count through them.
    pub fn logs(&self) -> &[String] {
        &self.logs
    }

    /// Where the marks of a trace were seen, by log: `secret` and `trace` are places in [`Lookup::secrets`].
    pub fn sightings(&self, secret: usize, trace: usize) -> impl Iterator<Item = (&str, &Sightings)> {
        let range = (secret, trace, 0)..=(secret, trace, usize::MAX);
        self.seen.range(range).filter_map(|(&(_, _, log), seen)| Some((self.logs.get(log)?.as_str(), seen)))
    }

    /// Where other products' forms of a secret were seen, by log.
    pub fn forms(&self, secret: usize) -> impl Iterator<Item = (&Form, &str, &Found)> {
        self.foreign.iter().filter_map(move |(&(form, log), found)| {
            let form = self.forms.all().get(form).filter(|form| form.secret == secret)?;
            Some((form, self.logs.get(log)?.as_str(), found))
        })
    }

    /// How much was searched.
    pub fn extent(&self) -> Extent {
        self.extent
    }
}

/// Opens a log; a folder is none.
pub(super) fn open(path: &Path) -> Result<File, SearchError> {
    let open_error = |error| SearchError::Open { path: path.to_owned(), error };
    let file = File::open(path).map_err(open_error)?;
    if file.metadata().map_err(open_error)?.is_dir() {
        return Err(open_error(io::ErrorKind::IsADirectory.into()));
    }
    Ok(file)
}

/// What is in `reader`, of the log of this name: plain, or by its first bytes gzip or zstd.
pub(super) fn decompressed<'r>(
    log: &str,
    mut reader: impl Read + Send + 'r,
) -> Result<Box<dyn Read + Send + 'r>, SearchError> {
    let mut head = Vec::with_capacity(8);
    let read_error = |error| SearchError::Read { log: log.to_owned(), line: 1, error };
    reader.by_ref().take(8).read_to_end(&mut head).map_err(read_error)?;
    if let Some((_, format)) = UNREADABLE.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(SearchError::Compressed { log: log.to_owned(), format });
    }
    let (gzip, zstd) = (head.starts_with(&GZIP), head.starts_with(&ZSTD));
    let whole = io::Cursor::new(head).chain(reader);
    Ok(if gzip {
        Box::new(MultiGzDecoder::new(BufReader::with_capacity(CHUNK, whole)))
    } else if zstd {
        Box::new(zstd::Decoder::new(whole).map_err(read_error)?)
    } else {
        Box::new(whole)
    })
}

/// What is looked for first.
#[derive(Debug)]
enum Needles {
    /// Marks.
    Marks,
    /// One print.
    One(Box<memmem::Finder<'static>>),
    /// A few.
    Few(Box<packed::Searcher>),
}

impl Needles {
    fn new(lookup: &Lookup) -> Self {
        let prints = lookup.prints();
        match prints.len() {
            1 => {
                prints.first().map_or(Self::Marks, |print| Self::One(Box::new(memmem::Finder::new(print).into_owned())))
            }
            0 | FEW.. => Self::Marks,
            // Without the instructions that it needs, there is none.
            _ => packed::Searcher::new(&prints).map_or(Self::Marks, |searcher| Self::Few(Box::new(searcher))),
        }
    }

    /// The marks in `text` that may be asked for, in order.
    fn find<'t>(&'t self, text: &'t [u8]) -> Box<dyn Iterator<Item = (Span, Mark<'t>)> + 't> {
        match self {
            Self::Marks => Box::new(find_marks(text)),
            Self::One(finder) => Box::new(finder.find_iter(text).filter_map(|at| mark_around(text, at))),
            Self::Few(searcher) => {
                Box::new(searcher.find_iter(text).filter_map(|found| mark_around(text, found.start())))
            }
        }
    }
}

/// The mark whose print stands at `at`. No mark holds what begins one, so that the nearest beginning is the only one.
fn mark_around(text: &[u8], at: usize) -> Option<(Span, Mark<'_>)> {
    let from = at.saturating_sub(MAX_MARK_LEN - Fingerprint::LEN);
    let start = from + memmem::rfind(&text[from..at], PREFIX)?;
    match written_at(&text[start..])? {
        (Written::Mark(mark), len) if start + len == at + Fingerprint::LEN => {
            Some((Span::new(start, start + len), mark))
        }
        _ => None,
    }
}

/// A reader that tells how much was read.
struct Watched<'w, R> {
    inner: R,
    on_read: &'w (dyn Fn(u64) + Sync),
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        (self.on_read)(read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;

    use super::super::as_pasted;
    use super::super::tests::keys;
    use super::*;
    use crate::model::{RuleId, Secret};

    fn lookup() -> Lookup {
        let mut lookup = Lookup::new(vec![keys(2), keys(1)]);
        lookup.ask(b"hunter2", None, &as_pasted);
        lookup.ask(b"hunter3", None, &as_pasted);
        lookup
    }

    fn mark(epoch: u32, rule: &str, secret: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        keys(epoch).write_mark(&RuleId::new(rule).expect("an id"), &Secret::borrowed(secret), &mut out);
        out
    }

    /// Gives at most `step` bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let step = self.1.min(buffer.len());
            self.0.read(&mut buffer[..step])
        }
    }

    fn seen(search: &Search<'_>, secret: usize, trace: usize) -> Sightings {
        let all: Vec<_> = search.sightings(secret, trace).collect();
        assert!(all.len() <= 1);
        all.first().map(|(_, seen)| (*seen).clone()).unwrap_or_default()
    }

    #[test]
    fn count_places_and_rules_are_told_by_secret_and_epoch() {
        let text = [
            b"nothing here\na=".to_vec(),
            mark(2, "a", b"hunter2"),
            b" ".to_vec(),
            mark(2, "b", b"hunter2"),
            b"\n\n".to_vec(),
            mark(1, "a", b"hunter2"),
            mark(2, "a", b"somebody else's"),
            mark(2, "a", b"hunter2"),
        ]
        .concat();
        let lookup = lookup();
        let mut search = Search::new(&lookup);
        search.log("x", &text[..]).expect("read");
        let newest = seen(&search, 0, 0);
        assert_eq!((newest.found, newest.unverified), (3, 0));
        assert_eq!(newest.first, Some(Place { line: 2, offset: 15 }));
        let last = text.len() - mark(2, "a", b"hunter2").len();
        assert_eq!(newest.last, Some(Place { line: 4, offset: last as u64 }));
        assert_eq!(newest.rules.into_iter().collect::<Vec<_>>(), [("a".to_owned(), 2), ("b".to_owned(), 1)]);
        assert_eq!(seen(&search, 0, 1).found, 1);
        assert_eq!(search.sightings(1, 0).count() + search.sightings(1, 1).count(), 0);
        assert_eq!(search.extent(), Extent { files: 1, lines: 4, bytes: text.len() as u64 });
    }

    #[test]
    fn a_forged_seal_is_counted_apart() {
        let mut forged = mark(2, "a", b"hunter2");
        let last = forged.last_mut().expect("not empty");
        *last = if *last == b'0' { b'1' } else { b'0' };
        let lookup = lookup();
        let mut search = Search::new(&lookup);
        search.log("x", &forged[..]).expect("read");
        assert_eq!(seen(&search, 0, 0), Sightings { unverified: 1, ..Sightings::default() });
    }

    #[test]
    fn gzip_of_several_members_is_read_and_a_cut_one_is_told() {
        let mut packed = Vec::new();
        for _ in 0..2 {
            let mut encoder = GzEncoder::new(&mut packed, Compression::fast());
            encoder.write_all(&[mark(2, "a", b"hunter2"), b"\n".to_vec()].concat()).expect("packed");
            encoder.finish().expect("packed");
        }
        let lookup = lookup();
        let mut search = Search::new(&lookup);
        search.log("x.gz", &packed[..]).expect("read");
        assert_eq!(seen(&search, 0, 0).found, 2);
        let mut search = Search::new(&lookup);
        let cut = search.log("x.gz", &packed[..packed.len() - 5]);
        assert!(matches!(cut, Err(SearchError::Read { .. })));
        assert_eq!(seen(&search, 0, 0).found, 2, "what was found before is kept");
    }

    #[test]
    fn zstd_of_several_frames_is_read_and_a_cut_one_is_told() {
        let line = [mark(2, "a", b"hunter2"), b"\n".to_vec()].concat();
        let packed = zstd::encode_all(&line[..], 1).expect("packed").repeat(2);
        let lookup = lookup();
        let mut search = Search::new(&lookup);
        search.log("x.zst", &packed[..]).expect("read");
        assert_eq!((seen(&search, 0, 0).found, search.extent().lines), (2, 2));
        let cut = Search::new(&lookup).log("x.zst", &packed[..packed.len() - 5]);
        assert!(matches!(cut, Err(SearchError::Read { .. })));
    }

    #[test]
    fn one_print_is_found_as_many_are() {
        let mut lookup = Lookup::new(vec![keys(1)]);
        lookup.ask(b"hunter2", None, &as_pasted);
        let print = String::from_utf8(keys(1).print(&Secret::borrowed(b"hunter2")).to_vec()).expect("letters");
        let good = String::from_utf8(mark(1, "a", b"hunter2")).expect("letters");
        // By itself, or behind something else than a mark's beginning, a print is no mark.
        let text = format!("{print} {good}ink1-{print} {good}\nink1-withheld-{print}0000 {good}");
        let mut search = Search::new(&lookup);
        assert!(matches!(search.needles, Needles::One(_)));
        search.log("x", text.as_bytes()).expect("read");
        assert_eq!(seen(&search, 0, 0).found, 3);
    }

    #[test]
    fn what_cannot_be_read_is_not_said_to_hold_nothing() {
        let lookup = lookup();
        for (magic, format) in UNREADABLE {
            let told = Search::new(&lookup).log("x", magic).expect_err("refused").to_string();
            assert!(told.contains(format), "{told}");
        }
        assert!(matches!(Search::new(&lookup).file(Path::new("/"), &|_| ()), Err(SearchError::Open { .. })));
    }

    #[test]
    fn memory_does_not_grow_with_a_line() {
        let lookup = lookup();
        let mut search = Search::new(&lookup);
        let line = io::repeat(b'x').take(64 << 20).chain(&b"\n"[..]);
        search.log("x", line).expect("read");
        assert_eq!(search.extent(), Extent { files: 1, lines: 1, bytes: (64 << 20) + 1 });
    }

    #[test]
    fn other_products_forms_are_found_across_reads_and_each_once() {
        let lookup = Lookup::new(vec![super::super::tests::keys(1)]);
        let form = |secret, text: &str| Form { secret, product: "github", text: text.to_owned() };
        let hash = "PcvZuBykT/mVC6gbtp9AM+h1kpvnwgzxoLz3gWra7nQ=";
        let text = format!("a\n{{\"hashed_token\":\"{hash}\"}}\nb\n{hash}{hash}\nend").repeat(3);
        for step in [1, 7, 44, 100_000] {
            let forms = vec![form(0, hash), form(2, hash), form(1, "never")];
            let mut search = Search::new(&lookup).with_forms(forms);
            search.log("x", Slow(text.as_bytes(), step)).expect("read");
            for secret in [0, 2] {
                let found: Vec<_> = search.forms(secret).collect();
                let [(_, "x", found)] = found[..] else { panic!("{found:?}") };
                let lines: Vec<u64> = found.places.iter().map(|place| place.line).collect();
                assert_eq!((found.count, lines), (9, vec![2, 4, 4, 6, 8, 8, 10, 12, 12]), "{step}");
            }
            assert_eq!(search.forms(1).count(), 0);
        }
    }

    proptest! {
        #[test]
        fn portions_make_no_difference(pieces in prop::collection::vec(0u8..6, 0..40), step in 1usize..200) {
            let text: Vec<u8> = pieces.iter().flat_map(|piece| match piece {
                0 => mark(2, "a", b"hunter2"),
                1 => mark(1, "long-rule-name-of-some-length", b"hunter2"),
                2 => mark(2, "b", b"hunter3"),
                3 => b"\n".to_vec(),
                4 => b"ink1-a-k2-".to_vec(),
                _ => b"some words\n".to_vec(),
            }).collect();
            let lookup = lookup();
            let mut whole = Search::new(&lookup);
            whole.log("x", &text[..]).expect("read");
            let mut slow = Search::new(&lookup);
            slow.log("x", Slow(&text, step)).expect("read");
            prop_assert_eq!(&whole.seen, &slow.seen);
            let mut by_marks = Search { needles: Needles::Marks, ..Search::new(&lookup) };
            by_marks.log("x", Slow(&text, step)).expect("read");
            prop_assert!(matches!(whole.needles, Needles::Few(_) | Needles::Marks));
            prop_assert_eq!(&whole.seen, &by_marks.seen);
            prop_assert_eq!(whole.extent(), slow.extent());
            let marks = pieces.iter().filter(|&&piece| piece < 3).count() as u64;
            prop_assert_eq!(whole.seen.values().map(|seen| seen.found).sum::<u64>(), marks);
        }
    }
}
