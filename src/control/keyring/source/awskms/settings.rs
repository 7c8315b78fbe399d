//! Where KMS is, and as whom it is asked: from the environment, by the names that AWS's own programs use.
//!
//! | variable | is |
//! |---|---|
//! | `AWS_REGION`, `AWS_DEFAULT_REGION` | the region; a key that is named by its ARN has its own |
//! | `AWS_ENDPOINT_URL_KMS`, `AWS_ENDPOINT_URL` | the service, where it is another than AWS's own: `https://host:port`; plain `http` only to this machine |
//! | `AWS_CA_BUNDLE` | a PEM file of the authorities that its certificate may be from, instead of the public ones |
//! | `INKPRINT_AWS_TIMEOUT` | the most seconds for all of it, 1 to 300; 10 if not set |

use std::env;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::super::https::is_safe;

/// The time for everything, unless the environment says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why the environment does not say where.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// There is no region.
    #[error("no region is known: set AWS_REGION, or name the key by its ARN")]
    NoRegion,
    /// The region cannot be one.
    #[error("AWS_REGION (or AWS_DEFAULT_REGION) is not the name of a region, such as eu-central-1")]
    Region,
    /// The address cannot be used.
    #[error("{0} must be https://host:port; plain http is for a service on this machine alone")]
    Endpoint(&'static str),
    /// The time is none.
    #[error("INKPRINT_AWS_TIMEOUT must be a number of seconds from 1 to 300")]
    Timeout,
    /// The file of authorities cannot be used.
    #[error("the file of authorities {} (AWS_CA_BUNDLE): {error}", .path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: String,
    },
}

/// Reads a variable that is set to something.
pub(super) type Get = dyn Fn(&str) -> Option<String>;

/// Where KMS is. As whom it is asked is found out when it is.
pub struct Settings {
    /// Of the environment; a key's ARN says better.
    pub(super) region: Option<String>,
    pub(super) endpoint: Option<String>,
    /// Of the service that gives credentials for a token.
    pub(super) sts_endpoint: Option<String>,
    pub(super) authorities: Option<PathBuf>,
    /// Until when all must be done.
    pub(super) deadline: Instant,
    pub(super) get: Box<Get>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads the environment; the time runs from now on.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn from_environment() -> Result<Self, SettingsError> {
        Self::from(Box::new(|name| env::var(name).ok().filter(|value| !value.is_empty())))
    }

    pub(super) fn from(get: Box<Get>) -> Result<Self, SettingsError> {
        let region = get("AWS_REGION").or_else(|| get("AWS_DEFAULT_REGION"));
        if region.as_deref().is_some_and(|region| !is_region(region)) {
            return Err(SettingsError::Region);
        }
        let endpoint = |own: &'static str| -> Result<Option<String>, SettingsError> {
            let (name, value) = match (get(own), get("AWS_ENDPOINT_URL")) {
                (Some(value), _) => (own, value),
                (None, Some(value)) => ("AWS_ENDPOINT_URL", value),
                (None, None) => return Ok(None),
            };
            let address = value.trim_end_matches('/').to_owned();
            if is_safe(&address) { Ok(Some(address)) } else { Err(SettingsError::Endpoint(name)) }
        };
        let timeout = match get("INKPRINT_AWS_TIMEOUT") {
            None => TIMEOUT,
            Some(text) => {
                let seconds = text.parse().ok().filter(|seconds| (1..=300).contains(seconds));
                Duration::from_secs(seconds.ok_or(SettingsError::Timeout)?)
            }
        };
        Ok(Self {
            region,
            endpoint: endpoint("AWS_ENDPOINT_URL_KMS")?,
            sts_endpoint: endpoint("AWS_ENDPOINT_URL_STS")?,
            authorities: get("AWS_CA_BUNDLE").map(PathBuf::from),
            deadline: Instant::now() + timeout,
            get,
        })
    }

    /// The region of a key.
    pub(super) fn region_of(&self, key: &str) -> Result<String, SettingsError> {
        let mut arn = key.split(':');
        let own = (arn.next() == Some("arn")).then(|| arn.nth(2)).flatten().filter(|region| is_region(region));
        own.map(str::to_owned).or_else(|| self.region.clone()).ok_or(SettingsError::NoRegion)
    }

    /// What is left of the time.
    pub(super) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// A region becomes a part of a host's name.
fn is_region(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The host of a service in a region.
pub(super) fn host(service: &str, region: &str) -> String {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://{service}.{region}.{domain}")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn settings(values: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let values: Vec<(String, String)> =
            values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::from(Box::new(move |name| {
            values.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        }))
    }

    #[test]
    fn the_keys_own_region_counts_first() {
        let arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd";
        let none = settings(&[]).expect("enough");
        assert_eq!(none.region_of(arn).expect("its own"), "eu-central-1");
        assert!(matches!(none.region_of("alias/ink"), Err(SettingsError::NoRegion)));
        let some = settings(&[("AWS_DEFAULT_REGION", "us-east-1")]).expect("enough");
        assert_eq!(some.region_of(arn).expect("its own"), "eu-central-1");
        assert_eq!(some.region_of("alias/ink").expect("of the environment"), "us-east-1");
        assert!(matches!(settings(&[("AWS_REGION", "evil.example/")]), Err(SettingsError::Region)));
        assert_eq!(host("kms", "cn-north-1"), "https://kms.cn-north-1.amazonaws.com.cn");
    }

    #[test]
    fn only_an_endpoint_that_nobody_can_listen_to_is_taken() {
        for (endpoint, good) in
            [("https://kms.example", true), ("http://127.0.0.1:5000/", true), ("http://kms.example", false)]
        {
            assert_eq!(settings(&[("AWS_ENDPOINT_URL_KMS", endpoint)]).is_ok(), good, "{endpoint}");
            assert_eq!(settings(&[("AWS_ENDPOINT_URL", endpoint)]).is_ok(), good, "{endpoint}");
        }
        assert!(matches!(settings(&[("INKPRINT_AWS_TIMEOUT", "0")]), Err(SettingsError::Timeout)));
    }
}
