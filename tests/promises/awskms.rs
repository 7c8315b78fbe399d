use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::program::{ended, home_with_keyring, inkprint, pipe, run, run_with, stderr, stdout, tool};

const LINE: &[u8] = b"token=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\n";
const SOURCE: &str = "awskms:wrapped";
const SECRET: &str = "hunter2/aws/secret+key";

/// A service that speaks as AWS KMS does (moto), and a home with a keyring.
struct Kms {
    server: Child,
    home: TempDir,
    port: u16,
}

impl Kms {
    /// `None` where it is not installed.
    fn start() -> Option<Self> {
        if !tool("moto_server") {
            return None;
        }
        let home = home_with_keyring();
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let server = Command::new("moto_server")
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("installed");
        let kms = Self { server, home, port };
        wait_for("the service", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Some(kms)
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Asks the service itself, as its own programs would; it does not look at the signature.
    fn ask(&self, action: &str, request: &Value) -> Value {
        let body = request.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let head = format!(
            "POST / HTTP/1.1\r\nHost: kms.eu-west-1.amazonaws.com\r\nX-Amz-Target: TrentService.{action}\r\n\
             Content-Type: application/x-amz-json-1.1\r\nConnection: close\r\nContent-Length: {}\r\nAuthorization: \
             AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/kms/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answered");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        assert!(head.contains(" 200 "), "{answer}");
        serde_json::from_str(body).unwrap_or_default()
    }

    /// The ARN of a new key.
    fn key(&self) -> String {
        let made = self.ask("CreateKey", &serde_json::json!({}));
        made["KeyMetadata"]["Arn"].as_str().expect("a key").to_owned()
    }

    fn with(&self, mut command: Command) -> Command {
        for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_KMS"] {
            command.env_remove(name);
        }
        let address = self.endpoint();
        command.envs([
            ("AWS_ACCESS_KEY_ID", "AKID"),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_ENDPOINT_URL", &address),
        ]);
        command
    }

    fn wrap(&self, key: &str, more: &[&str]) -> Output {
        let mut command = self.with(inkprint(self.home.path()));
        run(command.args(["keys", "wrap", "--keyring", "k", "--kms", key, "-o", "wrapped"]).args(more))
    }

    fn pipe(&self) -> Command {
        let mut command = self.with(inkprint(self.home.path()));
        command.args(["--keyring", SOURCE]);
        command
    }

    /// Asserts that nothing passes, that it is said why, and that no key is.
    #[track_caller]
    fn refused(&self, command: &mut Command, why: &str) {
        let output = run_with(command, LINE);
        assert_eq!(ended(&output, 2), "");
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
        shows_no_secret(self.home.path(), &output);
    }
}

impl Drop for Kms {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[track_caller]
fn shows_no_secret(home: &Path, output: &Output) {
    let keyring = fs::read_to_string(home.join("k")).expect("there");
    let keys = keyring.lines().filter(|line| line.starts_with("key") || line.starts_with("salt"));
    let shown = stderr(output) + &stdout(output);
    for secret in keys.map(|line| line.split('"').nth(1).expect("quoted")).chain(["ghp_RmSK", "hunter2"]) {
        assert!(!shown.contains(secret), "{secret}: {shown}");
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

/// A way to the service that holds every connection for `delay` before a byte passes; without one, for ever.
fn slow_way(port: u16, delay: Option<Duration>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let way = listener.local_addr().expect("bound").port();
    thread::spawn(move || {
        let mut held = Vec::new();
        for mut client in listener.incoming().map_while(Result::ok) {
            let Some(delay) = delay else {
                held.push(client);
                continue;
            };
            thread::spawn(move || {
                thread::sleep(delay);
                let mut server = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
                let (mut back, mut answered) = (client.try_clone().expect("open"), server.try_clone().expect("open"));
                thread::spawn(move || {
                    let _ = std::io::copy(&mut answered, &mut back);
                    let _ = back.shutdown(Shutdown::Both);
                });
                let _ = std::io::copy(&mut client, &mut server);
            });
        }
    });
    way
}

/// A service that says the same to everybody.
fn saying(status: u16, body: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut asked = Vec::new();
                let mut byte = [0];
                // A request has a head and a body of the length that it says; only then is it answered.
                while !asked.ends_with(b"\r\n\r\n") && client.read(&mut byte).is_ok_and(|read| read > 0) {
                    asked.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&asked).to_lowercase();
                let len = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                let mut rest = vec![0; len.unwrap_or(0)];
                let _ = client.read_exact(&mut rest);
                let len = body.len();
                let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}");
                let _ = client.write_all(answer.as_bytes());
            });
        }
    });
    port
}

