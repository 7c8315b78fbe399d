use std::time::Duration;

use inkprint::control::config::sink::{SinkKind, WhenFull};
use inkprint::control::config::source::{SourceKind, StreamFraming};
use inkprint::control::config::tls::Clients;
use inkprint::control::config::{Config, PartName};

use super::LEAST;

fn faults(text: &str) -> Vec<String> {
    let errors = Config::parse(text).expect_err("it has faults");
    assert!(!errors.is_empty());
    errors.iter().map(ToString::to_string).collect()
}

/// The faults of the least configuration with `more` behind it; each must hold its part of `expected`, in this order.
#[track_caller]
fn faulty(more: &str, expected: &[&str]) {
    let found = faults(&format!("{LEAST}{more}"));
    let agree = found.len() == expected.len() && found.iter().zip(expected).all(|(found, part)| found.contains(part));
    assert!(agree, "{more}\n{found:#?}\n{expected:#?}");
}

fn name(text: &str) -> PartName {
    PartName::new(text).expect("a name")
}

#[test]
fn five_lines_are_enough() {
    let text = "version = 1\nkeyring = '/k'\nsources.stdin.type = 'stdin'\nsinks.out = { type = 'stdout' }\n";
    let config = Config::parse(text).expect("sound");
    assert_eq!((config.sources.len(), config.sinks.len(), config.routes.len()), (1, 1, 1));
    assert!(config.sinks_of(&name("stdin")).eq([&name("out")]));
}

#[test]
fn every_fault_is_told_at_once() {
    let text = r#"version = 1
keyrin = "/k"
threads = 0
colour = true
[limits]
memory = "64 megabytes"
drain_timeout = 10
[sources.apps]
type = "tpc"
[sources.web]
type = "http"
listen = "localhost:80"
token = "hunter2"
[sources."My App"]
type = "stdin"
[sinks.shipper]
type = "tcp"
adress = "127.0.0.1:6515"
framing = "lines"
[[routes]]
from = ["app", "web"]
to = []
"#;
    let found = faults(text);
    let expected = [
        "line 2: keyrin: unknown field (did you mean `keyring`?)",
        "line 3: threads: must be from 1 to 256",
        "line 4: colour: unknown field; known here: version, keyring, keys, namespace",
        "line 6: limits.memory: must be a size",
        "line 7: limits.drain_timeout: must be a time with its unit, such as \"250ms\"",
        "line 9: sources.apps.type: unknown type (did you mean `tcp`?); there are stdin, tcp, unix",
        "line 12: sources.web.listen: must be an IP address and a port",
        "line 13: sources.web.token: a secret is never written here",
        "line 14: sources.?: a name is 1 to 40",
        "line 18: sinks.shipper.adress: unknown field (did you mean `address`?)",
        "line 19: sinks.shipper.framing: unknown framing; there are lf, nul, octet-counting",
        "line 21: routes[0].from[0]: there is no source of this name (did you mean `apps`?); there are apps, web",
        "line 22: routes[0].to: must not be empty",
    ];
    let agree = found.len() == expected.len() && found.iter().zip(expected).all(|(found, part)| found.contains(part));
    assert!(agree, "{found:#?}");
    assert!(!found.join("\n").contains("hunter2"));
}

#[test]
fn what_is_not_there_is_told_with_an_example() {
    let found = faults("");
    for part in [
        "version: is missing",
        "keyring = \"/etc/inkprint/keyring\"",
        "sources: there is no source",
        "sinks: there is no sink",
    ] {
        assert!(found.iter().any(|found| found.contains(part)), "{part}\n{found:#?}");
    }
    let found = faults("version = 1\nkeyring = '/k'\n[sources]\n[sinks]\n");
    assert!(found[0].contains("[sources.NAME]") && found[1].contains("[sinks.NAME]"), "{found:#?}");
    assert_eq!(
        faults("version = 2\nanything = 3\n"),
        ["line 1: version: must be 1, the version that this program reads"]
    );
}

#[test]
fn what_is_no_toml_is_told_by_line() {
    let found = faults("version = 1\nkeyring = hunter2\n[sources\n");
    assert!(found.len() > 1 && found[0].starts_with("line 2: not valid TOML"), "{found:#?}");
    assert!(!found.join("\n").contains("hunter2"), "{found:#?}");
    let found = Config::parse_bytes(b"version = 1\n\xff\n").expect_err("no text");
    assert_eq!(found[0].to_string(), "line 2: not UTF-8 text");
}

