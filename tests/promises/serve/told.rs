use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::process::{Command, Stdio};

use super::super::program::tool;
use super::super::tcp::service::wait_for;
use super::super::tls::certificates::Authority;
use super::ledger::{canary, lines};
use super::peers::{Peer, unix_peer};
use super::service::{Home, request};

/// Every kind of part at once.
fn every_part(home: &Home, authority: &Authority, peer: &Peer) -> String {
    let server = authority.issue("server", &["localhost"]);
    let http = Peer::new();
    format!(
        "namespace = \"default\"\n\
         [sources.std]\ntype = \"stdin\"\n\
         [sources.lines]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\nrate = \"100M\"\n\
         [sources.secured]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n[sources.secured.tls]\n\
         certificate = \"{certificate}\"\nkey = \"{key}\"\nclient_ca = \"{ca}\"\n\
         [sources.local]\ntype = \"unix\"\npath = \"in.sock\"\n\
         [sources.datagrams]\ntype = \"udp\"\nlisten = \"127.0.0.1:0\"\n\
         [sources.unix-datagrams]\ntype = \"unix-datagram\"\npath = \"log.sock\"\n\
         [sources.files]\ntype = \"file\"\npaths = [\"{logs}/*.log\"]\ncheckpoint = \"{checkpoint}\"\n\
         [sinks.std]\ntype = \"stdout\"\n\
         [sinks.peer]\ntype = \"tcp\"\naddress = \"{peer}\"\n[sinks.peer.spool]\ndirectory = \"spool\"\nmax_size = \"16M\"\n\
         [sinks.secured]\ntype = \"tcp\"\naddress = \"{peer}\"\nwhen_full = \"drop-newest\"\n[sinks.secured.tls]\nca = \"{ca}\"\n\
         [sinks.local]\ntype = \"unix\"\npath = \"out.sock\"\n\
         [sinks.file]\ntype = \"file\"\npath = \"{out}\"\n\
         [sinks.http]\ntype = \"http\"\nurl = \"http://{http}/\"\nwhen_full = \"drop-newest\"\n",
        certificate = server.certificate.display(),
        key = server.key.display(),
        ca = authority.certificate().display(),
        logs = home.path("logs").display(),
        checkpoint = home.path("checkpoint.json").display(),
        peer = peer.address,
        http = http.address,
        out = home.path("out.log").display(),
    )
}

