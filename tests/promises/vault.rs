use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::program::{ended, home_with_keyring, inkprint, pipe, run, run_with, stderr, stdout, tool};

const LINE: &[u8] = b"token=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\n";
const KV: &str = "vault:kv:secret/inkprint";

/// A real OpenBao with TLS, in memory, and a home whose keyring it keeps.
struct Bao {
    server: Child,
    home: TempDir,
    port: u16,
    unseal_key: String,
}

impl Bao {
    /// `None` where it is not installed.
    fn start() -> Option<Self> {
        if !tool("bao") {
            return None;
        }
        let home = home_with_keyring();
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let mut server = Command::new("bao")
            .args(["server", "-dev", "-dev-tls", "-dev-root-token-id=root", "-dev-no-store-token"])
            .arg(format!("-dev-tls-cert-dir={}", home.path().display()))
            .arg(format!("-dev-listen-address=127.0.0.1:{port}"))
            .env("HOME", home.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("installed");
        // Read to its end, or the server would wait for a reader.
        let (sender, lines) = mpsc::channel();
        let out = BufReader::new(server.stdout.take().expect("piped"));
        thread::spawn(move || out.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        let unseal_key = loop {
            let line = lines.recv_timeout(Duration::from_secs(60)).expect("it starts");
            if let Some(key) = line.strip_prefix("Unseal Key: ") {
                break key.to_owned();
            }
        };
        let bao = Self { server, home, port, unseal_key };
        wait_for("the server", || bao.command(&["status"]).output().is_ok_and(|output| output.status.success()));
        bao.bao(&["kv", "put", "-mount=secret", "inkprint", "keyring=@k"]);
        Some(bao)
    }

    fn address(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("bao");
        command.args(args).current_dir(self.home.path()).env("HOME", self.home.path()).stdin(Stdio::null());
        command.envs([("BAO_ADDR", self.address().as_str()), ("BAO_TOKEN", "root"), ("BAO_CACERT", "vault-ca.pem")]);
        command
    }

    /// Runs the server's own program, which must succeed.
    #[track_caller]
    fn bao(&self, args: &[&str]) -> String {
        ended(&run(&mut self.command(args)), 0)
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.bao(args)).expect("JSON")
    }

    /// The pipe with a keyring from the server, as nobody so far.
    fn pipe(&self, source: &str) -> Command {
        pipe_from(self.home.path(), &self.address(), source)
    }

    /// What comes of the line with the keyring that was put into the server.
    fn expected(&self) -> String {
        ended(&run_with(&mut pipe(self.home.path()), LINE), 0)
    }

    fn private(&self, name: &str, text: &str) {
        let path = self.home.path().join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
    }

    /// Asserts that nothing passes, that it is said why, and that no key or token is.
    #[track_caller]
    fn refused(&self, command: &mut Command, why: &str) {
        let output = run_with(command, LINE);
        assert_eq!(ended(&output, 2), "");
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
        self.shows_no_secret(&output);
    }

    #[track_caller]
    fn shows_no_secret(&self, output: &Output) {
        let keyring = fs::read_to_string(self.home.path().join("k")).expect("there");
        let keys = keyring.lines().filter(|line| line.starts_with("key") || line.starts_with("salt"));
        let shown = stderr(output) + &stdout(output);
        for secret in keys.map(|line| line.split('"').nth(1).expect("quoted")).chain(["ghp_RmSK"]) {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
    }
}

fn pipe_from(home: &Path, address: &str, source: &str) -> Command {
    let mut command = inkprint(home);
    for name in ["VAULT_ADDR", "VAULT_TOKEN", "VAULT_CACERT", "VAULT_NAMESPACE", "BAO_TOKEN", "BAO_NAMESPACE"] {
        command.env_remove(name);
    }
    command.args(["--keyring", source]).envs([("BAO_ADDR", address), ("BAO_CACERT", "vault-ca.pem")]);
    command
}

impl Drop for Bao {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[track_caller]
fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "no {what}");
        thread::yield_now();
    }
}

