//! A record in a few words.

use crate::control::journal::entry::{Actor, Entry, KeyAction, Reload};
use crate::control::journal::record::Record;

/// What the record tells, on one line; its details as they stand where its kind is not known here.
pub(super) fn summary(record: &Record<'_>) -> String {
    let Some(entry) = record.entry() else { return record.details.to_owned() };
    let text = match entry {
        Entry::Begin(begin) => format!("version {}, key {}", begin.version, begin.key),
        Entry::Start(start) => format!(
            "{} {} by {}, epoch {}, namespace {}",
            start.command,
            start.version,
            who(&start.actor),
            start.epoch,
            start.namespace
        ),
        Entry::Stop(stop) => {
            let ended = format!("of {}{}", stop.start, if stop.ok { "" } else { ", FAILED" });
            stop.counts.map_or(ended.clone(), |counts| {
                let (bytes_in, bytes_out) = (counts.bytes_in, counts.bytes_out);
                let (matches, marks) = (counts.matches, counts.marks);
                format!("{ended}: {bytes_in} bytes in, {bytes_out} out, {matches} secrets, {marks} own marks")
            })
        }
        Entry::Configuration(configuration) => format!("{} sha256 {}", configuration.source, configuration.sha256),
        Entry::Reload(Reload { applied: true, generation, .. }) => format!("generation {generation} is in force"),
        Entry::Reload(Reload { generation, reason, .. }) => {
            let reason = reason.as_deref().unwrap_or("for a reason that is not told");
            format!("refused, and generation {generation} stays in force: {reason}")
        }
        Entry::Rules(rules) => format!("{} rules, sha256 {}", rules.rules, rules.sha256),
        Entry::Key(key) => {
            let what = match key.action {
                KeyAction::Init => "init",
                KeyAction::Rotate => "rotate to",
                KeyAction::Retire => "retire",
                KeyAction::Destroy => "destroy",
                KeyAction::AddNamespace => "add namespace",
                KeyAction::ForgetNamespace => "forget namespace",
            };
            let epoch = key.epoch.map(|epoch| format!(" epoch {epoch}")).unwrap_or_default();
            let namespace = key.namespace.map(|name| format!(" {name}")).unwrap_or_default();
            format!("{what}{epoch}{namespace} of {} by {}", key.keyring, who(&key.actor))
        }
        Entry::Outcome(outcome) => format!("{} was {}", outcome.of, if outcome.done { "done" } else { "NOT done" }),
        Entry::Lookup(lookup) => {
            let found = lookup.found.map(|found| format!(", {found} found")).unwrap_or_default();
            let (asked, by) = (lookup.asked, &lookup.by);
            format!(
                "{asked} asked{found}, by {} with {by} in {}: {:?}",
                who(&lookup.actor),
                lookup.namespace,
                lookup.reason
            )
        }
        Entry::ForgedMarks(forged) => format!("{} marks with another seal{}", forged.marks, from(forged.source)),
        Entry::Withheld(withheld) => format!("{} lines, {}{}", withheld.lines, withheld.reason, from(withheld.source)),
        Entry::Gap(gap) => format!("{} from {} to {}", gap.what, gap.from, gap.to),
        Entry::Forgotten(forgotten) => {
            format!("{} {} by {}", forgotten.records, forgotten.what, who(&forgotten.actor))
        }
        Entry::Bridge(bridge) => format!(
            "{} secrets from epoch {} to {} in {}",
            bridge.prints.len(),
            bridge.from,
            bridge.to,
            bridge.namespace
        ),
        Entry::Checkpoint(_) => format!("signs for {} records", record.seq.saturating_sub(1)),
        Entry::Recovered(recovered) => format!("{} bytes of half a record cut off", recovered.bytes),
    };
    // What somebody typed must not move a terminal's cursor.
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn who(actor: &Actor) -> String {
    let name = actor.name.as_deref().unwrap_or("?");
    format!("{name} (uid {}) on {}", actor.uid, actor.host)
}

fn from(source: Option<String>) -> String {
    source.map(|source| format!(", from {source}")).unwrap_or_default()
}
