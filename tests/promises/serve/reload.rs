use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::super::tcp::service::wait_for;
use super::ledger::{assert_clean, canary};
use super::peers::Peer;
use super::service::{Ends, Home, Service, let_pass};

/// Rules of which each version makes marks of its own, also of what both find. The files themselves must hold no sign of a canary.
fn rules(version: &str) -> String {
    let rule = |id: &str, pattern: &str, example: &str| {
        format!(
            "[[rule]]\nid = '{id}'\ndescription = 'a test'\npattern = \"{pattern}\"\nseverity = 'high'\nkind = 'secret'\n\
             examples = [\"{example}\"]\n"
        )
    };
    [
        "pack = 'tokens'\n".to_owned(),
        rule(&format!("probe-{version}"), r"\\bPRB[0-9]{12}\\b", "PRB123456789012"),
        rule(
            &format!("pat-{version}"),
            r"\\bgh\u0070_[0-9A-Za-z]{36}\\b",
            r"gh\u0070_NdKZaDiFHy6TxVOG3VTE8fPJlT8y7P2pALdq",
        ),
    ]
    .concat()
}

const RULES: &str = "[rules]\nbuiltin = false\npatterns = [\"rules.toml\"]\n";

fn parts(peer: &Peer, rules: &str) -> String {
    format!(
        "{rules}[sources.in]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n[sinks.out]\ntype = \"tcp\"\naddress = \"{}\"\n",
        peer.address
    )
}

/// A line with four secrets of two kinds.
fn line(connection: usize, number: usize) -> String {
    // No digits that a placeholder has.
    let probe = |at: usize| format!("PRB{:012}", (number * 10 + at + 1) as u64 * 7_919_982_451_653 % 1_000_000_000_000);
    let token = canary(connection << 32 | number);
    format!("c={connection} n={number} {} token={token} {} {}\n", probe(1), probe(2), probe(3))
}

/// The one version under which a line was cleaned.
#[track_caller]
fn version(line: &str) -> String {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, _, one, token, two, three] = words[..] else { panic!("no line that was sent: {line}") };
    let of = |word: &str, kind: &str| {
        let mark = word.strip_prefix(&format!("ink1-{kind}-")).unwrap_or_else(|| panic!("no mark: {line}"));
        let (version, rest) = mark.split_once('-').expect("a mark");
        format!("{version} {}", rest.split_once('-').expect("an epoch").0)
    };
    let versions = [
        of(one, "probe"),
        of(token.strip_prefix("token=").expect("a token"), "pat"),
        of(two, "probe"),
        of(three, "probe"),
    ];
    assert!(versions.iter().all(|version| *version == versions[0]), "by two versions: {line}");
    versions[0].clone()
}

/// Asks for a reload, in one way or the other, waits for its outcome, and gives the reason where it was refused.
#[track_caller]
fn reload(service: &Service, by_signal: bool) -> Result<(), String> {
    let counts = || {
        let count = |outcome: &str| service.metric(&format!("inkprint_reloads_total{{outcome=\"{outcome}\"}}"));
        (count("applied"), count("refused"))
    };
    let before = counts();
    let told = if by_signal {
        service.signal(Signal::HUP);
        None
    } else {
        Some(service.post("/reload"))
    };
    let (applied, refused) = wait_for("the outcome", || Some(counts()).filter(|now| *now != before));
    let outcome = match (applied - before.0, refused - before.1) {
        (1.0, 0.0) => Ok(()),
        (0.0, 1.0) => Err(told.as_ref().map(|(_, text)| text.clone()).unwrap_or_default()),
        other => panic!("two outcomes: {other:?}"),
    };
    if let Some((status, text)) = told {
        assert_eq!(status, if outcome.is_ok() { 200 } else { 422 }, "{text}");
    }
    outcome
}

/// Lines on two connections, until it is said that it is enough.
fn load(sockets: [TcpStream; 2], ended: &AtomicBool) -> usize {
    let mut number = 0;
    let mut sockets = sockets;
    while !ended.load(Ordering::Relaxed) {
        for (connection, socket) in sockets.iter_mut().enumerate() {
            let text: String = (number..number + 5).map(|number| line(connection, number)).collect();
            socket.write_all(text.as_bytes()).expect("no connection is dropped");
        }
        number += 5;
        let_pass(Duration::from_millis(5));
    }
    number
}

/// Every line of two connections arrived, in order, each under one version; those that were seen.
#[track_caller]
fn assert_all(peer: &Peer, lines: usize) -> Vec<String> {
    let bytes = peer.bytes();
    assert_clean("what the peer got", &bytes);
    let text = String::from_utf8(bytes).expect("text");
    assert!(!text.contains("PRB"), "a line came through as it was");
    let (mut next, mut versions) = ([0; 2], Vec::new());
    for line in text.lines().filter(|line| !line.starts_with("c=9 ")) {
        let connection = usize::from(line.starts_with("c=1 "));
        assert!(line.starts_with(&format!("c={connection} n={} ", next[connection])), "{line}");
        next[connection] += 1;
        versions.push(version(line));
    }
    assert_eq!(next, [lines; 2]);
    versions.sort();
    versions.dedup();
    versions
}

