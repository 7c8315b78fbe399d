//! `--dry-run`: what would go, and where, without the secret and without the log.

use std::io::{self, BufWriter, ErrorKind, Read, Write};

use anyhow::Context;

use super::inputs::Named;
use crate::pipeline::detect::{Finder, decode};
use crate::pipeline::policy::Policy;

/// Prints a line for each match: `file:line:column  rule  severity  length  mark`. Gives their number.
///
/// # Errors
/// When an input cannot be read or scanned, or standard output cannot be written.
pub fn run(policy: &Policy, inputs: &[Named]) -> anyhow::Result<u64> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut matches = 0;
    for input in inputs {
        let name = input.name();
        let reader = input.open().with_context(|| format!("cannot read {name}"))?;
        match report(policy, &name, reader, &mut out) {
            Ok(found) => matches += found,
            Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe) => return Ok(matches),
            Err(error) => return Err(error),
        }
    }
    match out.flush() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write standard output"),
        _ => Ok(matches),
    }
}

fn report(policy: &Policy, name: &str, mut reader: Box<dyn Read + Send>, out: &mut impl Write) -> anyhow::Result<u64> {
    let mut finder = Finder::new(&policy.detector)?;
    let (mut block, mut chunk, mut mark) = (Vec::new(), vec![0; 256 << 10], Vec::new());
    let (mut line, mut matches, mut ended) = (1u64, 0u64, false);
    while !ended {
        let read = reader.read(&mut chunk).with_context(|| format!("cannot read {name}"))?;
        block.extend_from_slice(&chunk[..read]);
        ended = read == 0;
        let whole = if ended { block.len() } else { memchr::memrchr(b'\n', &block).map_or(0, |at| at + 1) };
        let (found, _) = finder.find(&block[..whole])?;
        let (mut at, mut line_start) = (0, 0);
        for one in found {
            let newlines = memchr::memchr_iter(b'\n', &block[at..one.span.start()]);
            for newline in newlines {
                line += 1;
                line_start = at + newline + 1;
            }
            at = one.span.start();
            let rule = policy.detector.rule(one.rule);
            mark.clear();
            policy.keys.write_mark(&rule.id, &decode::canonical(&block[one.secret.range()], one.written), &mut mark);
            let column = at - line_start + 1;
            let mark = String::from_utf8_lossy(&mark);
            writeln!(out, "{name}:{line}:{column}\t{}\t{} bytes\t{mark}", rule.severity, one.span.len())?;
            matches += 1;
        }
        line += memchr::memchr_iter(b'\n', &block[at..whole]).count() as u64;
        block.drain(..whole);
    }
    Ok(matches)
}
