use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::{TempDir, tempdir};

use super::super::deploy::syslog_ng;
use super::super::program::tool;
use super::super::tcp::service::wait_for;
use super::super::tls::certificates::{Authority, Pair};
use super::ledger::{assert_clean, canary, lines};
use super::peers::Peer;
use super::service::{Home, Service, free_address};

/// A program in the background, ended when dropped; its folder goes with it.
struct Running {
    child: Child,
    _folder: TempDir,
}

impl Running {
    fn start(command: &mut Command, folder: TempDir) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).spawn();
        Self { child: child.expect("installed"), _folder: folder }
    }

    #[track_caller]
    fn assert_runs(&mut self) {
        assert!(self.child.try_wait().expect("a child").is_none(), "the program does not run");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether rsyslog is there with its TLS by OpenSSL, which is a package of its own.
fn rsyslog_with_tls() -> bool {
    let modules = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let found = modules.map(|entry| entry.path().join("rsyslog/lmnsd_ossl.so")).any(|path| path.exists());
    if tool("rsyslogd") && !found {
        assert!(std::env::var_os("INKPRINT_REQUIRE_TOOLS").is_none(), "rsyslog-openssl is not installed");
        eprintln!("SKIPPED: rsyslog-openssl is not installed");
    }
    found
}

/// rsyslog with this configuration; `FOLDER` in it is its own folder.
fn rsyslog(configuration: &str, folder: TempDir) -> Running {
    let file = folder.path().join("rsyslog.conf");
    fs::write(&file, configuration.replace("FOLDER", &folder.path().display().to_string())).expect("written");
    let mut command = Command::new("sh");
    command.args(["-c", "PATH=$PATH:/usr/sbin:/sbin exec rsyslogd -n -f \"$0\" -i \"$1\""]);
    command.arg(file).arg(folder.path().join("pid"));
    Running::start(&mut command, folder)
}

/// A log file in a folder of its own, with numbered lines.
fn log_file(count: usize) -> TempDir {
    let folder = tempdir().expect("a directory");
    fs::write(folder.path().join("app.log"), lines(1, 0..count)).expect("written");
    folder
}

fn host_and_port(address: &str) -> (&str, &str) {
    address.rsplit_once(':').expect("an address")
}

fn service(source: &str, peer: &Peer, sink: &str) -> Service {
    let sink = format!("[sinks.out]\ntype = \"tcp\"\naddress = \"{}\"\n{sink}\n", peer.address);
    Home::new().start(&format!("{source}\n{sink}"))
}

const COUNTED: &str = "[sources.in]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\nframing = \"octet-counting\"";

fn with_tls(authority: &Authority, server: &Pair) -> String {
    format!(
        "{COUNTED}\n[sources.in.tls]\ncertificate = \"{}\"\nkey = \"{}\"\nclient_ca = \"{}\"\nnames = [\"*.example.com\"]\n",
        server.certificate.display(),
        server.key.display(),
        authority.certificate().display()
    )
}

/// What a syslog program has made of numbered lines arrived: each once, in order, within a header of its own.
#[track_caller]
fn assert_within_headers(text: &str, count: usize) {
    assert_clean("what the peer got", text.as_bytes());
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("c=1 n=")).collect();
    assert_eq!(lines.len(), count);
    for (number, line) in lines.iter().enumerate() {
        let (header, rest) = line.split_once("c=1 ").expect("a line that was sent");
        assert!(header.starts_with('<') || header.starts_with("20"), "{line}");
        assert!(rest.starts_with(&format!("n={number} token=ink1-github-pat-k1-")), "{number}: {line}");
    }
}

#[test]
fn rsyslog_sends_counted_messages() {
    if !tool("rsyslogd") {
        return;
    }
    let peer = Peer::new();
    let mut service = service(COUNTED, &peer, "");
    let address = service.address("in");
    let (host, port) = host_and_port(&address);
    let configuration = format!(
        r#"global(workDirectory="FOLDER")
        module(load="imfile")
        input(type="imfile" file="FOLDER/app.log" tag="app:" ruleset="out")
        ruleset(name="out") {{
            action(type="omfwd" target="{host}" port="{port}" protocol="tcp" TCP_Framing="octet-counted"
                template="RSYSLOG_SyslogProtocol23Format" action.resumeRetryCount="-1")
        }}"#
    );
    let mut program = rsyslog(&configuration, log_file(2_000));
    wait_for("all lines", || {
        program.assert_runs();
        (peer.lines() >= 2_000).then_some(())
    });
    drop(program);
    assert_eq!(service.metric("inkprint_source_frame_errors_total{source=\"in\"}"), 0.0);
    service.stop();
    assert_within_headers(&String::from_utf8(peer.bytes()).expect("text"), 2_000);
}