/// A way to the server that holds every connection for `delay` before a byte passes; without one, for ever.
fn slow_way(port: u16, delay: Option<Duration>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let way = listener.local_addr().expect("bound").port();
    let copy = |mut from: TcpStream, mut to: TcpStream| {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    };
    thread::spawn(move || {
        let mut held = Vec::new();
        for client in listener.incoming().map_while(Result::ok) {
            let Some(delay) = delay else {
                held.push(client);
                continue;
            };
            thread::spawn(move || {
                thread::sleep(delay);
                let server = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
                let (from, to) = (client.try_clone().expect("open"), server.try_clone().expect("open"));
                thread::spawn(move || copy(from, to));
                copy(server, client);
            });
        }
    });
    way
}

#[test]
fn a_keyring_comes_from_a_secret_or_is_decrypted() {
    let Some(bao) = Bao::start() else { return };
    let expected = bao.expected();
    let with_token = |source: &str| {
        let output = run_with(bao.pipe(source).env("VAULT_TOKEN", "root"), LINE);
        bao.shows_no_secret(&output);
        ended(&output, 0)
    };
    assert_eq!(with_token(KV), expected);
    bao.bao(&["kv", "put", "-mount=secret", "deep/er", "ring=@k"]);
    assert_eq!(with_token("vault:kv:secret/deep/er#ring"), expected);
    bao.bao(&["secrets", "enable", "-path=team/kv", "-version=2", "kv"]);
    bao.bao(&["kv", "put", "-mount=team/kv", "inkprint", "keyring=@k"]);
    assert_eq!(with_token("vault:kv:team/kv//inkprint"), expected);

    bao.bao(&["secrets", "enable", "transit"]);
    bao.bao(&["write", "-f", "transit/keys/ink"]);
    let base64 = run(Command::new("base64").args(["-w0", "k"]).current_dir(bao.home.path()));
    let plaintext = format!("plaintext={}", ended(&base64, 0));
    let wrapped = bao.bao(&["write", "-field=ciphertext", "transit/encrypt/ink", &plaintext]);
    assert!(wrapped.starts_with("vault:v1:"));
    fs::write(bao.home.path().join("wrapped"), wrapped).expect("written");
    assert_eq!(with_token("vault:transit:transit/ink:wrapped"), expected);

    let as_root = |source: &str, why: &str| bao.refused(bao.pipe(source).env("VAULT_TOKEN", "root"), why);
    as_root("vault:kv:secret/nothing", "404");
    as_root("vault:kv:secret/inkprint#nothing", "this field");
    as_root("vault:transit:transit/other:wrapped", "status");
    as_root("vault:transit:transit/ink:k", "status 400");
    as_root("vault:transit:transit/ink:missing", "cannot be read");
}

#[test]
fn whoever_may_not_gets_nothing() {
    let Some(bao) = Bao::start() else { return };
    let expected = bao.expected();
    bao.private("policy.hcl", "path \"secret/data/inkprint\" { capabilities = [\"read\"] }");
    bao.bao(&["policy", "write", "inkprint", "policy.hcl"]);

    // AppRole; its token is revoked when it was used.
    bao.bao(&["auth", "enable", "approle"]);
    bao.bao(&["write", "auth/approle/role/ink", "token_policies=inkprint", "token_ttl=1h"]);
    let role = bao.bao(&["read", "-field=role_id", "auth/approle/role/ink/role-id"]);
    bao.private("secret-id", &bao.bao(&["write", "-f", "-field=secret_id", "auth/approle/role/ink/secret-id"]));
    let approle = |secret: &str| {
        let mut command = bao.pipe(KV);
        command.env("INKPRINT_VAULT_ROLE_ID", &role).env("INKPRINT_VAULT_SECRET_ID_FILE", secret);
        command
    };
    let accessors = || bao.json(&["list", "-format=json", "auth/token/accessors"]).as_array().expect("a list").len();
    let before = accessors();
    assert_eq!(ended(&run_with(&mut approle("secret-id"), LINE), 0), expected);
    assert_eq!(accessors(), before, "no token is left");
    bao.private("wrong", "6bbbb3ae-3b2a-9d2d-7d7c-4d0b6f0f0b6f\n");
    bao.refused(&mut approle("wrong"), "refuses the AppRole login");
    fs::set_permissions(bao.home.path().join("secret-id"), fs::Permissions::from_mode(0o644)).expect("set");
    bao.refused(&mut approle("secret-id"), "mode 0644");

    // A token with a policy, from a private file; it is renewed by its use.
    let made = bao.json(&["token", "create", "-format=json", "-policy=inkprint", "-ttl=1h"]);
    let token = made["auth"]["client_token"].as_str().expect("a token").to_owned();
    let renewed = || bao.json(&["token", "lookup", "-format=json", &token])["data"]["last_renewal"].is_string();
    assert!(!renewed());
    bao.private("token", &token);
    let from_file = |source: &str| {
        let mut command = bao.pipe(source);
        command.env("INKPRINT_VAULT_TOKEN_FILE", "token");
        command
    };
    assert_eq!(ended(&run_with(&mut from_file(KV), LINE), 0), expected);
    assert!(renewed());

    // Without the policy, expired, revoked, or nobody at all.
    bao.refused(&mut from_file("vault:kv:secret/other"), "status 403");
    bao.bao(&["token", "revoke", &token]);
    let revoked = run_with(&mut from_file(KV), LINE);
    assert!(!(stderr(&revoked) + &ended(&revoked, 2)).contains(&token));
    let made = bao.json(&["token", "create", "-format=json", "-policy=inkprint", "-ttl=1s", "-explicit-max-ttl=1s"]);
    let short = made["auth"]["client_token"].as_str().expect("a token").to_owned();
    wait_for("expiry", || !run(&mut bao.command(&["token", "lookup", &short])).status.success());
    bao.refused(bao.pipe(KV).env("BAO_TOKEN", &short), "status 403");
    bao.refused(&mut bao.pipe(KV), "there is no token");
}

