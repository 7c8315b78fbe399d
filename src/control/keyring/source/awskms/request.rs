//! Requests to KMS, signed by Signature Version 4.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use ureq::Agent;
use ureq::http::Response;
use zeroize::Zeroizing;

use super::super::https::{self, Answer};
use super::credentials::Credentials;
use super::settings::{Settings, SettingsError, host};
use super::{KmsError, MAX_BYTES};
use crate::control::wiped;

/// The service, as one key is used.
pub(super) struct Kms<'s> {
    settings: &'s Settings,
    agent: Agent,
    credentials: Credentials,
    region: String,
    address: String,
    key: &'s str,
}

/// A key for one keyring.
pub(super) struct DataKey {
    /// As it encrypts.
    pub(super) plain: Zeroizing<Vec<u8>>,
    /// As the service has encrypted it.
    pub(super) wrapped: Vec<u8>,
    /// By which key, as its full name.
    pub(super) key: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypt<'a> {
    key_id: &'a str,
    ciphertext_blob: String,
    encryption_context: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GenerateDataKey<'a> {
    key_id: &'a str,
    key_spec: &'static str,
    encryption_context: &'a BTreeMap<String, String>,
}

impl<'s> Kms<'s> {
    /// Finds out where it is, and as whom it is asked.
    pub(super) fn new(settings: &'s Settings, key: &'s str) -> Result<Self, KmsError> {
        let fault = |error| {
            let path = settings.authorities.clone().unwrap_or_default();
            SettingsError::Authorities { path, error }
        };
        let agent = https::agent(settings.authorities.as_deref()).map_err(fault)?;
        let region = settings.region_of(key)?;
        let credentials = Credentials::find(settings, &agent, &region)?;
        let address = settings.endpoint.clone().unwrap_or_else(|| host("kms", &region));
        Ok(Self { settings, agent, credentials, region, address, key })
    }

    /// Decrypts a data key.
    pub(super) fn decrypt(
        &self,
        data_key: &[u8],
        context: &BTreeMap<String, String>,
    ) -> Result<Zeroizing<Vec<u8>>, KmsError> {
        let decrypt =
            Decrypt { key_id: self.key, ciphertext_blob: STANDARD.encode(data_key), encryption_context: context };
        let answer = self.ask("Decrypt", "decrypt", &decrypt)?;
        decoded(&answer, "Plaintext")
    }

    /// Makes a data key.
    pub(super) fn generate(&self, context: &BTreeMap<String, String>) -> Result<DataKey, KmsError> {
        let generate = GenerateDataKey { key_id: self.key, key_spec: "AES_256", encryption_context: context };
        let answer = self.ask("GenerateDataKey", "generate a data key", &generate)?;
        let wrapped = decoded(&answer, "CiphertextBlob")?.to_vec();
        let key = answer.text(&["KeyId"]).ok_or(KmsError::Answer)?;
        let key = String::from_utf8(key.to_vec()).map_err(|_| KmsError::Answer)?;
        Ok(DataKey { plain: decoded(&answer, "Plaintext")?, wrapped, key })
    }

    fn ask(&self, action: &str, what: &'static str, request: &impl Serialize) -> Result<Answer, KmsError> {
        let json = serde_json::to_vec(request).map_err(|_| KmsError::Answer)?;
        let host = self.address.split_once("://").map_or("", |(_, host)| host);
        let time = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let target = format!("TrentService.{action}");
        let mut headers = vec![
            ("content-type", "application/x-amz-json-1.1"),
            ("host", host),
            ("x-amz-date", time.as_str()),
            ("x-amz-target", target.as_str()),
        ];
        if let Some(session) = &self.credentials.session {
            headers.insert(3, ("x-amz-security-token", session.as_str()));
        }
        let scope = Scope { time: &time, region: &self.region, service: "kms" };
        let signature = signed(&self.credentials, &scope, &headers, &json);
        let request = self.agent.post(format!("{}/", self.address)).config();
        let request = request.timeout_global(Some(self.settings.left())).build();
        // The host is said by the client itself.
        let others = headers.iter().filter(|(name, _)| *name != "host");
        let request = others.fold(request, |request, (name, value)| request.header(*name, *value));
        let response = request.header("authorization", signature.as_str()).send(&json[..]);
        // Of its own errors the client shows the address and the reason, and nothing that was sent.
        let response = response.map_err(|error| KmsError::Transport(error.to_string()))?;
        let status = response.status().as_u16();
        let answer = Answer(body(response).map_err(KmsError::Transport)?);
        if status == 200 { Ok(answer) } else { Err(self.failed(status, what, &answer)) }
    }

