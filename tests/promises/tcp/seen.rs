use std::collections::BTreeMap;
use std::io::Write;
use std::thread;

use inkprint::control::sightings::Store;
use tempfile::tempdir;

use super::service::{Peer, Service, canary};

#[test]
fn every_secret_is_a_sighting_once_though_connections_take_turns() {
    const CONNECTIONS: usize = 40;
    const LINES: usize = 50;
    let folder = tempdir().expect("a directory");
    for (name, options) in [("peers", &[][..]), ("named", &["--source", "edge"])] {
        let path = folder.path().join(name);
        let index = path.to_str().expect("text");
        let peer = Peer::new();
        let mut service = Service::forwarding(&peer.address, &[&["--sightings", index], options].concat());
        thread::scope(|scope| {
            for number in 0..CONNECTIONS {
                let mut socket = service.connect();
                scope.spawn(move || {
                    for _ in 0..LINES {
                        writeln!(socket, "token={} end", canary(number)).expect("sent");
                    }
                });
            }
        });
        peer.received.wait_for_lines(CONNECTIONS * LINES);
        service.stop();
        let store = Store::open_existing(&path).expect("an index");
        let info = store.info().expect("readable");
        assert_eq!((info.sightings, info.fingerprints), ((CONNECTIONS * LINES) as u64, CONNECTIONS as u64));
        let lines: BTreeMap<String, u64> = store
            .coverage()
            .expect("readable")
            .into_iter()
            .map(|covered| (covered.source.to_string(), covered.hours.iter().map(|(_, covered)| covered.lines).sum()))
            .collect();
        let source = if options.is_empty() { "127.0.0.1" } else { "edge" };
        assert_eq!(lines, [(source.to_owned(), (CONNECTIONS * LINES) as u64)].into());
    }
}
