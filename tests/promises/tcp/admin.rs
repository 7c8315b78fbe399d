use std::collections::HashSet;
use std::io::Write;
use std::process::{Command, Stdio};

use super::super::program::tool;
use super::service::{Service, canary};

#[test]
fn health_and_metrics_tell_what_was_done() {
    let mut service = Service::start(&[]);
    assert_eq!(service.get("/livez"), (200, "alive\n".to_owned()));
    assert_eq!(service.get("/readyz"), (200, "ready\n".to_owned()));
    assert_eq!(service.get("/nothing").0, 404);
    let text = format!("one token={}\ntwo\nthree\n", canary(1));
    service.send(text.as_bytes());
    service.out.wait_for_lines(3);
    service.wait_for_metric("inkprint_lines_total", 3.0);
    for (name, value) in [
        ("inkprint_bytes_in_total", text.len()),
        ("inkprint_bytes_out_total", service.out.len()),
        ("inkprint_matches_total{rule=\"github-pat\"}", 1),
        ("inkprint_withheld_lines_total{reason=\"oversized\"}", 0),
        ("inkprint_withheld_lines_total{reason=\"scan-failed\"}", 0),
        ("inkprint_marks_total{seal=\"known\"}", 0),
        ("inkprint_marks_total{seal=\"unverified\"}", 0),
        ("inkprint_source_connections_total{source=\"listen\"}", 1),
    ] {
        assert_eq!(service.metric(name), value as f64, "{name}");
    }
    let cleaned = service.out.text();
    service.send(cleaned.as_bytes());
    service.wait_for_metric("inkprint_marks_total{seal=\"known\"}", 1.0);
    let (_, metrics) = service.get("/metrics");
    assert!(metrics.contains("inkprint_build_info{version=\"") && metrics.contains("process_start_time_seconds "));
    assert!(!metrics.contains("ghp_") && !service.log.text().contains("ghp_"));
    service.stop();
}

#[test]
fn metrics_follow_the_conventions() {
    let service = Service::forwarding(&super::service::unused_address(), &[]);
    let (_, text) = service.get("/metrics");
    let (mut helped, mut typed) = (HashSet::new(), HashSet::new());
    for line in text.lines().filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["#", "HELP", name, ..] => assert!(helped.insert(name), "{name} is described twice"),
            ["#", "TYPE", name, kind] => {
                assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
                assert!(typed.insert(name), "{name} has two types");
            }
            [.., value] => {
                let name = line.split(['{', ' ']).next().expect("a name");
                assert!(helped.contains(name) && typed.contains(name), "{name} is not described");
                assert!(value.parse::<f64>().is_ok(), "{line}");
            }
            [] => {}
        }
    }
    assert!(typed.contains("inkprint_sink_up"));
    if tool("promtool") {
        let mut promtool =
            Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).spawn().expect("installed");
        promtool.stdin.take().expect("piped").write_all(text.as_bytes()).expect("read");
        assert!(promtool.wait().expect("a child").success());
    }
}

#[test]
fn an_admin_address_that_others_reach_is_warned_of() {
    let service = Service::start(&[]);
    assert!(!service.log.text().contains("loopback"));
    let home = tempfile::tempdir().expect("a directory");
    let mut command = super::super::program::inkprint(home.path());
    // The second address cannot be bound, so that it ends by itself.
    let output =
        command.args(["--listen", &service.address, "--admin", "0.0.0.0:0"]).output().expect("the program was built");
    assert!(super::super::program::stderr(&output).contains("not a loopback"));
}