#[test]
fn rsyslog_sends_over_tls_with_its_certificate() {
    if !rsyslog_with_tls() {
        return;
    }
    let authority = Authority::new();
    let (server, client) = (authority.issue("server", &["localhost"]), authority.issue("client", &["r.example.com"]));
    let other = authority.issue("other", &["r.example.org"]);
    let peer = Peer::new();
    let mut service = service(&with_tls(&authority, &server), &peer, "");
    let address = service.address("in");
    let (host, port) = host_and_port(&address);
    let configuration = |pair: &Pair| {
        format!(
            r#"global(workDirectory="FOLDER" DefaultNetstreamDriver="ossl" DefaultNetstreamDriverCAFile="{ca}"
                DefaultNetstreamDriverCertFile="{certificate}" DefaultNetstreamDriverKeyFile="{key}")
            module(load="imfile")
            input(type="imfile" file="FOLDER/app.log" tag="app:" ruleset="out")
            ruleset(name="out") {{
                action(type="omfwd" target="{host}" port="{port}" protocol="tcp" TCP_Framing="octet-counted"
                    StreamDriver="ossl" StreamDriverMode="1" StreamDriverAuthMode="x509/name"
                    StreamDriverPermittedPeers="localhost" template="RSYSLOG_SyslogProtocol23Format"
                    action.resumeRetryCount="-1")
            }}"#,
            ca = authority.certificate().display(),
            certificate = pair.certificate.display(),
            key = pair.key.display(),
        )
    };
    // The control: one whose name is not allowed is not let in.
    let refused = rsyslog(&configuration(&other), log_file(10));
    service.wait_for_metric("inkprint_tls_handshake_failures_total{source=\"in\",reason=\"name_not_allowed\"}", 1.0);
    drop(refused);
    let mut program = rsyslog(&configuration(&client), log_file(500));
    wait_for("all lines", || {
        program.assert_runs();
        (peer.lines() >= 500).then_some(())
    });
    drop(program);
    service.stop();
    assert_within_headers(&String::from_utf8(peer.bytes()).expect("text"), 500);
}

#[test]
fn rsyslog_receives_over_tls() {
    if !rsyslog_with_tls() {
        return;
    }
    let authority = Authority::new();
    let (server, client) = (authority.issue("server", &["localhost"]), authority.issue("client", &["i.example.com"]));
    let address = free_address();
    let (_, port) = host_and_port(&address);
    let folder = tempdir().expect("a directory");
    let got = folder.path().join("got");
    let configuration = format!(
        r#"global(workDirectory="FOLDER" DefaultNetstreamDriverCAFile="{ca}"
            DefaultNetstreamDriverCertFile="{certificate}" DefaultNetstreamDriverKeyFile="{key}")
        module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid")
        input(type="imtcp" port="{port}" address="127.0.0.1")
        action(type="omfile" file="FOLDER/got" template="RSYSLOG_SyslogProtocol23Format")"#,
        ca = authority.certificate().display(),
        certificate = server.certificate.display(),
        key = server.key.display(),
    );
    let mut program = rsyslog(&configuration, folder);
    let sink = format!(
        "[sinks.out]\ntype = \"tcp\"\naddress = \"{address}\"\nframing = \"octet-counting\"\n\
         [sinks.out.tls]\nca = \"{}\"\nserver_name = \"localhost\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
        authority.certificate().display(),
        client.certificate.display(),
        client.key.display(),
    );
    let mut service = Home::new().start(&format!("{COUNTED}\n{sink}"));
    let mut wire = String::new();
    for number in 0..500 {
        let message = format!("<13>1 2026-01-02T03:04:05Z host app - - - c=1 n={number} token={} ", canary(number));
        wire.push_str(&format!("{} {message}", message.len()));
    }
    let multi = format!("<13>1 2026-01-02T03:04:05Z host app - - - first\n second token={}\nthird", canary(9));
    service.send("in", format!("{wire}{} {multi}", multi.len()).as_bytes());
    let text = wait_for("all messages", || {
        program.assert_runs();
        fs::read_to_string(&got).ok().filter(|text| text.lines().count() >= 501)
    });
    service.stop();
    drop(program);
    assert_within_headers(&text, 500);
    // One message, whose newlines the receiver writes in its own way.
    let last = text.lines().last().expect("a line");
    assert!(last.contains("first#012 second token=ink1-github-pat-k1-") && last.ends_with("#012third"), "{last}");
}

