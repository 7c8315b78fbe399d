//! What is shipped to deploy inkprint is sound, and names nothing that is not there.

mod helm;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::program::{ended, home_with_keyring, inkprint, run, run_with, stderr, tool};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below `folder`, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Names of metrics in `text`: words that begin as ours do.
fn metrics(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_name(c));
    words.filter(|word| word.starts_with("inkprint_") && word.len() > "inkprint_".len()).map(str::to_owned).collect()
}

/// The metrics that the program has: those that it describes, outside of what reads them.
fn known() -> BTreeSet<String> {
    let src = root().join("src");
    let mut known = BTreeSet::new();
    for path in files(&src).iter().filter(|path| !path.starts_with(src.join("cli"))) {
        let source = fs::read_to_string(path).expect("text");
        for literal in source.split('"').skip(1).step_by(2) {
            known.extend(metrics(literal).into_iter().filter(|name| name == literal));
        }
    }
    known
}

#[test]
fn every_metric_that_is_looked_at_is_there() {
    let known = known();
    assert!(known.contains("inkprint_lines_total") && known.contains("inkprint_buffered_bytes"));
    let readers = files(&root().join("src/cli/top")).into_iter().chain(files(&root().join("deploy/prometheus")));
    for path in readers.chain([root().join("deploy/grafana/inkprint.json")]) {
        for name in metrics(&fs::read_to_string(&path).expect("text")) {
            assert!(known.contains(&name), "{}: {name} is no metric of the program", path.display());
        }
    }
    assert!(!known.contains("inkprint_no_such_total"));
}

