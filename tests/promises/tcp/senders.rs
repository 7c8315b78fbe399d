use std::process::{Command, Stdio};

use super::super::program::tool;
use super::service::{Service, canary, wait_for};

#[test]
fn logger_sends_to_it() {
    if !tool("logger") {
        return;
    }
    let mut service = Service::start(&[]);
    let (host, port) = service.address.split_once(':').expect("an address");
    let text = format!("deploy token={} done", canary(7));
    let logger = ["--server", host, "--port", port, "--tcp", "--rfc3164", "--tag", "deploy"];
    let status = Command::new("logger").args(logger).arg(&text).status().expect("installed");
    assert!(status.success());
    service.out.wait_for_lines(1);
    service.stop();
    let line = service.out.text();
    assert!(line.contains("deploy: deploy token=ink1-github-pat-k1-") && line.ends_with(" done\n"), "{line}");
    assert!(!line.contains("ghp_"));
}

#[test]
fn rsyslog_sends_to_it() {
    const LINES: usize = 2_000;
    if !tool("rsyslogd") {
        return;
    }
    let mut service = Service::start(&[]);
    let (host, port) = service.address.split_once(':').expect("an address");
    let folder = tempfile::tempdir().expect("a directory");
    let log = folder.path().join("app.log");
    let text: String = (0..LINES).map(|number| format!("n={number} token={}\n", canary(number))).collect();
    std::fs::write(&log, text).expect("written");
    let configuration = format!(
        r#"
        global(workDirectory="{folder}")
        module(load="imfile")
        input(type="imfile" file="{log}" tag="app:" ruleset="out")
        ruleset(name="out") {{
            action(type="omfwd" target="{host}" port="{port}" protocol="tcp" TCP_Framing="traditional")
        }}
        "#,
        folder = folder.path().display(),
        log = log.display(),
    );
    let file = folder.path().join("rsyslog.conf");
    std::fs::write(&file, configuration).expect("written");
    let mut rsyslog = Command::new("sh")
        .args(["-c", "PATH=$PATH:/usr/sbin:/sbin exec rsyslogd -n -f \"$0\" -i \"$1\""])
        .args([file, folder.path().join("pid")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("installed");
    wait_for("all lines", || {
        assert!(rsyslog.try_wait().expect("a child").is_none(), "rsyslogd does not run");
        (service.out.lines() >= LINES).then_some(())
    });
    rsyslog.kill().expect("it runs");
    rsyslog.wait().expect("a child");
    service.stop();
    let text = service.out.text();
    for (number, line) in text.lines().enumerate() {
        assert!(line.contains(&format!(" n={number} token=ink1-github-pat-k1-")), "{line}");
    }
    assert!(!text.contains("ghp_"));
}
