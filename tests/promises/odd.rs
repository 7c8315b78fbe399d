//! Rules and logs that are odd on purpose.

use inkprint::model::RuleId;
use inkprint::pipeline::detect::action::Action;
use inkprint::pipeline::detect::pattern::Pattern;
use inkprint::pipeline::detect::rule::{Form, Kind, Near, Origin, Pack, Rule, RuleSet, Severity};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::hay::Log;

/// Rules such as nobody would write, over an alphabet so small that they overlap, nest and hide one another all the time.
pub fn odd_rules() -> impl Strategy<Value = Vec<OddRule>> {
    vec((odd_pattern(), odd_near()), 1..6)
}

/// A pattern, and the words that must stand near.
pub type OddRule = (String, Option<Near>);

/// The rules as a set; those that cannot be rules are left out.
pub fn odd_set(rules: &[OddRule]) -> RuleSet {
    let rules = rules.iter().enumerate().filter_map(|(at, (pattern, near))| odd_rule(at, pattern, near.clone()));
    RuleSet { rules: rules.collect(), ..RuleSet::default() }
}

/// Logs in the alphabet of [`odd_rules`].
pub fn odd_logs() -> impl Strategy<Value = Log> {
    let piece = prop_oneof![
        8 => select(&["a", "b", "k_", "ky", "k", "0", "1", "-", "_", " ", "A", "B", "K_", "\\n", "%3D", "\n"][..]).prop_map(str::to_owned),
        1 => "[ab01]{1,9}",
        1 => Just("ink1-x-k1-j0rsygyc7vcqksbhm88pac2z".to_owned()),
    ];
    vec(piece, 0..60).prop_map(|pieces| Log(pieces.concat().into_bytes()))
}

fn odd_near() -> impl Strategy<Value = Option<Near>> {
    let near = (vec("[ak][b0][ky_-][ab]?", 1..3), 1usize..20).prop_map(|(words, within)| Near { words, within });
    prop_oneof![3 => Just(None), 1 => near.prop_map(Some)]
}

fn odd_pattern() -> impl Strategy<Value = String> {
    let atom =
        select(&["a", "b", "k_", "ky", "-", "[ab]", "[0-9]", "[a-b0-9]", "[ab_]", r"\w", ".", "[^b]", r"\b", " "][..])
            .prop_map(str::to_owned);
    let part = atom.prop_recursive(3, 12, 4, |inner| {
        let several = vec(inner.clone(), 1..4);
        prop_oneof![
            4 => several.clone().prop_map(|parts| parts.concat()),
            2 => several.prop_map(|parts| format!("(?:{})", parts.join("|"))),
            2 => (inner.clone(), select(&["?", "*", "+", "{2}", "{1,3}", "{3,}", "{2,250}", "+?"][..])).prop_map(|(part, n)| format!("(?:{part}){n}")),
        ]
    });
    let ends = select(&["", r"\b", "(?i)", r"(?i)\b", "^"][..]);
    (ends, part.clone(), any::<bool>(), part, select(&["", r"\b", "$", "(?:[^a]|$)"][..])).prop_map(
        |(before, lead, grouped, secret, after)| {
            let secret = if grouped { format!("(?<secret>{secret})") } else { secret };
            format!("{before}{lead}{secret}{after}")
        },
    )
}

fn odd_rule(at: usize, pattern: &str, near: Option<Near>) -> Option<Rule> {
    Some(Rule {
        id: RuleId::new(&format!("odd-{at}")).expect("an id"),
        description: pattern.to_owned(),
        pack: Pack::Tokens,
        severity: Severity::Low,
        kind: Kind::Secret,
        // One that may match the empty string is refused.
        form: Form::Pattern(Pattern::parse(pattern).ok()?),
        validate: Vec::new(),
        require: Vec::new(),
        not_after: Vec::new(),
        near,
        entropy: None,
        encoding: None,
        action: Action::Mark,
        keep_last: false,
        untested: false,
        enabled: true,
        references: Vec::new(),
        examples: Vec::new(),
        counterexamples: Vec::new(),
        origin: Origin { file: "odd.toml".to_owned(), line: 1 },
    })
}