#[test]
fn the_dashboard_is_whole() {
    let dashboard: Value = serde_json::from_str(&text("deploy/grafana/inkprint.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels {
        let title = panel["title"].as_str().expect("a title");
        assert!(ids.insert(panel["id"].as_u64().expect("a number")), "{title} has another's number");
        let at = |name: &str| panel["gridPos"][name].as_u64().expect("a place");
        assert!(at("x") + at("w") <= 24, "{title} is too wide");
        for (x, y) in (at("x")..at("x") + at("w")).flat_map(|x| (at("y")..at("y") + at("h")).map(move |y| (x, y))) {
            assert!(taken.insert((x, y)), "{title} lies over another");
        }
        if panel["type"] != "row" {
            let targets = panel["targets"].as_array().expect("targets");
            assert!(!targets.is_empty() && targets.iter().all(|target| target["expr"].is_string()), "{title}");
        }
    }
}

#[test]
fn alerts_fire_when_they_should_and_only_then() {
    let rules = text("deploy/prometheus/inkprint.rules.yml");
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(!alerts.is_empty());
    let (tests, pages) = (text("deploy/prometheus/inkprint.rules.test.yml"), text("docs/operating.md"));
    for alert in &alerts {
        assert!(tests.contains(&format!("alertname: {alert}")), "{alert} has no test");
        assert!(pages.contains(&format!("### {alert}\n")), "{alert} is not explained");
        assert!(rules.contains(&format!("docs/operating.md#{}\"", alert.to_lowercase())), "{alert} has no runbook");
    }
    assert_eq!(text("deploy/helm/inkprint/files/inkprint.rules.yml"), rules, "the chart's copy is another");
    if tool("promtool") {
        for args in [["check", "rules", "inkprint.rules.yml"], ["test", "rules", "inkprint.rules.test.yml"]] {
            let output = run(Command::new("promtool").args(args).current_dir(root().join("deploy/prometheus")));
            ended(&output, 0);
        }
    }
}

#[test]
fn the_units_leave_the_service_little() {
    if !tool("systemd-analyze") {
        return;
    }
    for unit in ["inkprint.service", "inkprint-rotate.service"] {
        let path = root().join("deploy/systemd").join(unit);
        let analyze = ["security", "--offline=true", "--no-pager", "--threshold=15"];
        let output = run(Command::new("systemd-analyze").args(analyze).arg(&path));
        let told = ended(&output, 0);
        let exposure = told.split("exposure level for ").nth(1).and_then(|rest| rest.split(": ").nth(1));
        let exposure: f64 = exposure.and_then(|rest| rest.split(' ').next()?.parse().ok()).expect("a number");
        assert!(exposure <= 1.5, "{unit}: {exposure}");
        assert_eq!(stderr(&output), "", "{unit} has something in it that systemd does not know");
    }
    // The control: a service without any of it.
    let bare = tempfile::Builder::new().suffix(".service").tempfile().expect("a file");
    fs::write(&bare, "[Service]\nExecStart=/bin/true\n").expect("written");
    let output =
        run(Command::new("systemd-analyze").args(["security", "--offline=true", "--threshold=15"]).arg(bare.path()));
    assert_ne!(output.status.code(), Some(0));
}

#[test]
fn the_units_call_what_there_is() {
    for unit in ["inkprint.service", "inkprint-rotate.service", "inkprint-rotate.timer"] {
        let unit = text(&format!("deploy/systemd/{unit}"));
        for line in unit.lines().filter_map(|line| line.split_once("=/usr/bin/inkprint ").map(|(_, rest)| rest)) {
            let command = line.split(' ').next().expect("a command");
            let help = run(Command::new(env!("CARGO_BIN_EXE_inkprint")).args([command, "--help"]));
            ended(&help, 0);
        }
    }
    assert!(text("deploy/systemd/inkprint-rotate.timer").contains("OnCalendar="));
    if tool("systemd-analyze") {
        ended(&run(Command::new("systemd-analyze").args(["calendar", "*-01,04,07,10-02 03:30"])), 0);
    }
}

#[test]
fn the_rotating_unit_rotates_and_proves_it() {
    let home = home_with_keyring();
    let unit = text("deploy/systemd/inkprint-rotate.service");
    let call = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/inkprint ")).expect("a call");
    let here = |path: &str| path.replace("/etc/inkprint/keyring", "k").replace("/var/lib/inkprint-keys/", "");
    ended(&run(inkprint(home.path()).args(call.split(' ').map(here))), 0);
    let listed = ended(&run(inkprint(home.path()).args(["keys", "list", "--keyring", "k"])), 0);
    assert!(listed.contains('2'), "{listed}");
    let audit =
        unit.lines().find_map(|line| line.split_once("schedule: inkprint ").map(|(_, call)| call)).expect("a call");
    ended(&run(inkprint(home.path()).args(audit.split(' ').map(here))), 0);
}

#[test]
fn rsyslogs_configuration_is_taken_by_rsyslog() {
    if !tool("rsyslogd") {
        return;
    }
    let path = root().join("deploy/shippers/rsyslog/30-inkprint.conf");
    let check = |path: &Path| run(Command::new("/usr/sbin/rsyslogd").args(["-N1", "-f"]).arg(path));
    let output = check(&path);
    ended(&output, 0);
    assert!(!stderr(&output).contains("error"), "{}", stderr(&output));
    // The control: a parameter that there is not.
    let wrong = tempfile::NamedTempFile::new().expect("a file");
    fs::write(&wrong, text("deploy/shippers/rsyslog/30-inkprint.conf").replace("queue.size", "queue.sice"))
        .expect("written");
    assert!(stderr(&check(wrong.path())).contains("queue.sice"));
}

/// Where syslog-ng is unpacked, as it cannot be installed beside rsyslog; see tools/install-missing.sh.
const SYSLOG_NG: &str = "/opt/syslog-ng/usr";

/// syslog-ng, from where it is unpacked or in the path.
pub fn syslog_ng() -> Option<Command> {
    let at = Path::new(SYSLOG_NG);
    if !at.join("sbin/syslog-ng").exists() {
        return tool("syslog-ng").then(|| Command::new("syslog-ng"));
    }
    let libraries = at.join("lib/syslog-ng");
    let modules = fs::read_dir(&libraries).expect("a folder").find_map(|entry| {
        let path = entry.expect("readable").path();
        path.join("libafsocket.so").exists().then_some(path)
    });
    let mut command = Command::new(at.join("sbin/syslog-ng"));
    command.env("LD_LIBRARY_PATH", &libraries);
    command.arg(format!("--module-path={}", modules.expect("modules").display()));
    Some(command)
}

#[test]
fn syslog_ngs_configuration_is_taken_by_syslog_ng() {
    let folder = tempfile::tempdir().expect("a directory");
    let snippet = text("deploy/shippers/syslog-ng/inkprint.conf");
    let main = |snippet: &str| {
        format!("@version: 3.35\nsource s_src {{ unix-dgram(\"{0}/log\"); }};\n{snippet}", folder.path().display())
    };
    for (snippet, good) in [(snippet.clone(), true), (snippet.replace("transport(", "transprot("), false)] {
        let Some(mut command) = syslog_ng() else {
            return;
        };
        let path = folder.path().join("syslog-ng.conf");
        fs::write(&path, main(&snippet)).expect("written");
        let at = |name: &str| folder.path().join(name);
        command.args(["--syntax-only", "--no-caps", "-f"]).arg(&path);
        command.arg("-R").arg(at("persist")).arg("-c").arg(at("control")).arg("-p").arg(at("pid"));
        let output = run(&mut command);
        assert_eq!(output.status.success(), good, "{}", stderr(&output));
    }
}

/// Fails unless `config` is a configuration of the service.
#[track_caller]
fn is_sound(name: &str, config: &str) {
    let home = tempfile::tempdir().expect("a directory");
    let output = run_with(inkprint(home.path()).args(["check", "--no-files", "--config", "-"]), config.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{name}: {}", stderr(&output));
}

#[test]
fn the_other_shippers_configurations_are_what_their_names_say() {
    for path in files(&root().join("deploy/shippers")) {
        let text = fs::read_to_string(&path).expect("text");
        let name = path.display();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("toml") => {
                is_sound(&name.to_string(), &text);
                assert!(text.contains("see ") || text.contains("this file"), "{name} does not say where it belongs");
            }
            Some("yaml" | "yml") => {
                let _: Value = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert!(text.contains("acknowledged where"), "{name} does not say what is acknowledged where");
            }
            Some("json") => {
                drop(serde_json::from_str::<Value>(&text).unwrap_or_else(|error| panic!("{name}: {error}")))
            }
            _ => assert!(text.contains("acknowledged where"), "{name} does not say what is acknowledged where"),
        }
    }
}

#[test]
fn no_image_or_file_asks_for_more_than_it_needs() {
    let container = text("deploy/container/Containerfile");
    let user = container.lines().rfind(|line| line.starts_with("USER ")).expect("a user");
    assert!(user.starts_with("USER 65532"), "{user}");
    assert!(
        container.lines().filter(|line| line.starts_with("FROM ")).all(|line| line.contains(':')),
        "an image without a version"
    );
    assert!(text(".containerignore").lines().any(|line| line == "target"));
}