    fn failed(&self, status: u16, what: &'static str, answer: &Answer) -> KmsError {
        let key = self.key.to_owned();
        // The name of an error may have that of its service before it, and words behind it.
        let kind = answer.text(&["__type"]).map(|kind| String::from_utf8_lossy(&kind).into_owned()).unwrap_or_default();
        let kind = kind.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default();
        let kind: String = kind.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
        match kind.as_str() {
            "DisabledException" => KmsError::Disabled { key },
            "KMSInvalidStateException" | "KeyUnavailableException" => KmsError::State { key },
            "NotFoundException" => KmsError::NoKey { key },
            "InvalidCiphertextException" | "IncorrectKeyException" => KmsError::Ciphertext { key },
            _ if matches!(status, 401 | 403) => KmsError::Refused { what, key, kind },
            "AccessDeniedException"
            | "AccessDenied"
            | "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "ExpiredTokenException"
            | "IncompleteSignature"
            | "InvalidClientTokenId" => KmsError::Refused { what, key, kind },
            _ => KmsError::Status { status, kind },
        }
    }
}

/// Where and when a signature holds.
struct Scope<'a> {
    time: &'a str,
    region: &'a str,
    service: &'a str,
}

/// The value of the header that signs a POST to the root, with these headers, in the order of their names, and this body.
fn signed(credentials: &Credentials, scope: &Scope<'_>, headers: &[(&str, &str)], body: &[u8]) -> Zeroizing<String> {
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let mut canonical = Zeroizing::new("POST\n/\n\n".to_owned());
    for (name, value) in headers {
        canonical.push_str(name);
        canonical.push(':');
        canonical.push_str(value);
        canonical.push('\n');
    }
    canonical.push_str(&format!("\n{names}\n{}", hex(&Sha256::digest(body))));
    let Scope { time, region, service } = scope;
    let day = time.get(..8).unwrap_or_default();
    let place = format!("{day}/{region}/{service}/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{place}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let mut key = Zeroizing::new(format!("AWS4{}", credentials.secret.as_str()).into_bytes());
    for part in [day, region, service, "aws4_request"] {
        key = tag(&key, part.as_bytes());
    }
    let signature = hex(&tag(&key, to_sign.as_bytes()));
    let id = &credentials.id;
    Zeroizing::new(format!("AWS4-HMAC-SHA256 Credential={id}/{place}, SignedHeaders={names}, Signature={signature}"))
}

fn tag(key: &[u8], text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mac = Hmac::<Sha256>::new_from_slice(key).map(|mac| mac.chain_update(text).finalize().into_bytes().to_vec());
    // An HMAC takes a key of any length.
    Zeroizing::new(mac.unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Base64 in a member of an answer.
fn decoded(answer: &Answer, name: &str) -> Result<Zeroizing<Vec<u8>>, KmsError> {
    let text = answer.text(&[name]).ok_or(KmsError::Answer)?;
    let mut bytes = Zeroizing::new(vec![0; text.len()]);
    let len = STANDARD.decode_slice(&*text, &mut bytes).map_err(|_| KmsError::Answer)?;
    bytes.truncate(len);
    Ok(bytes)
}

/// Reads all of a body.
pub(super) fn body(response: Response<ureq::Body>) -> Result<Zeroizing<Vec<u8>>, String> {
    wiped::read_to_end(response.into_body().into_reader(), 2 * MAX_BYTES).map_err(|error| error.to_string())
}

/// A name as a part of a path.
pub(super) fn at(name: &str) -> String {
    name.trim().chars().filter(|c| c.is_ascii_alphanumeric() || "+=,.@_-".contains(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::settings::tests::settings;
    use super::*;

    #[test]
    fn the_signature_is_that_of_awss_own_example() {
        // AWS's test suite for Signature Version 4, post-x-www-form-urlencoded.
        let secret = Zeroizing::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned());
        let credentials = Credentials { id: "AKIDEXAMPLE".to_owned(), secret, session: None };
        let scope = Scope { time: "20150830T123600Z", region: "us-east-1", service: "service" };
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("host", "example.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
        ];
        assert_eq!(
            signed(&credentials, &scope, &headers, b"Param1=value1").as_str(),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
        );
    }

    #[test]
    fn an_error_is_told_by_its_name_and_nothing_of_its_words() {
        let values = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_REGION", "eu-west-1")];
        let settings = settings(&values).expect("enough");
        let kms = Kms::new(&settings, "alias/ink").expect("enough");
        let told = |status, kind: &str| {
            let text = format!("{{\"__type\":\"{kind}\",\"message\":\"hunter2\"}}");
            kms.failed(status, "decrypt", &Answer(Zeroizing::new(text.into_bytes()))).to_string()
        };
        for (status, kind, says) in [
            (400, "DisabledException", "disabled"),
            (400, "com.amazonaws.kms#NotFoundException", "has no key alias/ink"),
            (400, "InvalidCiphertextException", "context"),
            (400, "KMSInvalidStateException:http://x/", "pending deletion"),
            (403, "SignatureDoesNotMatch", "refuses to decrypt"),
            (500, "KMSInternalException", "status 500 (KMSInternalException)"),
            (502, "", "status 502"),
        ] {
            let told = told(status, kind);
            assert!(told.contains(says) && !told.contains("hunter2"), "{told}");
        }
    }
}
