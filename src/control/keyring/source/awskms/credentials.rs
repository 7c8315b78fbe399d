//! As whom AWS is asked: as its own programs find it, in this order.
//!
//! 1. `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, with `AWS_SESSION_TOKEN` where there is one.
//! 2. A token of another identity provider, as Kubernetes gives it: `AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN`.
//! 3. The file `AWS_SHARED_CREDENTIALS_FILE`, or `~/.aws/credentials`, under the profile `AWS_PROFILE`, or `default`.
//! 4. The agent of a container: `AWS_CONTAINER_CREDENTIALS_FULL_URI` or `…_RELATIVE_URI`.
//! 5. The machine's own role, from its metadata service (version 2), unless `AWS_EC2_METADATA_DISABLED` is `true`.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::Agent;
use zeroize::Zeroizing;

use super::super::https::{Answer, is_safe};
use super::request::{at, body};
use super::settings::{Settings, host};
use crate::control::wiped;

/// The most bytes of a file with credentials or a token.
const MAX_FILE: usize = 1 << 20;

/// The metadata service is a hop away at most, or not there.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

/// Why there is nobody to be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// Nothing says who.
    #[error(
        "there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE with a file of credentials, or run \
         where a role is given"
    )]
    None,
    /// Half of a key.
    #[error("{0} is not set, and its other half is")]
    Half(&'static str),
    /// It cannot be a credential.
    #[error("{0} is not one line of plain text")]
    Form(&'static str),
    /// A file cannot be used.
    #[error("the file {} ({what}): {error}", .path.display())]
    File {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: String,
    },
    /// A service that gives credentials did not.
    #[error("{what} gave no credentials: {error}")]
    Service {
        /// Which.
        what: &'static str,
        /// Why.
        error: String,
    },
}

/// An access key; mute.
pub(super) struct Credentials {
    pub(super) id: String,
    pub(super) secret: Zeroizing<String>,
    pub(super) session: Option<Zeroizing<String>>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

impl Credentials {
    /// Finds them.
    pub(super) fn find(settings: &Settings, agent: &Agent, region: &str) -> Result<Self, CredentialsError> {
        let get = &settings.get;
        if let Some(found) = from_environment(settings)? {
            return Ok(found);
        }
        if let (Some(token), Some(role)) = (get("AWS_WEB_IDENTITY_TOKEN_FILE"), get("AWS_ROLE_ARN")) {
            return web_identity(settings, agent, region, token.into(), &role);
        }
        if let Some(found) = from_file(settings)? {
            return Ok(found);
        }
        if let Some(found) = container(settings, agent)? {
            return Ok(found);
        }
        if get("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Err(CredentialsError::None);
        }
        machine(settings, agent)
    }

    fn new(
        id: String,
        secret: Zeroizing<String>,
        session: Option<Zeroizing<String>>,
    ) -> Result<Self, CredentialsError> {
        let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !plain(&id) {
            return Err(CredentialsError::Form("the AWS access key id"));
        }
        if !plain(&secret) {
            return Err(CredentialsError::Form("the AWS secret access key"));
        }
        if session.as_ref().is_some_and(|session| !plain(session)) {
            return Err(CredentialsError::Form("the AWS session token"));
        }
        Ok(Self { id, secret, session })
    }

    /// As the services of containers and machines answer.
    fn from_json(answer: &Answer, what: &'static str) -> Result<Self, CredentialsError> {
        let missing = || CredentialsError::Service { what, error: "its answer is not of the expected form".to_owned() };
        let text = |name: &str| {
            let bytes = answer.text(&[name])?;
            Some(Zeroizing::new(std::str::from_utf8(&bytes).ok()?.to_owned()))
        };
        let id = text("AccessKeyId").ok_or_else(missing)?;
        Self::new(id.as_str().to_owned(), text("SecretAccessKey").ok_or_else(missing)?, text("Token"))
    }
}

fn from_environment(settings: &Settings) -> Result<Option<Credentials>, CredentialsError> {
    let get = &settings.get;
    match (get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY").map(Zeroizing::new)) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(CredentialsError::Half("AWS_SECRET_ACCESS_KEY")),
        (None, Some(_)) => Err(CredentialsError::Half("AWS_ACCESS_KEY_ID")),
        (Some(id), Some(secret)) => {
            Credentials::new(id, secret, get("AWS_SESSION_TOKEN").map(Zeroizing::new)).map(Some)
        }
    }
}

fn from_file(settings: &Settings) -> Result<Option<Credentials>, CredentialsError> {
    let get = &settings.get;
    let what = "AWS credentials";
    let named = get("AWS_SHARED_CREDENTIALS_FILE").map(PathBuf::from);
    let default = || get("HOME").map(|home| Path::new(&home).join(".aws/credentials"));
    let profile = get("AWS_PROFILE");
    let is_named = named.is_some() || profile.is_some();
    let Some(path) = named.or_else(default) else { return Ok(None) };
    let fault = |error: String| CredentialsError::File { what, path: path.clone(), error };
    let text = match read(&path) {
        Ok(text) => text,
        Err(None) if !is_named => return Ok(None),
        Err(None) => return Err(fault("it is not there".to_owned())),
        Err(Some(error)) => return Err(fault(error)),
    };
    let name = profile.as_deref().unwrap_or("default");
    let value = |key: &str| in_profile(&text, name, key).map(|value| Zeroizing::new(value.to_owned()));
    match (value("aws_access_key_id"), value("aws_secret_access_key")) {
        (Some(id), Some(secret)) => {
            Credentials::new(id.as_str().to_owned(), secret, value("aws_session_token")).map(Some)
        }
        _ if profile.is_none() => Ok(None),
        _ => Err(fault(format!("the profile {name} has no aws_access_key_id and aws_secret_access_key in it"))),
    }
}

/// Reads a file; no words where it is not there.
fn read(path: &Path) -> Result<Zeroizing<String>, Option<String>> {
    let file = fs::File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => None,
        _ => Some(error.to_string()),
    })?;
    let bytes = wiped::read_to_end(file, MAX_FILE).map_err(|error| Some(error.to_string()))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Some("it is not text".to_owned()))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// A value in a section of an INI file.
