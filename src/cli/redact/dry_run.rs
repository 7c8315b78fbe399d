//! `--dry-run`: what would go, and where, without the secret and without the log.

use std::io::{self, BufWriter, ErrorKind, Read, Write};

use anyhow::Context;

use super::inputs::Named;
use crate::model::RuleId;
use crate::pipeline::policy::Policy;
use crate::pipeline::stream::{Stream, Taken};
use crate::pipeline::worker::Worker;

/// The largest read.
const CHUNK: usize = 256 << 10;

/// Prints a line for each match: `file:line:column`, severity, length and mark or action, separated by tabs. Gives their number.
///
/// # Errors
/// When an input cannot be read or scanned, or standard output cannot be written.
pub fn run(policy: &Policy, inputs: &[Named], max_line: usize) -> anyhow::Result<u64> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut matches = 0;
    for input in inputs {
        let reader = input.open().with_context(|| format!("cannot read {}", input.name()))?;
        match report(policy, input, reader, max_line, &mut out) {
            Ok(found) => matches += found,
            Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe) => {
                return Ok(matches);
            }
            Err(error) => return Err(error),
        }
    }
    match out.flush() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write standard output"),
        _ => Ok(matches),
    }
}

fn report(
    policy: &Policy,
    input: &Named,
    mut reader: Box<dyn Read + Send>,
    max_line: usize,
    out: &mut impl Write,
) -> anyhow::Result<u64> {
    let name = input.name();
    let mut worker = Worker::new(policy)?.reporting();
    worker.enter(&policy.scope(&input.source()));
    let mut stream = Stream::new(max_line);
    let (mut block, mut cleaned) = (Vec::new(), Vec::new());
    let (mut matches, mut ended) = (0, false);
    while !ended {
        let read = match reader.read(stream.spare(CHUNK)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            other => other.with_context(|| format!("cannot read {name}"))?,
        };
        stream.advance(read);
        ended = read == 0;
        while stream.take_cleaned(ended, &mut worker, &mut block, &mut cleaned) != Taken::Nothing {
            for found in worker.take_reports() {
                let rule = policy.detector.rule(found.rule);
                let place = format!("{name}:{}:{}", found.line, found.column);
                let mark = match found.fingerprint {
                    Some(fingerprint) => mark(&rule.id, policy, fingerprint.as_str()),
                    None => format!("{} by {}", found.action, rule.id),
                };
                writeln!(out, "{place}\t{}\t{} bytes\t{mark}", rule.severity, found.len)?;
                matches += 1;
            }
        }
    }
    Ok(matches)
}

fn mark(rule: &RuleId, policy: &Policy, fingerprint: &str) -> String {
    format!("ink1-{rule}-k{}-{fingerprint}", policy.keys.epoch())
}
