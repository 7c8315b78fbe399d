//! An explanation as text and as JSON. Bytes of the line are shown only where nothing may be a secret, or when asked for.

use std::fmt::Write;

use serde::Serialize;

use crate::cli::rules::masked::{masked_part, printable};
use crate::control::rules::explain::{Explanation, Meeting, Verdict};
use crate::model::Span;
use crate::pipeline::detect::Refusal;
use crate::pipeline::detect::rule::Rule;

/// How explanations are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    /// Secrets as they are.
    pub reveal: bool,
}

#[derive(Serialize)]
struct LineRow<'e> {
    line: u64,
    text: String,
    rules: Vec<MeetingRow<'e>>,
}

#[derive(Serialize)]
struct MeetingRow<'e> {
    rule: &'e str,
    /// Offsets of the secret's first byte and of the one behind it.
    start: usize,
    end: usize,
    verdict: &'static str,
    reason: Option<String>,
    named_by: Option<&'e str>,
    key: Option<String>,
    entropy: Option<f32>,
    validators: Vec<ValidatorRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

#[derive(Serialize)]
struct ValidatorRow {
    name: &'static str,
    required: bool,
    passes: bool,
}

impl View {
    /// One JSON object and a line ending.
    pub(super) fn json(self, number: u64, line: &[u8], explanation: &Explanation<'_>) -> anyhow::Result<String> {
        let masked = &explanation.masked;
        let rules = explanation.meetings.iter().map(|meeting| self.row(line, masked, meeting)).collect();
        let text = self.part(line, Span::new(0, line.len()), masked);
        Ok(serde_json::to_string(&LineRow { line: number, text, rules })? + "\n")
    }

    fn row<'e>(self, line: &[u8], masked: &[Span], meeting: &'e Meeting<'_>) -> MeetingRow<'e> {
        let validators = meeting.validators.iter();
        MeetingRow {
            rule: meeting.rule.id.as_str(),
            start: meeting.span.start(),
            end: meeting.span.end(),
            verdict: match meeting.verdict {
                Verdict::Redacted | Verdict::RedactedAs(_) => "redacted",
                Verdict::RefusedButRedactedAs(..) | Verdict::Refused(_) => "refused",
            },
            reason: meeting.verdict.refusal().map(|refusal| reason(refusal, meeting)),
            named_by: meeting.verdict.named_by().map(|rule| rule.as_str()),
            key: meeting.key.map(|key| self.part(line, key, masked)),
            entropy: meeting.entropy,
            validators: validators
                .map(|v| ValidatorRow { name: v.validator.name(), required: v.required, passes: v.passes })
                .collect(),
            secret: self.reveal.then(|| String::from_utf8_lossy(&line[meeting.span.range()]).into_owned()),
        }
    }

    /// The line, and below it a line for each rule that met it.
    pub(super) fn text(self, number: u64, line: &[u8], explanation: &Explanation<'_>) -> String {
        let masked = &explanation.masked;
        let mut out = format!("{number}: {}\n", self.part(line, Span::new(0, line.len()), masked));
        let width = explanation.meetings.iter().map(|meeting| meeting.rule.id.as_str().len()).max().unwrap_or(0);
        for meeting in &explanation.meetings {
            let columns = format!("{}-{}", meeting.span.start() + 1, meeting.span.end());
            let verdict = verdict(meeting);
            let _ = writeln!(out, "    {:<width$}  columns {columns:<9}  {verdict}", meeting.rule.id.as_str());
            let key = meeting.key.map(|key| self.part(line, key, masked));
            let details = details(key, meeting);
            if !details.is_empty() {
                let _ = writeln!(out, "    {:width$}  {details}", "");
            }
        }
        if explanation.meetings.is_empty() {
            out += "    no rule meets this line\n";
        }
        out
    }

    fn part(self, line: &[u8], part: Span, masked: &[Span]) -> String {
        if self.reveal { printable(&line[part.range()]) } else { masked_part(line, part, masked) }
    }
}

fn verdict(meeting: &Meeting<'_>) -> String {
    match &meeting.verdict {
        Verdict::Redacted => "redacted".to_owned(),
        Verdict::RedactedAs(rule) => format!("redacted, under the name of {rule}, which is more specific here"),
        Verdict::RefusedButRedactedAs(refusal, rule) => {
            format!("refused: {}; redacted by {rule}", reason(*refusal, meeting))
        }
        Verdict::Refused(refusal) => format!("refused: {}", reason(*refusal, meeting)),
    }
}

fn reason(refusal: Refusal, meeting: &Meeting<'_>) -> String {
    let Rule { entropy, near, .. } = meeting.rule;
    match refusal {
        Refusal::Boundary => "it begins in the middle of a word".to_owned(),
        Refusal::Placeholder => "a stand-in, such as xxxx or a counting run".to_owned(),
        Refusal::Entropy => format!("its entropy is below {} bits a character", entropy.unwrap_or_default()),
        Refusal::Validator(validator) => format!("{} says no", validator.name()),
        Refusal::Before => "what stands before it makes it a part of something else".to_owned(),
        Refusal::Near => match near {
            Some(near) => format!("none of {:?} stands within {} bytes before", near.words, near.within),
            None => "no near word stands before".to_owned(),
        },
        Refusal::Value => {
            "what stands at this key is no secret: nothing, a stand-in, a word, a reference or a number".to_owned()
        }
    }
}

fn details(key: Option<String>, meeting: &Meeting<'_>) -> String {
    let key = key.map(|key| format!("key {key:?}"));
    let entropy = meeting.entropy.map(|bits| format!("entropy {bits:.1}"));
    let validators = meeting.validators.iter().map(|v| {
        let (name, verdict) = (v.validator.name(), if v.passes { "passes" } else { "fails" });
        let weight = if v.required { "required" } else { "not required" };
        format!("{name} {verdict} ({weight})")
    });
    key.into_iter().chain(entropy).chain(validators).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::rules::explain::Explainer;
    use crate::pipeline::detect::Detector;
    use crate::pipeline::detect::rule::RuleSet;

    const LINE: &[u8] = b"DB_PASSWORD=Vq7-molten-Harbor\x1b[0m t=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";

    fn shown(reveal: bool) -> (String, String) {
        let detector = Detector::new(RuleSet::builtin().expect("they load")).expect("they compile");
        let explanation = Explainer::new(&detector).expect("memory").explain(LINE).expect("it scans");
        let view = View { reveal };
        (view.text(7, LINE, &explanation), view.json(7, LINE, &explanation).expect("JSON"))
    }

    #[test]
    fn no_secret_is_shown_unless_asked_for() {
        let (text, json) = shown(false);
        for out in [&text, &json] {
            assert!(!out.contains("molten") && !out.contains("ghp_") && !out.contains('\x1b'), "{out}");
            assert!(out.contains("DB_PASSWORD=▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒"), "{out}");
        }
        let (text, json) = shown(true);
        assert!(text.contains("molten") && json.contains("molten"));
    }

    #[test]
    fn an_explanation_reads() {
        let (text, _) = shown(false);
        let lines: Vec<&str> = text.lines().skip(1).map(str::trim_end).collect();
        assert_eq!(
            lines,
            [
                "    password    columns 13-29      redacted",
                "                key \"DB_PASSWORD\", entropy 3.7",
                "    github-pat  columns 37-76      redacted",
                "                entropy 4.9, github-crc32 passes (not required)",
            ]
        );
    }
}