#[test]
fn a_wrapped_keyring_makes_the_same_marks_and_its_file_says_nothing() {
    let Some(kms) = Kms::start() else { return };
    let expected = ended(&run_with(&mut pipe(kms.home.path()), LINE), 0);
    let key = kms.key();
    ended(&kms.wrap(&key, &["--context", "environment=production"]), 0);
    let path = kms.home.path().join("wrapped");
    let wrapped = fs::read_to_string(&path).expect("there");
    assert!(wrapped.contains(&key) && wrapped.contains("environment = \"production\""), "{wrapped}");
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    for line in fs::read_to_string(kms.home.path().join("k")).expect("there").lines().filter(|l| l.contains("= \"")) {
        assert!(!wrapped.contains(line.split('"').nth(1).expect("quoted")) || line.contains("default"));
    }
    let output = run_with(&mut kms.pipe(), LINE);
    assert_eq!(ended(&output, 0), expected);
    shows_no_secret(kms.home.path(), &output);
    // Nothing is overwritten, and a keyring that KMS opens is not changed here.
    let again = kms.wrap(&key, &[]);
    ended(&again, 2);
    assert!(stderr(&again).contains("already"), "{}", stderr(&again));
    let rotate = run(kms.with(inkprint(kms.home.path())).args(["keys", "rotate", "--keyring", SOURCE]));
    ended(&rotate, 2);
    assert!(stderr(&rotate).contains("only a keyring in a file"), "{}", stderr(&rotate));
    // It answers lookups too.
    let mut command = kms.with(inkprint(kms.home.path()));
    let answer =
        run_with(command.args(["fingerprint", "--keyring", SOURCE]), b"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\n");
    let print = &expected.trim()[expected.trim().len() - 24..][..20];
    assert!(ended(&answer, 0).contains(print), "{}", stdout(&answer));
}

#[test]
fn credentials_come_from_a_file_too() {
    let Some(kms) = Kms::start() else { return };
    let expected = ended(&run_with(&mut pipe(kms.home.path()), LINE), 0);
    ended(&kms.wrap(&kms.key(), &[]), 0);
    let as_nobody = || {
        let mut command = kms.pipe();
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            command.env_remove(name);
        }
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command
    };
    kms.refused(&mut as_nobody(), "there are no AWS credentials");
    kms.refused(as_nobody().env("AWS_ACCESS_KEY_ID", "AKID"), "AWS_SECRET_ACCESS_KEY is not set");
    kms.refused(as_nobody().env("AWS_PROFILE", "logs"), "not there");
    fs::create_dir(kms.home.path().join(".aws")).expect("made");
    let file = format!("[default]\nregion = x\n[logs]\naws_access_key_id = AKID\naws_secret_access_key = {SECRET}\n");
    fs::write(kms.home.path().join(".aws/credentials"), file).expect("written");
    kms.refused(&mut as_nobody(), "there are no AWS credentials");
    kms.refused(as_nobody().env("AWS_PROFILE", "other"), "the profile other");
    assert_eq!(ended(&run_with(as_nobody().env("AWS_PROFILE", "logs"), LINE), 0), expected);
    // A token of another identity provider, as Kubernetes gives it.
    fs::write(kms.home.path().join("token"), "a.web.identity-hunter2-token\n").expect("written");
    let web = || {
        let mut command = as_nobody();
        let role = "arn:aws:iam::123456789012:role/ink";
        command.envs([("AWS_WEB_IDENTITY_TOKEN_FILE", "token"), ("AWS_ROLE_ARN", role)]);
        command
    };
    assert_eq!(ended(&run_with(&mut web(), LINE), 0), expected);
    kms.refused(web().env("AWS_WEB_IDENTITY_TOKEN_FILE", "missing"), "missing");
}

