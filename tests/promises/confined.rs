//! The service works in its sandbox: it takes lines, spools, records, resolves names, reloads and stops, as another user.

use std::fs::{self, Permissions};
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, getuid, kill_process};
use tempfile::tempdir;

use super::program::{ended, inkprint, run};
use super::tcp::service::{Collected, Peer, canary, unused_address, wait_for};

const NOBODY: u32 = 65534;

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("it runs");
}

#[test]
fn the_service_works_in_its_sandbox() {
    let home = tempdir().expect("a directory");
    let at = |name: &str| home.path().join(name);
    for (folder, mode) in [("etc", 0o755), ("credentials", 0o755), ("state", 0o777)] {
        fs::create_dir(at(folder)).expect("made");
        fs::set_permissions(at(folder), Permissions::from_mode(mode)).expect("ours");
    }
    fs::set_permissions(home.path(), Permissions::from_mode(0o755)).expect("ours");
    ended(&run(inkprint(home.path()).args(["keys", "init", "--keyring", "credentials/keyring"])), 0);
    let is_root = getuid().is_root();
    if is_root {
        // As a service manager hands it over: root's, and readable by the service's group.
        chown(at("credentials/keyring"), Some(0), Some(NOBODY)).expect("root may");
        fs::set_permissions(at("credentials/keyring"), Permissions::from_mode(0o440)).expect("ours");
    }
    let (peer, source) = (Peer::new(), unused_address());
    // By its name, so that it has to be resolved.
    let port = peer.address.rsplit_once(':').expect("a port").1;
    let state = at("state").display().to_string();
    let config = format!(
        "version = 1\nkeyring = 'credential:keyring'\n[journal]\npath = '{state}/journal'\n\
         [sightings]\nindex = '{state}/sightings'\n[sources.a]\ntype = 'tcp'\nlisten = '{source}'\n\
         [sinks.b]\ntype = 'tcp'\naddress = 'localhost:{port}'\n\
         [sinks.b.spool]\ndirectory = '{state}/made/spool'\nmax_size = '10M'\n[sandbox]\nrequired = true\n{}",
        if is_root { "user = '65534'\n" } else { "" }
    );
    fs::write(at("etc/inkprint.toml"), &config).expect("written");
    let mut command = inkprint(home.path());
    command.args(["serve", "--config", "etc/inkprint.toml"]).env("CREDENTIALS_DIRECTORY", at("credentials"));
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the program was built");
    let (log, reader) = Collected::from(child.stderr.take().expect("piped"));
    wait_for("a start", || {
        (log.text().contains("system calls") || child.try_wait().expect("a child").is_some()).then_some(())
    });
    if log.text().contains("the sandbox is required") {
        eprintln!("SKIPPED: the kernel has not all of the sandbox");
        return;
    }
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    assert!(status.contains("Seccomp:\t2") && status.contains("NoNewPrivs:\t1"), "{status}");
    assert!(!is_root || status.contains("Uid:\t65534\t65534\t65534\t65534"), "{status}");

    let send = |number| {
        let mut socket = wait_for("it to listen", || TcpStream::connect(&source).ok());
        socket.write_all(format!("{number} token={}\n", canary(number)).as_bytes()).expect("sent");
    };
    send(1);
    peer.received.wait_for_lines(1);
    // Put in its place by a rename, as an editor does it.
    fs::write(at("etc/new"), config + "[rules]\ndisable = ['github-pat']\n").expect("written");
    fs::rename(at("etc/new"), at("etc/inkprint.toml")).expect("renamed");
    signal(&child, Signal::HUP);
    wait_for("a reload", || log.text().contains("in force").then_some(()));
    send(2);
    peer.received.wait_for_lines(2);
    let text = peer.received.text();
    assert!(text.contains("1 token=ink1-github-pat-k1-") && !text.contains("2 token=ink1-github-pat"), "{text}");
    assert!(!text.contains("ghp_"), "{text}");
    signal(&child, Signal::TERM);
    assert!(child.wait().expect("a child").success(), "{}", log.text());
    reader.join().expect("it ends");
    for told in ["cannot be", "denied", "not permitted", "not implemented"] {
        assert!(!log.text().contains(told), "{}", log.text());
    }
    for file in ["journal", "sightings", "made/spool"] {
        assert!(at("state").join(file).exists(), "{file}");
    }
}