fn in_profile<'t>(text: &'t str, profile: &str, key: &str) -> Option<&'t str> {
    let mut here = false;
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let section = section.trim();
            here = section == profile || section.strip_prefix("profile ").is_some_and(|name| name.trim() == profile);
        } else if here
            && let Some((name, value)) = line.split_once('=')
            && name.trim().eq_ignore_ascii_case(key)
        {
            return Some(value.trim());
        }
    }
    None
}

/// Credentials for a token, from the security token service; that needs no signature.
fn web_identity(
    settings: &Settings,
    agent: &Agent,
    region: &str,
    path: PathBuf,
    role: &str,
) -> Result<Credentials, CredentialsError> {
    let what = "AWS STS (web identity)";
    let failed = |error: String| CredentialsError::Service { what, error };
    let token = read(&path).map_err(|error| CredentialsError::File {
        what: "web identity token",
        path: path.clone(),
        error: error.unwrap_or_else(|| "it is not there".to_owned()),
    })?;
    let session = (settings.get)("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "inkprint".to_owned());
    let mut form = Zeroizing::new("Action=AssumeRoleWithWebIdentity&Version=2011-06-15".to_owned());
    for (name, value) in [("RoleArn", role), ("RoleSessionName", session.as_str()), ("WebIdentityToken", token.trim())]
    {
        form.push_str(&format!("&{name}="));
        form.push_str(&Zeroizing::new(escaped(value)));
    }
    let address = settings.sts_endpoint.clone().unwrap_or_else(|| host("sts", region));
    let request = agent.post(format!("{address}/")).config().timeout_global(Some(settings.left())).build();
    let request = request.header("Content-Type", "application/x-www-form-urlencoded");
    let response = request.send(form.as_bytes()).map_err(|error| failed(error.to_string()))?;
    let status = response.status().as_u16();
    let answer = body(response).map_err(failed)?;
    if status != 200 {
        return Err(failed(format!("status {status}; is the role {role} right, and may this token have it?")));
    }
    // XML, in which none of these values has a character that is written otherwise.
    let text = std::str::from_utf8(&answer).map_err(|_| failed("its answer is not text".to_owned()))?;
    let element = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(Zeroizing::new(rest.split_once("</")?.0.to_owned()))
    };
    match (element("AccessKeyId"), element("SecretAccessKey")) {
        (Some(id), Some(secret)) => Credentials::new(id.as_str().to_owned(), secret, element("SessionToken")),
        _ => Err(failed("its answer is not of the expected form".to_owned())),
    }
}

/// The agent beside a container: of ECS, or of EKS Pod Identity.
fn container(settings: &Settings, agent: &Agent) -> Result<Option<Credentials>, CredentialsError> {
    let (get, what) = (&settings.get, "the container's agent");
    let failed = |error: String| CredentialsError::Service { what, error };
    let address = match (get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), get("AWS_CONTAINER_CREDENTIALS_FULL_URI")) {
        (Some(path), _) => format!("http://169.254.170.2{path}"),
        (None, Some(address)) => address,
        (None, None) => return Ok(None),
    };
    let base = address.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let agents = ["http://169.254.170.2", "http://169.254.170.23", "http://[fd00:ec2::23]"];
    if !is_safe(&base) && !agents.contains(&base.as_str()) {
        return Err(failed(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or an address of this machine".to_owned(),
        ));
    }
    let token = match get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(path) => Some(read(Path::new(&path)).map_err(|error| CredentialsError::File {
            what: "the container's token",
            path: path.into(),
            error: error.unwrap_or_else(|| "it is not there".to_owned()),
        })?),
        None => get("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Zeroizing::new),
    };
    let mut request = agent.get(&address).config().timeout_global(Some(settings.left())).build();
    if let Some(token) = &token {
        request = request.header("Authorization", token.trim());
    }
    let response = request.call().map_err(|error| failed(error.to_string()))?;
    match response.status().as_u16() {
        200 => Credentials::from_json(&Answer(body(response).map_err(failed)?), what).map(Some),
        status => Err(failed(format!("status {status}"))),
    }
}