#[test]
fn a_server_that_cannot_answer_or_prove_itself_lets_nothing_pass() {
    let Some(mut bao) = Bao::start() else { return };
    let expected = bao.expected();
    let (address, home) = (bao.address(), bao.home.path().to_owned());
    let root = |source: &str| {
        let mut command = pipe_from(&home, &address, source);
        command.env("BAO_TOKEN", "root");
        command
    };
    // Not by the public authorities, nor by another's.
    bao.refused(root(KV).env_remove("BAO_CACERT"), "certificate");
    bao.refused(root(KV).env("BAO_CACERT", "k"), "no certificate");
    bao.refused(root(KV).env("BAO_CACERT", "missing"), "missing");
    bao.refused(root(KV).env("BAO_ADDR", format!("https://localhost.example:{}", bao.port)), "cannot be asked");
    bao.refused(root(KV).env("BAO_ADDR", format!("http://127.0.0.1:{}", bao.port)), "status 400");
    bao.refused(root(KV).env("BAO_ADDR", "http://bao.example:8200"), "plain http");

    // Five seconds late is late for who waits for two, and in time for who waits for ten.
    let slow = slow_way(bao.port, Some(Duration::from_secs(5)));
    let slow_address = format!("https://127.0.0.1:{slow}");
    bao.refused(root(KV).env("BAO_ADDR", &slow_address).env("INKPRINT_VAULT_TIMEOUT", "2"), "cannot be asked");
    let waited = run_with(root(KV).env("BAO_ADDR", &slow_address), LINE);
    assert_eq!(ended(&waited, 0), expected);
    let never = slow_way(bao.port, None);
    let address = format!("https://127.0.0.1:{never}");
    bao.refused(root(KV).env("BAO_ADDR", address).env("INKPRINT_VAULT_TIMEOUT", "1"), "cannot be asked");

    bao.bao(&["operator", "seal"]);
    bao.refused(&mut root(KV), "sealed");
    bao.bao(&["operator", "unseal", &bao.unseal_key]);
    wait_for("unsealed server", || run_with(&mut root(KV), LINE).status.success());
    assert_eq!(ended(&run_with(&mut root(KV), LINE), 0), expected);

    bao.server.kill().expect("it runs");
    bao.server.wait().expect("a child");
    bao.refused(&mut root(KV), "cannot be asked");
}

#[test]
fn a_keyring_that_the_server_keeps_is_not_changed_here() {
    let home = home_with_keyring();
    let output = run(inkprint(home.path()).args(["keys", "rotate", "--keyring", KV]));
    ended(&output, 2);
    assert!(stderr(&output).contains("only a keyring in a file"), "{}", stderr(&output));
    assert!(File::open(Path::new(home.path()).join("vault:kv:secret")).is_err());
}
