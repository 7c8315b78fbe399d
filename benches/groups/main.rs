//! How often the engine's literal matcher looks closely at a place in a log for nothing, and which literals that comes from.
//!
//! `cargo bench --bench groups -- [--patterns=FOLDER] FILE…`, or with the log that `INKPRINT_BENCH_LOG` names. What is counted is worked out
//! here ([`matcher`]), as the engine tells nobody. A literal is to blame for a look that would not have been without it; what it occurs in is
//! no false look and is not counted.
//!
//! With `--shorten` the literals to blame are cut, one by one, to the part of them that leaves the fewest looks on all these logs, and the
//! table that the program has of such parts is printed anew, to take the place of that in `src/pipeline/detect/trigger/shortened.rs`.

mod matcher;
mod shorten;

use anyhow::Context as _;
use inkprint::pipeline::detect::Detector;
use inkprint::pipeline::detect::rule::RuleSet;

use self::matcher::Matcher;

/// So much of each log is read.
const READ: usize = 4 << 20;
/// So many literals of a group are named.
const NAMED: usize = 6;

fn main() -> anyhow::Result<()> {
    let mut logs: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    if logs.is_empty() {
        logs = vec![std::env::var("INKPRINT_BENCH_LOG").context("no log: name one, or set INKPRINT_BENCH_LOG")?];
    }
    let mut rules = RuleSet::builtin()?;
    for folder in std::env::args().filter_map(|argument| argument.strip_prefix("--patterns=").map(str::to_owned)) {
        rules = rules.extended(folder.as_ref()).map_err(|faults| anyhow::anyhow!("{folder}: {faults}"))?;
    }
    let detector = Detector::new(rules.selected(&[], &[])?)?;
    let read = |log: &String| std::fs::read(log).with_context(|| format!("cannot read {log}"));
    if std::env::args().any(|argument| argument == "--shorten") {
        let texts = logs.iter().map(read).collect::<anyhow::Result<Vec<_>>>()?;
        return shorten::print(detector.literals(), &texts, &mut std::io::stdout().lock());
    }
    let matcher = Matcher::new(detector.literals());
    for log in logs {
        let mut text = read(&log)?;
        text.truncate(READ);
        println!("{log}: false looks in 1,000 bytes");
        let per_thousand = |count: usize| count as f64 * 1e3 / text.len().max(1) as f64;
        let mut all = 0;
        for group in matcher.groups() {
            let looks = group.looks(&text);
            all += looks.count;
            print!(
                "{:3} bytes {:5} literals {:7.2}",
                group.length(),
                group.literals().len(),
                per_thousand(looks.count)
            );
            let mut blamed: Vec<_> = looks.blamed.into_iter().collect();
            blamed.sort_by_key(|(number, (count, _))| (std::cmp::Reverse(*count), *number));
            for (number, (count, end)) in blamed.into_iter().take(NAMED) {
                let literal = group.literals()[number].bytes.escape_ascii();
                let word = text[end - group.length()..end].escape_ascii();
                print!("  {literal} {:.2} ({word})", per_thousand(count));
            }
            println!();
        }
        println!("    all {:27.2}", per_thousand(all));
    }
    Ok(())
}