/// Good and bad files in turn, under load.
#[test]
fn fifty_reloads_under_load_each_whole_or_not_at_all() {
    let (home, peer) = (Home::new(), Peer::new());
    home.write("rules.toml", rules("a"));
    let good_parts = parts(&peer, RULES);
    let mut service = home.start(&good_parts);
    let sockets = [service.connect("in"), service.connect("in")];
    let ended = AtomicBool::new(false);
    let (mut in_force, mut applied, mut refused) = ("a", 0, 0);
    let lines = thread::scope(|scope| {
        let _ends = Ends(&ended);
        let (stop, sockets) = (&ended, sockets);
        let load = scope.spawn(move || load(sockets, stop));
        for round in 0..50 {
            let other = if in_force == "a" { "b" } else { "a" };
            let bad = BAD[round / 2 % BAD.len()];
            let expected = if round % 2 == 0 {
                home.write("rules.toml", rules(other));
                Ok(())
            } else {
                Err(bad.damage(&home, &good_parts))
            };
            let outcome = reload(&service, round % 4 < 2);
            match (&outcome, &expected) {
                (Ok(()), Ok(())) => (in_force, applied) = (other, applied + 1),
                (Err(told), Err(reason)) => {
                    refused += 1;
                    assert!(told.is_empty() || told.contains(reason), "{bad:?}: {told}");
                    bad.mend(&home, &good_parts, in_force);
                }
                other => panic!("round {round}, {bad:?}: {other:?}"),
            }
            // What is in force now is what a line that is sent now is cleaned under.
            let probe = line(9, round);
            service.send("in", probe.as_bytes());
            let begins = format!("c=9 n={round} ");
            let cleaned = wait_for("a line", || {
                let text = String::from_utf8(peer.bytes()).expect("text");
                text.split_inclusive('\n')
                    .find(|line| line.starts_with(&begins) && line.ends_with('\n'))
                    .map(str::to_owned)
            });
            assert_eq!(version(&cleaned), format!("{in_force} k1"), "round {round}, {bad:?}");
        }
        ended.store(true, Ordering::Relaxed);
        load.join().expect("no panic")
    });
    wait_for("all lines", || (peer.lines() >= 2 * lines + 50).then_some(()));
    assert_eq!(service.metric("inkprint_config_generation"), f64::from(1 + applied));
    assert_eq!(service.metric("inkprint_source_connections_total{source=\"in\"}"), 52.0);
    assert_eq!(service.count_logged("reload refused"), refused);
    service.stop();
    assert_eq!(assert_all(&peer, lines), ["a k1", "b k1"]);
    let told = |applied: bool| {
        let record = format!("\"applied\":{applied}");
        home.journal().iter().filter(|entry| entry.to_string().contains(&record)).count()
    };
    assert_eq!((told(true), told(false)), (applied as usize, refused));
}

/// What is wrong.
#[derive(Clone, Copy, Debug)]
enum Bad {
    CutRules,
    NoExpression,
    EmptyRules,
    NoRules,
    Dangling,
    Folder,
    NoKeyring,
    OpenKeyring,
    CutKeyring,
    BrokenConfiguration,
    UnknownField,
    NeedsRestart,
}

const BAD: [Bad; 12] = [
    Bad::CutRules,
    Bad::NoExpression,
    Bad::EmptyRules,
    Bad::NoRules,
    Bad::Dangling,
    Bad::Folder,
    Bad::NoKeyring,
    Bad::OpenKeyring,
    Bad::CutKeyring,
    Bad::BrokenConfiguration,
    Bad::UnknownField,
    Bad::NeedsRestart,
];

