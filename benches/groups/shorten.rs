//! Looks for parts of literals that cost less than the whole of them.
//!
//! One literal after the other, the most to blame first, is cut to the part that leaves the fewest looks, hits of more than the whole
//! counted twice. What one cut leaves is what the next begins with, so that the result is good and not the best there is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use inkprint::pipeline::detect::trigger::{Literal, SHORTENED};
use memchr::memmem;

use super::matcher::Matcher;

/// So much of each log is looked at: evenly over it, in runs of [`RUN`].
const SAMPLE: usize = 400 << 10;
/// Bytes in a row.
const RUN: usize = 4 << 10;
/// No part is shorter.
const SHORTEST: usize = 5;
/// A part may occur once in so many bytes more than the whole does.
const BYTES_A_HIT: usize = 40_000;
/// A literal to blame for less than a look in so many bytes stays as it is, and so it does where that is all a part spares.
const BYTES_A_LOOK: usize = 100_000;

/// Writes the table of shortened literals, with what these logs call for.
pub fn print(literals: &[Literal], logs: &[Vec<u8>], out: &mut impl Write) -> anyhow::Result<()> {
    let text = sample(logs);
    let lower = text.to_ascii_lowercase();
    let hits = |literal: &Literal| {
        let (text, bytes) = if literal.caseless {
            (&lower, literal.bytes.to_ascii_lowercase())
        } else {
            (&text, literal.bytes.clone())
        };
        memmem::find_iter(text, &bytes).count()
    };
    let is_there = |(_, part): &&(&[u8], &[u8])| literals.iter().any(|literal| literal.bytes == *part);
    let mut table: BTreeMap<Vec<u8>, Vec<u8>> =
        SHORTENED.iter().filter(is_there).map(|(long, part)| (long.to_vec(), part.to_vec())).collect();
    let mut literals = literals.to_vec();
    let mut tried = BTreeSet::new();
    let (mut looks, mut blamed) = looks_of(&literals, &text);
    let per_thousand = |count: usize| count as f64 * 1e3 / text.len().max(1) as f64;
    eprintln!("{:.2} false looks in 1,000 bytes", per_thousand(looks));
    while let Some(whole) = blamed.into_iter().map(|(_, literal)| literal).find(|literal| tried.insert(literal.clone()))
    {
        let Some(at) = literals.iter().position(|literal| *literal == whole) else {
            blamed = looks_of(&literals, &text).1;
            continue;
        };
        let usual = hits(&whole);
        let cost = |part: &Literal| {
            let more = hits(part).saturating_sub(usual);
            (more <= text.len() / BYTES_A_HIT).then(|| {
                let mut others = literals.clone();
                others[at] = part.clone();
                looks_of(&others, &text).0 + 2 * more
            })
        };
        let best = parts(&whole)
            .filter_map(|part| cost(&part).map(|cost| (cost, part)))
            .min_by_key(|(cost, part)| (*cost, std::cmp::Reverse(part.bytes.len())));
        if let Some((cost, part)) = best
            && cost + text.len() / BYTES_A_LOOK < looks
        {
            eprintln!(
                "{:.2} with {} for {}",
                per_thousand(cost),
                part.bytes.escape_ascii(),
                whole.bytes.escape_ascii()
            );
            let mut longer: Vec<Vec<u8>> =
                table.iter().filter(|(_, known)| **known == whole.bytes).map(|(long, _)| long.clone()).collect();
            if longer.is_empty() {
                longer.push(whole.bytes);
            }
            longer.into_iter().for_each(|long| {
                table.insert(long, part.bytes.clone());
            });
            literals[at] = part;
        }
        (looks, blamed) = looks_of(&literals, &text);
    }
    for (long, part) in &table {
        writeln!(out, "    (b\"{}\", b\"{}\"),", long.escape_ascii(), part.escape_ascii())?;
    }
    Ok(())
}

/// All false looks, and the literals to blame, the worst first.
fn looks_of(literals: &[Literal], text: &[u8]) -> (usize, Vec<(usize, Literal)>) {
    let (mut all, mut blamed) = (0, Vec::new());
    for group in Matcher::new(literals).groups() {
        let looks = group.looks(text);
        all += looks.count;
        let counts = looks.blamed.into_iter().map(|(number, (count, _))| (count, group.literals()[number].clone()));
        blamed.extend(counts.filter(|(count, literal)| {
            // What the program adds begins with a byte that no log holds.
            count * BYTES_A_LOOK > text.len() && literal.bytes.len() > SHORTEST && literal.bytes[0] != 1
        }));
    }
    blamed.sort_by(|a, b| (b.0, &a.1).cmp(&(a.0, &b.1)));
    (all, blamed)
}

/// Every part that is long enough, but the whole.
fn parts(whole: &Literal) -> impl Iterator<Item = Literal> {
    (SHORTEST..whole.bytes.len()).rev().flat_map(move |len| {
        whole.bytes.windows(len).map(|part| Literal { bytes: part.to_vec(), caseless: whole.caseless })
    })
}

/// Something of each log.
fn sample(logs: &[Vec<u8>]) -> Vec<u8> {
    let of = |log: &Vec<u8>| -> Vec<u8> {
        let step = (log.len() / (SAMPLE / RUN)).max(RUN);
        log.chunks(step).flat_map(|chunk| &chunk[..chunk.len().min(RUN)]).copied().collect()
    };
    logs.iter().flat_map(of).collect()
}