#[test]
fn what_only_one_can_have_is_told() {
    faulty("[admin]\nlisten = '127.0.0.1:6514'\n", &["line 5: sources.apps.listen: admin.listen has the same address"]);
    faulty(
        "[sources.b]\ntype = 'http'\nlisten = '0.0.0.0:6514'\n",
        &["sources.b.listen: sources.apps.listen has the same address"],
    );
    let udp = "[sources.b]\ntype = 'udp'\nlisten = '127.0.0.1:6514'\n";
    assert!(Config::parse(&format!("{LEAST}{udp}")).is_ok(), "UDP has ports of its own");
    faulty(
        "[sinks.a]\ntype = 'file'\npath = '/var/log/x'\n[sinks.b]\ntype = 'file'\npath = '/var/log/./x'\n",
        &["sinks.b.path: sinks.a.path has the same path"],
    );
    faulty(
        "[sinks.shipper.spool]\ndirectory = '/s/x'\n[sinks.b]\ntype = 'stdout'\nspool = { directory = '/s' }\n",
        &["line 10: sinks.shipper.spool.directory: sinks.b.spool.directory has the same directory"],
    );
    faulty(
        "[sources.a]\ntype = 'stdin'\n[sources.b]\ntype = 'stdin'\n",
        &["sources.b.type: sources.a.type has the same standard input"],
    );
}

#[test]
fn lines_that_would_go_round_are_told() {
    faulty("[sinks.b]\ntype = 'tcp'\naddress = '127.0.0.1:6514'\n", &["sinks.b.address: sources.apps.listen reads"]);
    let files = "[sources.f]\ntype = 'file'\npaths = ['/l/**/*.log']\ncheckpoint = '/c'\n[sinks.f]\ntype = 'file'\npath = '/l/a/x.log'\n";
    faulty(files, &["sinks.f.path: sources.f.paths reads"]);
    let routes = "[[routes]]\nfrom = ['f']\nto = ['shipper']\n[[routes]]\nfrom = ['apps']\nto = ['f']\n";
    assert!(Config::parse(&format!("{LEAST}{files}{routes}")).is_ok(), "no route leads round");
}

#[test]
fn routes_leave_nobody_out() {
    let more = "[sinks.b]\ntype = 'stdout'\n[sources.c]\ntype = 'stdin'\n[[routes]]\nfrom = ['apps', 'apps']\nto = ['shipper']\n";
    faulty(more, &["routes[0].from[1]: stands here twice"]);
    let more = more.replace("'apps', ", "");
    faulty(&more, &["line 9: sinks.b: no route leads", "line 11: sources.c: no route starts"]);
    faulty("routes = 3\n", &["line 9: sinks.shipper.routes"]);
}

#[test]
fn an_admin_address_for_others_is_guarded() {
    let open = "[admin]\nlisten = '0.0.0.0:9640'\n";
    faulty(open, &["line 10: admin.listen: others can reach this address"]);
    faulty(
        &format!("{open}tls = {{ certificate = '/c', key = '/k' }}\n"),
        &["admin.listen: others can reach this address"],
    );
    for guard in ["token = { env = 'T' }\n", "tls = { certificate = '/c', key = '/k', client_ca = '/ca' }\n"] {
        assert!(Config::parse(&format!("{LEAST}{open}{guard}")).is_ok(), "{guard}");
    }
    for local in ["unix:/run/x", "127.0.0.2:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert!(Config::parse(&format!("{LEAST}[admin]\nlisten = '{local}'\n")).is_ok(), "{local}");
    }
}

#[test]
fn memory_must_hold_a_line_in_every_queue() {
    faulty(
        "[limits]\nmemory = '2M'\n",
        &["line 10: limits.memory: is too low for lines of 1M and 1 sink(s): 3M is the least"],
    );
    assert!(Config::parse(&format!("{LEAST}[limits]\nmemory = '3M'\n")).is_ok());
    faulty(
        "spool = { directory = '/s', max_size = '3M' }\n",
        &["line 9: sinks.shipper.spool.max_size: is too low for lines of 1M: 4M is"],
    );
}

#[test]
fn a_secret_is_a_reference() {
    let token = |value: &str| format!("[admin]\ntoken = {value}\n");
    for literal in ["'hunter2'", "7", "['hunter2']"] {
        faulty(&token(literal), &["admin.token: a secret is never written here"]);
    }
    faulty(&token("{ env = 'hunter 2' }"), &["admin.token.env: must be the name of an environment variable"]);
    faulty(&token("{ credential = '../x' }"), &["admin.token.credential: must be the name of a credential"]);
    faulty(&token("{ env = 'A', file = '/b' }"), &["admin.token: must be a table with exactly one"]);
    faulty(&token("{ }"), &["admin.token: must be a table with exactly one"]);
    faulty(&token("{ envv = 'A' }"), &["admin.token.envv: unknown field (did you mean `env`?)"]);
    let sink = |headers: &str| format!("[sinks.h]\ntype = 'http'\nurl = 'https://a/'\nheaders = {headers}\n");
    faulty(
        &sink("{ Authorization = 'Bearer hunter2' }"),
        &["sinks.h.headers.authorization: a secret is never written here"],
    );
    faulty(&sink("{ 'x-api-key' = 'hunter2' }"), &["sinks.h.headers.x-api-key: a secret is never written here"]);
    assert!(Config::parse(&format!("{LEAST}{}", sink("{ 'x-api-key' = { env = 'K' }, x-tenant = 'a' }"))).is_ok());
    faulty("[sinks.h]\ntype = 'http'\nurl = 'https://u:hunter2@a/'\n", &["sinks.h.url: must be a URL"]);
}