#[test]
fn syslog_ng_sends_over_tls_with_its_certificate() {
    let authority = Authority::new();
    let (server, client) = (authority.issue("server", &["localhost"]), authority.issue("client", &["s.example.com"]));
    let Some(mut command) = syslog_ng() else { return };
    let peer = Peer::new();
    let mut service = service(&with_tls(&authority, &server), &peer, "");
    let address = service.address("in");
    let (_, port) = host_and_port(&address);
    let folder = log_file(500);
    let at = |name: &str| folder.path().join(name);
    let configuration = format!(
        r#"@version: 3.35
        options {{ stats-freq(0); keep-hostname(yes); time-reopen(1); }};
        source s {{ file("{log}" follow-freq(0.1) flags(no-parse)); }};
        destination d {{ syslog("localhost" port({port}) transport("tls") tls(ca-file("{ca}") cert-file("{certificate}")
            key-file("{key}") peer-verify(required-trusted))); }};
        log {{ source(s); destination(d); }};"#,
        log = at("app.log").display(),
        ca = authority.certificate().display(),
        certificate = client.certificate.display(),
        key = client.key.display(),
    );
    fs::write(at("syslog-ng.conf"), configuration).expect("written");
    command.args(["-F", "--no-caps", "-f"]).arg(at("syslog-ng.conf")).arg("-R").arg(at("persist"));
    command.arg("-c").arg(at("control")).arg("-p").arg(at("pid"));
    let mut program = Running::start(&mut command, folder);
    wait_for("all lines", || {
        program.assert_runs();
        (peer.lines() >= 500).then_some(())
    });
    drop(program);
    assert_eq!(service.metric("inkprint_source_frame_errors_total{source=\"in\"}"), 0.0);
    service.stop();
    assert_within_headers(&String::from_utf8(peer.bytes()).expect("text"), 500);
}

/// The text of a file of `deploy/shippers/`.
fn shipped(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/shippers").join(path)).expect("there")
}

/// The service as it is shipped for a program that sends to it and takes back what is clean, on ports of its own; with the port at which it
/// hands lines back.
fn shipped_service(folder: &str) -> (Service, String) {
    let back = free_address();
    let (_, port) = host_and_port(&back);
    let text = shipped(&format!("{folder}/inkprint.toml"));
    let own = |line: &&str| !line.starts_with("version =") && !line.starts_with("keyring =");
    let parts: Vec<&str> = text.lines().filter(own).collect();
    let parts = parts.join("\n").replace("127.0.0.1:9640", "127.0.0.1:0").replace("127.0.0.1:6514", "127.0.0.1:0");
    let parts = parts.replace("127.0.0.1:6515", &back).replace("/var/lib/inkprint/spool", "spool");
    (Home::new().start(&parts), port.to_owned())
}

/// Waits until numbered lines have come back to a program's own file, cleaned, each once and in order.
#[track_caller]
fn assert_comes_back(file: &Path, count: usize, mut program: Running) {
    let lines = || fs::read_to_string(file).unwrap_or_default();
    wait_for("all lines", || {
        program.assert_runs();
        (lines().matches(" n=").count() >= count).then_some(())
    });
    drop(program);
}