#[test]
fn what_was_wrapped_for_another_purpose_or_changed_lets_nothing_pass() {
    let Some(kms) = Kms::start() else { return };
    let (key, other) = (kms.key(), kms.key());
    ended(&kms.wrap(&key, &["--context", "environment=production"]), 0);
    let path = kms.home.path().join("wrapped");
    let wrapped = fs::read_to_string(&path).expect("there");
    let refused_as = |changed: String, why: &str| {
        assert_ne!(changed, wrapped);
        fs::write(&path, changed).expect("written");
        kms.refused(&mut kms.pipe(), why);
    };
    let line = |name: &str| wrapped.lines().find(|line| line.starts_with(name)).expect("there").to_owned();
    refused_as(wrapped.replace("production", "test"), "another encryption context");
    // AWS says that the key is not the one; this service, that it may not be used for that.
    refused_as(wrapped.replace(&key, &other), &format!("the key {other}"));
    refused_as(wrapped.replace(&key, &key.replace("key/", "key/0")), "has no key");
    refused_as(wrapped.replace(&line("nonce"), "nonce = \"AAAAAAAAAAAAAAAA\""), "was changed since");
    refused_as(
        wrapped.replace(&line("keyring"), "keyring = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""),
        "was changed since",
    );
    refused_as(wrapped.replace(&line("data_key"), "data_key = \"AAAA\""), "does not decrypt this file");
    refused_as(wrapped.replace(&line("nonce"), ""), "its fields are not");
    refused_as(wrapped.replace("version = 1", "version = 9"), "later version");
    refused_as(String::new(), "no keyring that was wrapped");
    fs::write(&path, &wrapped).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("set");
    kms.refused(&mut kms.pipe(), "mode 0666");
    fs::remove_file(&path).expect("there");
    kms.refused(&mut kms.pipe(), "inkprint keys wrap");
}

#[test]
fn a_service_that_cannot_or_will_not_answer_lets_nothing_pass() {
    let Some(mut kms) = Kms::start() else { return };
    let expected = ended(&run_with(&mut pipe(kms.home.path()), LINE), 0);
    let key = kms.key();
    ended(&kms.wrap(&key, &[]), 0);
    // Answers that moto does not give, in the form that AWS gives them.
    for (status, says, why) in [
        (400, r#"{"__type":"DisabledException","message":"hunter2 is disabled."}"#, "is disabled"),
        (400, r#"{"__type":"KMSInvalidStateException","message":"hunter2 is pending deletion."}"#, "pending deletion"),
        (400, r#"{"__type":"AccessDeniedException","Message":"hunter2"}"#, "refuses to decrypt"),
        (
            400,
            r#"{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"hunter2"}"#,
            "ExpiredTokenException",
        ),
        (400, r#"{"__type":"ThrottlingException"}"#, "status 400 (ThrottlingException)"),
        (500, "<html>hunter2</html>", "status 500"),
        (200, "{}", "not of the expected form"),
        (200, r#"{"Plaintext":"!"}"#, "not of the expected form"),
        (200, r#"{"Plaintext":"AAAA"}"#, "was changed since it was wrapped"),
        (307, "", "status 307"),
    ] {
        let address = format!("http://127.0.0.1:{}", saying(status, says));
        kms.refused(kms.pipe().env("AWS_ENDPOINT_URL", &address), why);
    }
    let disabled = saying(400, r#"{"__type":"DisabledException"}"#);
    let mut wrap = kms.with(inkprint(kms.home.path()));
    wrap.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{disabled}"));
    let wrap = run(wrap.args(["keys", "wrap", "--keyring", "k", "--kms", &key, "-o", "w"]));
    ended(&wrap, 2);
    assert!(stderr(&wrap).contains("is disabled") && !kms.home.path().join("w").exists(), "{}", stderr(&wrap));
    assert_eq!(ended(&run_with(&mut kms.pipe(), LINE), 0), expected);

    // Three seconds late is late for who waits for one, and in time for who waits for ten.
    let slow = format!("http://127.0.0.1:{}", slow_way(kms.port, Some(Duration::from_secs(3))));
    kms.refused(kms.pipe().env("AWS_ENDPOINT_URL", &slow).env("INKPRINT_AWS_TIMEOUT", "1"), "cannot be asked");
    assert_eq!(ended(&run_with(kms.pipe().env("AWS_ENDPOINT_URL", &slow), LINE), 0), expected);
    let never = format!("http://127.0.0.1:{}", slow_way(kms.port, None));
    kms.refused(kms.pipe().env("AWS_ENDPOINT_URL", &never).env("INKPRINT_AWS_TIMEOUT", "1"), "cannot be asked");
    kms.refused(kms.pipe().env("AWS_ENDPOINT_URL", "http://kms.example"), "plain http");
    kms.refused(kms.pipe().env("AWS_CA_BUNDLE", "k"), "no certificate");

    kms.server.kill().expect("it runs");
    kms.server.wait().expect("a child");
    kms.refused(&mut kms.pipe(), "cannot be asked");
}