/// With every kind of part configured, what is measured follows the conventions of Prometheus, also after some of it has happened.
#[test]
fn the_metrics_of_every_part_are_taken_by_promtool() {
    let (home, authority, peer) = (Home::new(), Authority::new(), Peer::new());
    fs::create_dir(home.path("logs")).expect("a directory");
    let _local = unix_peer(&home.path("out.sock"));
    let service = home.start(&every_part(&home, &authority, &peer));
    service.send("lines", &lines(1, 0..100));
    peer.wait_for_line(1, 99);
    service.post("/reload");
    // No handshake.
    service.connect("secured").write_all(b"plain\n").expect("sent");
    wait_for("a refusal", || {
        let name = "inkprint_tls_handshake_failures_total{source=\"secured\",reason=\"not_tls\"}";
        service.find_metric(name).filter(|count| *count > 0.0)
    });
    let (status, text) = service.get("/metrics");
    assert_eq!(status, 200);
    for line in text.lines().filter(|line| line.starts_with("# TYPE")) {
        let [_, _, name, kind] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        assert!(name.starts_with("inkprint_") || name.starts_with("process_"), "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
        assert!(text.contains(&format!("# HELP {name} ")), "{name} is not described");
    }
    service.assert_clean();
    if !tool("promtool") {
        return;
    }
    let check = |text: &str| {
        let mut promtool = Command::new("promtool");
        let promtool =
            promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut promtool = promtool.spawn().expect("installed");
        promtool.stdin.take().expect("piped").write_all(text.as_bytes()).expect("read");
        promtool.wait_with_output().expect("a child")
    };
    let judged = check(&text);
    assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
    // The control: a name against the conventions is seen.
    assert!(!check("# TYPE inkprint_requests counter\ninkprint_requests 1\n").status.success());
}

#[test]
fn a_service_is_ready_when_every_sink_can_take_lines_or_has_a_spool_with_room() {
    let (home, with, without) = (Home::new(), Peer::away(&super::service::free_address()), Peer::new());
    let sink = |name: &str, peer: &Peer| format!("[sinks.{name}]\ntype = \"tcp\"\naddress = \"{}\"\n", peer.address);
    let parts = [
        "[sources.in]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n".to_owned(),
        sink("with", &with) + "[sinks.with.spool]\ndirectory = \"spool\"\nmax_size = \"16M\"\n",
        sink("without", &without),
    ];
    let mut service = home.start(&parts.concat());
    // The one with a spool is away, and has room.
    service.wait_for_readiness(200);
    without.leave();
    let why = service.wait_for_readiness(503);
    assert!(why.contains("without"), "{why}");
    assert_eq!(service.get("/livez").0, 200);
    without.come_back();
    service.wait_for_readiness(200);
    with.come_back();
    with.wait_for_connections(1);
    assert_eq!(service.get("/readyz"), (200, "ready\n".to_owned()));
    service.stop();
}

fn with_admin(admin: &str) -> String {
    format!("{admin}\n[sources.in]\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n[sinks.out]\ntype = \"stdout\"\n")
}

#[test]
fn the_admin_side_asks_for_its_token() {
    let home = Home::new();
    let token = canary(5);
    fs::set_permissions(home.write("token", format!("{token}\n")), fs::Permissions::from_mode(0o600)).expect("there");
    let admin = "[admin]\nlisten = \"127.0.0.1:0\"\ntoken = { file = \"token\" }";
    let mut service = home.start(&with_admin(admin));
    let address = service.logged("serving", "address");
    let with = |token: Option<&str>, method: &str, path: &str| {
        request(TcpStream::connect(&address).expect("it listens"), method, path, token).0
    };
    let almost = format!("{}x", &token[..token.len() - 1]);
    for (method, path) in [("GET", "/metrics"), ("POST", "/reload")] {
        assert_eq!(with(None, method, path), 401, "{path}");
        assert_eq!(with(Some(""), method, path), 401, "{path}");
        assert_eq!(with(Some(&almost), method, path), 401, "{path}");
        assert_eq!(with(Some(&token[..10]), method, path), 401, "{path}");
        assert_eq!(with(Some(&token), method, path), 200, "{path}");
    }
    for path in ["/livez", "/readyz"] {
        assert_eq!(with(None, "GET", path), 200, "{path}");
    }
    service.token = Some(token);
    assert_eq!(service.metric("inkprint_config_generation"), 2.0);
    // The token is a secret, and is where it was put and nowhere else.
    fs::remove_file(home.path("token")).expect("there");
    service.stop();
}

#[test]
fn the_admin_socket_is_open_to_owner_and_group_only() {
    let home = Home::new();
    let mut service = home.start(&with_admin("[admin]\nlisten = \"unix:admin.sock\""));
    let metadata = fs::metadata(home.path("admin.sock")).expect("there");
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o660);
    assert_eq!(service.get("/readyz"), (200, "ready\n".to_owned()));
    assert_eq!(service.post("/reload").0, 200);
    assert!(service.get("/metrics").1.contains("inkprint_build_info"));
    service.stop();
}

/// What a second service finds left behind by one that was killed: sockets, locks, a journal without an end.
#[test]
fn after_a_kill_the_same_home_serves_again() {
    let home = Home::new();
    let parts = "[admin]\nlisten = \"unix:admin.sock\"\n[sources.in]\ntype = \"unix\"\npath = \"in.sock\"\n\
        [sources.datagram]\ntype = \"unix-datagram\"\npath = \"log.sock\"\n[sinks.out]\ntype = \"stdout\"\n\
        [sinks.out.spool]\ndirectory = \"spool\"\n";
    for round in 0..3 {
        let mut service = home.start(parts);
        let mut socket = std::os::unix::net::UnixStream::connect(home.path("in.sock")).expect("it listens");
        socket.write_all(&lines(round, 0..10)).expect("sent");
        service.out.wait_for_lines(10);
        service.kill();
        service.assert_clean();
    }
    home.journal();
}

/// Another process has the home's spool and sockets: a second service says so and ends, and the first goes on.
#[test]
fn a_second_service_on_the_same_home_is_refused() {
    let home = Home::new();
    let parts = with_admin("") + "[sinks.out.spool]\ndirectory = \"spool\"\n";
    let mut first = home.start(&parts);
    let second = home.command().output().expect("the program was built");
    assert_ne!(second.status.code(), Some(0));
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(told.contains("in use") || told.contains("another process"), "{told}");
    first.send("in", &lines(1, 0..10));
    first.out.wait_for_lines(10);
    first.stop();
}
