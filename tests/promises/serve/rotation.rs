use std::fs;
use std::io::Write as _;

use regex_automata::meta::Regex;

use super::ledger::canary;
use super::peers::Peer;
use super::service::{Home, Service};

/// Makes the keyring one that was made long ago.
fn age(home: &Home) {
    let text = fs::read_to_string(home.path("k")).expect("a keyring");
    let time = Regex::new(r"[0-9]{4}(-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z)").expect("a pattern");
    let mut aged = text.clone();
    for found in time.find_iter(&text) {
        aged.replace_range(found.start()..found.start() + 4, "2020");
    }
    assert_ne!(aged, text);
    fs::write(home.path("k"), aged).expect("written");
}

fn start(home: &Home, peer: &Peer) -> Service {
    home.start(&format!(
        "[keys]\nrotate_every = \"90d\"\nbridge = true\n[sources.in]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n\
         [sinks.out]\ntype = \"tcp\"\naddress = \"{}\"\n",
        peer.address
    ))
}

fn send(service: &Service, peer: &Peer, secret: &str, lines: usize) {
    service.connect("in").write_all(format!("token={secret} n={lines}\n").as_bytes()).expect("sent");
    peer.wait_for_lines(lines);
}

#[test]
fn an_old_key_is_replaced_and_its_marks_are_linked_to_those_of_the_new_one() {
    let (home, peer, secret) = (Home::new(), Peer::new(), canary(3));
    age(&home);
    let mut service = start(&home, &peer);
    service.wait_for_metric("inkprint_key_epoch", 2.0);
    assert!(service.metric("inkprint_reloads_total{outcome=\"applied\"}") >= 1.0);
    send(&service, &peer, &secret, 1);
    send(&service, &peer, &secret, 2);
    service.stop();
    // What is young is left alone.
    let mut service = start(&home, &peer);
    send(&service, &peer, &secret, 3);
    service.wait_for_metric("inkprint_key_epoch", 2.0);
    service.stop();

    let cleaned = String::from_utf8(peer.bytes()).expect("text");
    assert_eq!(cleaned.matches("token=ink1-github-pat-k2-").count(), 3, "{cleaned}");
    let journal = home.journal();
    let rotations: Vec<_> = journal.iter().filter(|record| record["details"]["action"] == "rotate").collect();
    assert_eq!(rotations.len(), 1, "{rotations:?}");
    assert_eq!(rotations[0]["details"]["epoch"], 2);
    let done = |record: &&serde_json::Value| {
        record["details"]["done"] == true && record["details"]["of"] == rotations[0]["seq"]
    };
    assert_eq!(journal.iter().filter(done).count(), 1, "announced, and concluded");
    let bridges: Vec<_> = journal.iter().filter(|record| record["kind"] == "bridge").collect();
    assert_eq!(bridges.len(), 1, "once, over a restart too: {bridges:?}");
    assert_eq!((&bridges[0]["details"]["from"], &bridges[0]["details"]["to"]), (&1.into(), &2.into()));

    // The mark of now leads to the print of before, without the secret and without the key that made it.
    home.run(&["keys", "retire", "1", "--keyring", "k"]);
    let now = cleaned.split_once("ink1-").expect("a mark").1.split(' ').next().expect("a word");
    home.write("marks", format!("ink1-{now}\n"));
    let trace = home.run(&[
        "trace",
        "--keyring",
        "k",
        "--sightings",
        "sightings.db",
        "--json",
        "--from",
        "marks",
        "--reason",
        "a test",
    ]);
    let older = bridges[0]["details"]["prints"][0][0].as_str().expect("a print");
    assert!(trace.contains(older), "{older}: {trace}");
    home.assert_clean();
}

#[test]
fn a_keyring_that_cannot_be_rotated_stays_in_force() {
    let (home, peer) = (Home::new(), Peer::new());
    age(&home);
    // Where its lock should be is something else.
    fs::remove_file(home.path("k.lock")).expect("it was made by a lock");
    fs::create_dir(home.path("k.lock")).expect("made");
    let mut service = start(&home, &peer);
    service.logged("the keyring cannot be rotated", "error");
    send(&service, &peer, &canary(4), 1);
    service.stop();
    assert!(String::from_utf8(peer.bytes()).expect("text").contains("-k1-"));
}
