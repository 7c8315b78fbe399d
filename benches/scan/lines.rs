//! By length of line, with lines that are made to slow a redactor down: what must stay linear.

use std::sync::Arc;
use std::time::Duration;

use inkprint::pipeline::policy::Policy;
use serde_json::json;

use super::density::through_pipe;
use super::log::{Log, Random, alphabet};
use super::measure::{Contestant, side_by_side, thread_time};
use super::section::{Section, Unit};
use super::{default_rules, policy};

/// Each length comes to about so many bytes. The longest line is all of them: it is over the limit and goes in windows.
const SIZE: usize = 4 << 20;
const LENGTHS: [usize; 5] = [100, 1000, 16_000, 1_000_000, SIZE];
/// Where [`LENGTHS`] has the two whose speeds are held against each other. In both of them each line holds a token, and lines that
/// were changed are searched twice.
const SHORT: usize = 2;
const LONG: usize = 3;
/// The least that the speed on the long line may be, in terms of that on the short one.
const LINEAR: f64 = 0.5;
/// Once the speed has fallen so low, in terms of that on lines of the first length, longer ones are not tried: they would take for ever.
const HOPELESS: f64 = 0.03;

const ROUNDS: usize = 9;
const LIMIT: Duration = Duration::from_secs(5);

/// What ends a line in each [`TAIL_EVERY`] bytes, so that a count can be stated: nothing before it may hide it.
const TAIL: &str = " token=ghp_Zt4bQmW9xLc2Rk7vNs1HdYp6JgFa3UeT8oKi\n";

/// As long as one of the longer lines, so that what is compared is the length of lines and not the number of tokens.
const TAIL_EVERY: usize = 16_000;
/// The rule that finds it. Others may find something in what stands before: a million random characters spell many things.
const TAIL_RULE: &str = "github-pat";