#[test]
fn fields_that_need_each_other_are_told() {
    let tls = |more: &str| {
        format!("[sources.t]\ntype = 'tcp'\nlisten = '127.0.0.1:1'\ntls = {{ certificate = '/c', key = '/k'{more} }}\n")
    };
    faulty(&tls(", client = 'required'"), &["sources.t.tls.client: needs `client_ca`"]);
    faulty(&tls(", names = ['a'], crl = ['/x']"), &["sources.t.tls.names: needs", "sources.t.tls.crl: needs"]);
    faulty(&tls(", client_ca = '/ca', client = 'none'"), &["sources.t.tls.client_ca: cannot be had with"]);
    faulty(&tls(", client_ca = '/ca', names = ['a*b']"), &["sources.t.tls.names[0]: must be a DNS name"]);
    faulty("[sinks.h]\ntype = 'http'\nurl = 'http://a/'\ntls = {}\n", &["sinks.h.tls: cannot be had with"]);
    faulty(
        "[sinks.h]\ntype = 'tcp'\naddress = 'a:1'\ntls = { key = '/k' }\n",
        &["sinks.h.tls.key: needs `certificate`"],
    );
    faulty("[keys]\nbridge = true\n", &["keys.bridge: needs `[journal]`"]);
    assert!(
        Config::parse(&format!("{LEAST}[keys]\nbridge = true\nrotate_every = '90d'\n[journal]\npath = '/j'\n")).is_ok()
    );
    let elsewhere = LEAST.replace("\"/etc/inkprint/keyring\"", "\"env:K\"");
    assert_ne!(elsewhere, LEAST);
    let found = faults(&format!("{elsewhere}[keys]\nrotate_every = '90d'\n"));
    assert!(found.len() == 1 && found[0].contains("keys.rotate_every: needs `keyring = PATH`"), "{found:?}");
    faulty("[rules]\nbuiltin = false\n", &["rules.builtin: needs `patterns`"]);
    faulty(
        "[rules]\nactions = ['jwt=hunter2', 'mask']\n",
        &["rules.actions[0]: must be WHO=WHAT", "rules.actions[1]: must be"],
    );
    faulty("[sinks.h]\ntype = 'tcp'\naddress = 'a:1'\nbatch_size = '1M'\n", &["sinks.h.batch_size: unknown field"]);
}

#[test]
fn what_is_written_is_what_is_used() {
    let config = Config::parse(&format!(
        "{LEAST}when_full = 'drop-newest'\n\
         [limits]\nmax_line = '2M'\n\
         [sources.s]\ntype = 'tcp'\nlisten = '[::1]:0'\nsyslog = true\nnamespace = 'a'\nmax_line = '256K'\nidle_timeout = '5m'\n\
         tls = {{ certificate = '/c', key = '/k', client_ca = '/ca', names = ['spiffe://org/*'] }}\n\
         [sinks.f]\ntype = 'file'\npath = '/f'\nrotate_size = '0'\nmode = '600'\n"
    ))
    .expect("sound");
    let source = &config.sources[&name("s")];
    assert_eq!((source.namespace.as_str(), source.max_line), ("a", 256 << 10));
    assert_eq!(config.sources[&name("apps")].max_line, 2 << 20);
    let SourceKind::Tcp(tcp) = &source.kind else { panic!("not tcp") };
    assert_eq!((tcp.framing(), tcp.max_connections), (StreamFraming::Auto, 4096));
    assert_eq!(tcp.idle_timeout, Some(Duration::from_secs(300)));
    assert!(
        matches!(&tcp.tls.as_ref().expect("TLS").clients, Clients::Required(clients) if clients.names == ["spiffe://org/*"])
    );
    let SinkKind::File(file) = &config.sinks[&name("f")].kind else { panic!("not a file") };
    assert_eq!((file.rotate_size, file.rotate_every, file.mode), (None, Some(Duration::from_secs(86_400)), 0o600));
    assert_eq!(config.sinks[&name("shipper")].when_full, WhenFull::DropNewest);
}