impl Bad {
    /// Does the damage, and gives a part of what is to be said of it.
    fn damage(self, home: &Home, parts: &str) -> &'static str {
        let (rules_file, keyring) = (home.path("rules.toml"), home.path("k"));
        match self {
            Self::CutRules => {
                let text = rules("c");
                home.write("rules.toml", &text[..text.len() / 2 + 7]);
                "rules.toml"
            }
            Self::NoExpression => {
                home.write("rules.toml", rules("c").replace("[0-9]{12}", "[0-9{12}("));
                "not a valid regular expression"
            }
            Self::EmptyRules => {
                home.write("rules.toml", "pack = 'tokens'\n");
                "no rule is on"
            }
            Self::NoRules => {
                fs::remove_file(&rules_file).expect("there");
                "rules.toml"
            }
            Self::Dangling => {
                fs::remove_file(&rules_file).expect("there");
                symlink("nowhere.toml", &rules_file).expect("a link");
                "rules.toml"
            }
            Self::Folder => {
                fs::remove_file(&rules_file).expect("there");
                fs::create_dir(&rules_file).expect("a folder");
                "rules.toml"
            }
            Self::NoKeyring => {
                fs::rename(&keyring, home.path("k.away")).expect("there");
                "keyring"
            }
            Self::OpenKeyring => {
                fs::set_permissions(&keyring, fs::Permissions::from_mode(0o644)).expect("there");
                "keyring"
            }
            Self::CutKeyring => {
                let text = fs::read(&keyring).expect("there");
                fs::write(home.path("k.away"), &text).expect("written");
                fs::set_permissions(home.path("k.away"), fs::Permissions::from_mode(0o600)).expect("there");
                fs::write(&keyring, &text[..text.len() / 2]).expect("written");
                "keyring"
            }
            Self::BrokenConfiguration => {
                home.write("inkprint.toml", "version = 1\nkeyring = \"k\n");
                "not valid TOML"
            }
            Self::UnknownField => {
                home.configure(&parts.replace("builtin = false", "builtin = false\nbuiltins = false"));
                "builtins"
            }
            Self::NeedsRestart => {
                home.configure(&parts.replace("[sources.in]\n", "[sources.in]\nmax_connections = 17\n"));
                "sources cannot be changed without a restart"
            }
        }
    }

    fn mend(self, home: &Home, parts: &str, version: &str) {
        match self {
            Self::CutRules | Self::NoExpression | Self::EmptyRules | Self::NoRules => {
                home.write("rules.toml", rules(version));
            }
            Self::Dangling => {
                // Two files that a link is moved between: that is a change like any other.
                home.write("linked.toml", rules(version));
                let (link, beside) = (home.path("rules.toml"), home.path("rules.link"));
                symlink("linked.toml", &beside).expect("a link");
                fs::rename(beside, link).expect("renamed");
            }
            Self::Folder => {
                fs::remove_dir(home.path("rules.toml")).expect("there");
                home.write("rules.toml", rules(version));
            }
            Self::NoKeyring | Self::CutKeyring => {
                fs::rename(home.path("k.away"), home.path("k")).expect("there");
            }
            Self::OpenKeyring => {
                fs::set_permissions(home.path("k"), fs::Permissions::from_mode(0o600)).expect("there");
            }
            Self::BrokenConfiguration | Self::UnknownField | Self::NeedsRestart => {
                home.configure(parts);
            }
        }
    }
}

/// Rules by a link that is moved from one file to another, and keys that are rotated, under load.
#[test]
fn moved_links_and_rotated_keys_are_taken_up_under_load() {
    let (home, peer) = (Home::new(), Peer::new());
    home.write("one.toml", rules("a"));
    home.write("two.toml", rules("b"));
    symlink("one.toml", home.path("rules.toml")).expect("a link");
    let mut service = home.start(&parts(&peer, RULES));
    let sockets = [service.connect("in"), service.connect("in")];
    let ended = AtomicBool::new(false);
    let lines = thread::scope(|scope| {
        let _ends = Ends(&ended);
        let (stop, sockets) = (&ended, sockets);
        let load = scope.spawn(move || load(sockets, stop));
        let arrive = |lines: usize| {
            let before = peer.lines();
            wait_for("lines", || (peer.lines() >= before + lines).then_some(()));
        };
        arrive(50);
        symlink("two.toml", home.path("rules.link")).expect("a link");
        fs::rename(home.path("rules.link"), home.path("rules.toml")).expect("renamed");
        reload(&service, false).expect("applied");
        arrive(50);
        home.run(&["keys", "rotate", "--keyring", "k"]);
        reload(&service, true).expect("applied");
        arrive(50);
        ended.store(true, Ordering::Relaxed);
        load.join().expect("no panic")
    });
    wait_for("all lines", || (peer.lines() >= 2 * lines).then_some(()));
    assert_eq!(service.metric("inkprint_key_epoch"), 2.0);
    service.stop();
    assert_eq!(assert_all(&peer, lines), ["a k1", "b k1", "b k2"]);
}

/// Actions of the configuration's are taken up, too.
#[test]
fn another_action_is_taken_up_by_a_reload() {
    let (home, peer) = (Home::new(), Peer::new());
    home.write("rules.toml", rules("a"));
    let mut service = home.start(&parts(&peer, RULES));
    home.configure(&parts(&peer, &format!("{RULES}actions = [\"probe-a=mask\"]\n")));
    reload(&service, true).expect("applied");
    service.send("in", line(0, 0).as_bytes());
    peer.wait_for_lines(1);
    service.stop();
    let text = String::from_utf8(peer.bytes()).expect("text");
    assert!(!text.contains("ink1-probe") && text.contains("ink1-pat-a-k1-") && !text.contains("PRB"), "{text}");
}