/// What fills a line.
enum Filling {
    Log,
    Alphabet(&'static str),
    Repeat(&'static str),
    /// So many times the text, then a blank: a value that goes on over a whole window is withheld, and its line's end with it.
    Runs(&'static str, usize),
}

const FILLINGS: [(&str, Filling); 24] = [
    ("log text", Filling::Log),
    ("base64", Filling::Alphabet("b64")),
    ("hexadecimal", Filling::Alphabet("hex")),
    ("=\"' runs", Filling::Repeat("=\"'")),
    ("nested JSON", Filling::Repeat("{\"a\":")),
    ("escaped JSON", Filling::Repeat("\\\"a\\\":\\\"b\\\",")),
    ("eyJ runs", Filling::Repeat("eyJ")),
    ("ghp_ runs", Filling::Repeat("ghp_")),
    ("password= runs", Filling::Runs("password=", 100)),
    ("\"secret\":\" runs", Filling::Repeat("\"secret\":\"")),
    ("bearer runs", Filling::Repeat("bearer ")),
    ("://  runs", Filling::Repeat("://")),
    ("ink1- runs", Filling::Repeat("ink1-")),
    ("%41 runs", Filling::Repeat("%41")),
    ("%2541 runs", Filling::Repeat("%2541")),
    ("\\u0041 runs", Filling::Repeat("\\u0041")),
    ("&#65; runs", Filling::Repeat("&#65;")),
    ("base64 of ghp_ and password=", Filling::Runs("Z2hwX0FBcGFzc3dvcmQ9", 100)),
    ("token=' runs", Filling::Repeat("token='")),
    ("half-open PEM", Filling::Repeat("-----BEGIN PRIVATE KEY-----")),
    ("PEM on one line", Filling::Repeat("-----BEGIN PRIVATE KEY----- MIIEpAIBAAKCAQEA ")),
    ("curl -u runs", Filling::Repeat("curl -u ")),
    ("Cookie: a= runs", Filling::Repeat("Cookie: a=")),
    ("a://b:c@ runs", Filling::Repeat("a://b:c@")),
];

/// Each filling at each length.
pub fn by_length() -> Section {
    let mut section = Section::new(
        "lines",
        "By length of line",
        "The whole path on one thread. A line in every 16 KB ends in a token that must be found. A line of 4 MiB is over the limit for whole lines \
         and goes in windows. *1 MB beside 16 KB* is the speed on the long line in terms of that on the short one; where there is a dash, \
         shorter lines were so slow that it was not tried.",
        &[
            ("filling", Unit::Text),
            ("100 B", Unit::Rate),
            ("1 KB", Unit::Rate),
            ("16 KB", Unit::Rate),
            ("1 MB", Unit::Rate),
            ("4 MiB", Unit::Rate),
            ("1 MB beside 16 KB", Unit::Ratio),
        ],
    );
    let policy = policy(default_rules());
    let mut least = f64::INFINITY;
    for (name, filling) in &FILLINGS {
        let texts = LENGTHS.map(|length| text(filling, length));
        let tried = &texts[..promising(&policy, &texts)];
        let times = side_by_side(ROUNDS, LIMIT, tried.iter().map(|text| contestant(name, &policy, text)).collect());
        let rates: Vec<f64> = times.iter().zip(tried).map(|(times, text)| times.rate(text.len())).collect();
        let linear = rates.get(LONG).map_or(0.0, |long| long / rates[SHORT]);
        least = least.min(linear);
        let cells = (0..LENGTHS.len()).map(|at| json!(rates.get(at)));
        section.row([json!(name)].into_iter().chain(cells).chain([json!(linear)]));
    }
    section.at_least("speed at 1 MB beside 16 KB, the worst of them", LINEAR, Unit::Ratio, least);
    section
}

/// How many of the texts, which are ordered by length of line, can be measured within reason.
fn promising(policy: &Policy, texts: &[Arc<[u8]>]) -> usize {
    let mut rates: Vec<f64> = Vec::new();
    for text in texts {
        let started = thread_time();
        through_pipe(policy, text);
        rates.push(text.len() as f64 / (thread_time() - started).as_secs_f64());
        if rates.last() < Some(&(rates[0] * HOPELESS)) {
            break;
        }
    }
    rates.len()
}

fn contestant<'a>(name: &'a str, policy: &'a Policy, text: &'a Arc<[u8]>) -> Contestant<'a> {
    let tails = memchr::memmem::find_iter(text, TAIL).count() as u64;
    let rule = policy.detector.rules().position(|rule| rule.id.as_str() == TAIL_RULE).expect("the rule of the tail");
    Contestant::new(name, Some(tails), move || through_pipe(policy, text).matches[rule])
}

/// Lines of this length and filling.
fn text(filling: &Filling, length: usize) -> Arc<[u8]> {
    let source = match filling {
        Filling::Log => {
            Log::generate(SIZE, None).text.iter().map(|byte| if *byte == b'\n' { b' ' } else { *byte }).collect()
        }
        Filling::Alphabet(kind) => {
            let (mut random, alphabet) = (Random::new(), alphabet(kind));
            (0..SIZE).map(|_| alphabet[random.below(alphabet.len())]).collect()
        }
        Filling::Repeat(text) => text.as_bytes().repeat(SIZE / text.len() + 1),
        Filling::Runs(text, times) => {
            let run = text.repeat(*times) + " ";
            run.as_bytes().repeat(SIZE / run.len() + 1)
        }
    };
    let source: Vec<u8> = source;
    let mut out = Vec::with_capacity(SIZE);
    let mut since = 0;
    for filling in source.chunks_exact(length).take(SIZE / length) {
        since += length;
        let end = if since >= TAIL_EVERY { TAIL } else { "\n" };
        out.extend_from_slice(&filling[..length - end.len()]);
        out.extend_from_slice(end.as_bytes());
        since %= TAIL_EVERY;
    }
    out.into()
}