/// The role of the machine.
fn machine(settings: &Settings, agent: &Agent) -> Result<Credentials, CredentialsError> {
    let what = "the machine's metadata service";
    let failed = |error: String| CredentialsError::Service { what, error };
    let base =
        (settings.get)("AWS_EC2_METADATA_SERVICE_ENDPOINT").unwrap_or_else(|| "http://169.254.169.254".to_owned());
    let base = base.trim_end_matches('/');
    let time = Some(settings.left().min(METADATA_TIMEOUT));
    let token = agent.put(format!("{base}/latest/api/token")).config().timeout_global(time).build();
    // Most machines are none of AWS's: there, that is no fault of a service.
    let token = match token.header("X-aws-ec2-metadata-token-ttl-seconds", "60").send_empty() {
        Ok(response) if response.status().as_u16() == 200 => body(response).map_err(failed)?,
        _ => return Err(CredentialsError::None),
    };
    let token = Zeroizing::new(String::from_utf8_lossy(&token).into_owned());
    let ask = |path: &str| {
        let request = agent.get(format!("{base}/latest/meta-data/iam/security-credentials/{path}"));
        let request = request.config().timeout_global(Some(settings.left())).build();
        let response = request.header("X-aws-ec2-metadata-token", token.as_str()).call();
        let response = response.map_err(|error| failed(error.to_string()))?;
        match response.status().as_u16() {
            200 => body(response).map_err(failed),
            404 => Err(failed("this machine has no role".to_owned())),
            status => Err(failed(format!("status {status}"))),
        }
    };
    let role = ask("")?;
    let role = std::str::from_utf8(&role).ok().and_then(|roles| roles.lines().next()).unwrap_or_default();
    Credentials::from_json(&Answer(ask(&at(role))?), what)
}

/// A value in a form.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::settings::tests::settings;
    use super::*;

    #[test]
    fn a_file_is_read_by_its_profile() {
        let text = "# mine\n[default]\naws_access_key_id = AKID\naws_secret_access_key=one\n\n[profile prod]\n\
                    aws_access_key_id=AKIP\naws_secret_access_key = two=\naws_session_token = tok\n";
        assert_eq!(in_profile(text, "default", "aws_secret_access_key"), Some("one"));
        assert_eq!(in_profile(text, "prod", "aws_secret_access_key"), Some("two="));
        assert_eq!(in_profile(text, "default", "aws_session_token"), None);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("credentials");
        fs::write(&path, text).expect("written");
        let with = |profile: &[(&str, &str)]| {
            let path = path.display().to_string();
            let values: Vec<(&str, &str)> =
                [("AWS_SHARED_CREDENTIALS_FILE", path.as_str())].into_iter().chain(profile.iter().copied()).collect();
            from_file(&settings(&values).expect("enough"))
        };
        assert_eq!(with(&[]).expect("read").map(|found| found.id).as_deref(), Some("AKID"));
        assert_eq!(with(&[("AWS_PROFILE", "prod")]).expect("read").map(|found| found.id).as_deref(), Some("AKIP"));
        let none = with(&[("AWS_PROFILE", "other")]).expect_err("no such profile").to_string();
        assert!(none.contains("other") && !none.contains("one"), "{none}");
    }

    #[test]
    fn half_a_key_is_told_and_none_is_shown() {
        let half = settings(&[("AWS_ACCESS_KEY_ID", "AKID")]).expect("enough");
        assert!(matches!(from_environment(&half), Err(CredentialsError::Half("AWS_SECRET_ACCESS_KEY"))));
        let wrong = settings(&[("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "hunter2 hunter2")]);
        let wrong = from_environment(&wrong.expect("enough")).expect_err("two words");
        assert!(!wrong.to_string().contains("hunter2"));
        let right = settings(&[("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "hunter2")]).expect("enough");
        assert!(!format!("{:?}", from_environment(&right)).contains("hunter2"));
        assert_eq!(escaped("a b/c="), "a%20b%2Fc%3D");
    }
}