#[test]
fn rsyslog_as_it_is_shipped_sends_all_and_writes_what_comes_back() {
    if !tool("rsyslogd") {
        return;
    }
    let (mut service, back) = shipped_service("rsyslog");
    let address = service.address("rsyslog");
    let (folder, out) = (log_file(1_000), tempdir().expect("a directory"));
    let file = out.path().join("syslog");
    let configuration = shipped("rsyslog/30-inkprint.conf")
        .replace("6514", host_and_port(&address).1)
        .replace("6515", &back)
        .replace("/var/log/syslog", &file.display().to_string());
    let input = "global(workDirectory=\"FOLDER\")\nmodule(load=\"imfile\")\ninput(type=\"imfile\" file=\"FOLDER/app.log\" tag=\"app:\")\n";
    assert_comes_back(&file, 1_000, rsyslog(&format!("{input}{configuration}"), folder));
    assert_within_headers(&fs::read_to_string(&file).expect("written"), 1_000);
    service.stop();
}

#[test]
fn syslog_ng_as_it_is_shipped_sends_all_and_writes_what_comes_back() {
    let Some(mut command) = syslog_ng() else { return };
    let (mut service, back) = shipped_service("syslog-ng");
    let address = service.address("syslog-ng");
    let (folder, out) = (log_file(500), tempdir().expect("a directory"));
    let file = out.path().join("syslog");
    let at = |name: &str| folder.path().join(name);
    let snippet = shipped("syslog-ng/inkprint.conf")
        .replace("6514", host_and_port(&address).1)
        .replace("6515", &back)
        .replace("/var/log/syslog", &file.display().to_string());
    let configuration = format!(
        "@version: 3.35\noptions {{ stats-freq(0); time-reopen(1); }};\n\
         source s_src {{ file(\"{}\" follow-freq(0.1) flags(no-parse)); }};\n{snippet}",
        at("app.log").display()
    );
    fs::write(at("syslog-ng.conf"), configuration).expect("written");
    command.args(["-F", "--no-caps", "-f"]).arg(at("syslog-ng.conf")).arg("-R").arg(at("persist"));
    command.arg("-c").arg(at("control")).arg("-p").arg(at("pid"));
    assert_comes_back(&file, 500, Running::start(&mut command, folder));
    let text = fs::read_to_string(&file).expect("written");
    assert_clean("what syslog-ng wrote", text.as_bytes());
    for (number, line) in text.lines().enumerate() {
        assert!(line.contains(&format!("c=1 n={number} token=ink1-github-pat-k1-")), "{number}: {line}");
    }
    service.stop();
}

/// Where a test's Unix sockets may be: a path that is short enough.
fn socket(folder: &Path, name: &str) -> PathBuf {
    folder.join(name)
}

#[test]
fn logger_sends_in_each_of_its_forms() {
    if !tool("logger") {
        return;
    }
    let peer = Peer::new();
    let folder = tempdir().expect("a directory");
    let (stream, datagram) = (socket(folder.path(), "stream"), socket(folder.path(), "datagram"));
    let sources = format!(
        "[sources.in]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\nsyslog = true\n\
         [sources.udp]\ntype = \"udp\"\nlisten = \"127.0.0.1:0\"\n\
         [sources.stream]\ntype = \"unix\"\npath = \"{}\"\nsyslog = true\n\
         [sources.datagram]\ntype = \"unix-datagram\"\npath = \"{}\"\n",
        stream.display(),
        datagram.display(),
    );
    let mut service = service(&sources, &peer, "");
    let (tcp, udp) = (service.address("in"), service.address("udp"));
    let (host, port) = host_and_port(&tcp);
    let over_tcp = ["--server", host, "--port", port, "--tcp"];
    let over_udp = ["--server", host, "--port", host_and_port(&udp).1, "--udp"];
    let over = |path: &Path| ["--socket".to_owned(), path.display().to_string()];
    let (over_stream, over_datagram) = (over(&stream), over(&datagram));
    let mut sent = 0;
    for form in ["--rfc3164", "--rfc5424"] {
        for (way, more) in [
            (over_tcp.to_vec(), None),
            (over_tcp.to_vec(), Some("--octet-count")),
            (over_udp.to_vec(), None),
            (over_stream.iter().map(String::as_str).collect(), Some("--tcp")),
            (over_datagram.iter().map(String::as_str).collect(), Some("--udp")),
        ] {
            let text = format!("way={sent} token={} done", canary(sent));
            let mut command = Command::new("logger");
            let status = command.args(&way).args(more).args([form, "--tag", "deploy", &text]).status();
            assert!(status.expect("installed").success(), "{way:?} {more:?} {form}");
            sent += 1;
            peer.wait_for_lines(sent);
        }
    }
    assert_eq!(service.metric("inkprint_source_frame_errors_total{source=\"in\"}"), 0.0);
    service.stop();
    let text = String::from_utf8(peer.bytes()).expect("text");
    assert_eq!(text.lines().count(), sent, "{text}");
    for (way, line) in text.lines().enumerate() {
        assert!(line.starts_with("<13>") && line.contains(&format!("way={way} token=ink1-github-pat-k1-")), "{line}");
        assert!(line.ends_with(" done"), "{line}");
    }
}

