use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::super::program::tool;
use super::super::tcp::service::wait_for;
use super::ledger::lines;
use super::peers::Peer;
use super::service::{Home, Service, free_address};

/// The library that changes what a process takes for the time, for all of its threads.
fn faketime() -> Option<PathBuf> {
    if !tool("faketime") {
        return None;
    }
    let folders = fs::read_dir("/usr/lib").expect("there").flatten().map(|entry| entry.path());
    let found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|path| path.exists());
    assert!(found.is_some(), "faketime is there, and its library is not");
    found
}

fn parts(peer: &Peer) -> String {
    format!(
        "[limits]\ndrain_timeout = \"20s\"\n\
         [sources.in]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\nframing = \"octet-counting\"\nheader_timeout = \"2s\"\n\
         [sinks.out]\ntype = \"tcp\"\naddress = \"{}\"\n[sinks.out.spool]\ndirectory = \"spool\"\nmax_size = \"16M\"\n",
        peer.address
    )
}

fn counted(connection: usize, count: usize) -> Vec<u8> {
    let text = lines(connection, 0..count);
    text.split_inclusive(|byte| *byte == b'\n')
        .flat_map(|line| [format!("{} ", line.len()).as_bytes(), line].concat())
        .collect()
}

/// The service by another clock. The monotonic one, which the kernel never lets jump, stays as it is: waits are counted by it.
fn by_another_clock(home: &Home, library: &Path, name: &str, value: &str) -> Service {
    let mut command = home.command();
    command.env("LD_PRELOAD", library).env(name, value);
    command.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let service = Service::spawn(home, &mut command);
    service.wait_until_it_listens();
    service
}

/// What depends on a clock: waiting for a peer, giving up a length, the ages that are told, the end.
fn works(home: &Home, peer: &Peer, mut service: Service, round: usize) {
    service.send("in", &counted(round, 100));
    service.wait_for_metric("inkprint_source_lines_total{source=\"in\"}", 100.0);
    let mut stuck = service.connect("in");
    stuck.write_all(b"12").expect("sent");
    wait_for("the stuck one to be given up", || {
        (service.metric("inkprint_source_connections{source=\"in\"}") == 0.0).then_some(())
    });
    peer.come_back();
    wait_for("an empty spool", || (service.metric("inkprint_spool_records{sink=\"out\"}") == 0.0).then_some(()));
    for name in ["inkprint_sink_oldest_unsent_seconds{sink=\"out\"}", "inkprint_key_age_seconds"] {
        assert!(service.metric(name) >= 0.0, "{name}");
    }
    service.post("/reload");
    service.stop();
    peer.leave();
    let text = String::from_utf8(peer.bytes()).expect("text");
    let ours = format!("c={round} ");
    assert_eq!(text.lines().filter(|line| line.starts_with(&ours)).count(), 100);
    home.journal();
}

/// One home, on which services run by clocks that are right, late, early and fast: what one has written is no stumbling block to the next.
#[test]
fn clocks_that_jump_stop_no_timer_and_break_no_journal() {
    let Some(library) = faketime() else { return };
    let home = Home::new();
    let peer = Peer::away(&free_address());
    for (round, offset) in ["+0", "-2h", "+1y", "+0 x5", "-2h", "+0"].into_iter().enumerate() {
        let service = match offset {
            "+0" => home.start(&parts(&peer)),
            _ => {
                home.configure(&parts(&peer));
                by_another_clock(&home, &library, "FAKETIME", offset)
            }
        };
        works(&home, &peer, service, round);
    }
    let records = home.journal();
    assert!(records.len() > 6 * 4, "{} records", records.len());
}

/// The clock jumps while it runs, both ways.
#[test]
fn a_clock_that_jumps_in_mid_run_holds_nothing_up() {
    let Some(library) = faketime() else { return };
    let home = Home::new();
    let peer = Peer::away(&free_address());
    let clock = home.write("clock", "+0");
    // The library reads the file in the process itself, which the sandbox may keep from it.
    home.configure(&format!("{}[sandbox]\nenabled = false\n", parts(&peer)));
    let service = by_another_clock(&home, &library, "FAKETIME_TIMESTAMP_FILE", &clock.display().to_string());
    for (connection, offset) in ["+1y", "-2h", "+0"].into_iter().enumerate() {
        home.write("clock", offset);
        service.send("in", &counted(10 + connection, 50));
    }
    service.wait_for_metric("inkprint_source_lines_total{source=\"in\"}", 150.0);
    home.write("clock", "-2h");
    works(&home, &peer, service, 1);
}