/// Python's handlers: messages that end with NUL and hold newlines, datagrams, and pickles, which are no log.
#[test]
fn pythons_handlers_send_to_it() {
    if !tool("python3") {
        return;
    }
    let peer = Peer::new();
    let folder = tempdir().expect("a directory");
    let datagram = socket(folder.path(), "datagram");
    let sources = format!(
        "[sources.in]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\nframing = \"nul\"\n\
         [sources.lines]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n\
         [sources.counted]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\nframing = \"octet-counting\"\n\
         [sources.udp]\ntype = \"udp\"\nlisten = \"127.0.0.1:0\"\n\
         [sources.datagram]\ntype = \"unix-datagram\"\npath = \"{}\"\n",
        datagram.display()
    );
    let mut service = service(&sources, &peer, "framing = \"nul\"");
    let python = |how: &str, where_to: &str| {
        let mut command = Command::new("python3");
        command.args(["-c", PYTHON, how, where_to, &canary(1), &canary(2)]);
        assert!(command.status().expect("installed").success());
    };
    let frames = || {
        let bytes = peer.bytes();
        let mut frames: Vec<String> =
            bytes.split(|byte| *byte == 0).map(|f| String::from_utf8_lossy(f).into_owned()).collect();
        // Behind the last NUL.
        frames.pop();
        frames
    };
    let ways = [
        ("stream", service.address("in")),
        ("datagram", service.address("udp")),
        ("unix", datagram.display().to_string()),
    ];
    for (way, (how, where_to)) in ways.iter().enumerate() {
        python(how, where_to);
        let frames = wait_for("two messages", || Some(frames()).filter(|frames| frames.len() >= 2 * (way + 1)));
        let [one, two] = &frames[2 * way..] else { panic!("{frames:?}") };
        assert!(one.starts_with("<12>one token=ink1-github-pat-k1-") && one.ends_with(" end"), "{how}: {one:?}");
        assert!(
            two.starts_with("<11>two\nlines token=ink1-github-pat-k1-") && two.ends_with("\nend"),
            "{how}: {two:?}"
        );
    }
    // Pickles, to sources of every framing: what is in them is cleaned like any other bytes, and others are served on.
    for source in ["in", "lines", "counted"] {
        python("pickle", &service.address(source));
    }
    service.send("lines", format!("after token={}\n", canary(3)).as_bytes());
    wait_for("a line", || frames().iter().any(|frame| frame.starts_with("after token=ink1-")).then_some(()));
    wait_for("the ends", || {
        let open = ["in", "lines", "counted"]
            .map(|source| service.metric(&format!("inkprint_source_connections{{source=\"{source}\"}}")));
        (open == [0.0; 3]).then_some(())
    });
    assert_eq!(service.get("/readyz").0, 200);
    service.stop();
    assert_clean("what the peer got", &peer.bytes());
}

const PYTHON: &str = "
import logging, logging.handlers, socket, sys
how, where, one, two = sys.argv[1:]
address = where if how == 'unix' else (where.split(':')[0], int(where.split(':')[1]))
if how == 'pickle':
    handler = logging.handlers.SocketHandler(*address)
else:
    kind = socket.SOCK_STREAM if how == 'stream' else socket.SOCK_DGRAM
    handler = logging.handlers.SysLogHandler(address, socktype=kind)
log = logging.getLogger()
log.addHandler(handler)
log.warning('one token=%s end', one)
log.error('two\\nlines token=%s\\nend', two)
handler.close()
";
