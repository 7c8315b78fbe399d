//! Why a request was not taken, as it is answered: never with anything of what was sent.

use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{ACCEPT_ENCODING, ALLOW, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};

use super::elements::JsonFault;

/// Why not.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("a bearer token is asked for, in the header Authorization")]
    Unauthorized,
    #[error("there is nothing at this path")]
    NotFound,
    #[error("only POST is answered here")]
    MethodNotAllowed,
    #[error("the content type is not taken: it may be application/x-ndjson, application/json or text/plain")]
    ContentType,
    #[error("the content encoding is not taken: it may be gzip or zstd")]
    ContentEncoding,
    #[error("the body is larger than {0} bytes, as it comes or unpacked")]
    TooLarge(u64),
    #[error("the body cannot be unpacked: it is broken or cut, or looks back further than 8 MiB")]
    Packed,
    #[error("no JSON: {0}")]
    Json(#[from] JsonFault),
    #[error("the body did not come whole in time")]
    Slow,
    #[error("the body broke off")]
    Broken,
    #[error("the source is at its limit of bytes a second")]
    Rate(Duration),
    #[error("too many bodies in zstd at once")]
    Busy,
    #[error("the service is stopping")]
    Stopping,
    #[error("no sink could hold the lines in time: they may still arrive, and once more when they are sent again")]
    NotHeld,
}

impl Refusal {
    /// All reasons as the metrics name them.
    pub(super) const REASONS: [&'static str; 11] = [
        "unauthorized",
        "not-found",
        "method",
        "unsupported",
        "too-large",
        "malformed",
        "slow",
        "broken",
        "rate",
        "stopping",
        "not-held",
    ];

    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method",
            Self::ContentType | Self::ContentEncoding => "unsupported",
            Self::TooLarge(_) => "too-large",
            Self::Packed | Self::Json(_) => "malformed",
            Self::Slow => "slow",
            Self::Broken => "broken",
            Self::Rate(_) | Self::Busy => "rate",
            Self::Stopping => "stopping",
            Self::NotHeld => "not-held",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::ContentType | Self::ContentEncoding => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Packed | Self::Json(_) | Self::Broken => StatusCode::BAD_REQUEST,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Rate(_) | Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::Stopping | Self::NotHeld => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Whether some of the body may be unread: then nothing else can come on the connection.
    fn closes(&self) -> bool {
        !matches!(self, Self::NotHeld)
    }

    pub(super) fn answer(&self) -> Response<Full<Bytes>> {
        let mut response = json(self.status(), &serde_json::json!({ "error": self.to_string() }));
        let headers = response.headers_mut();
        if self.closes() {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        match self {
            Self::Unauthorized => drop(headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Self::MethodNotAllowed => drop(headers.insert(ALLOW, HeaderValue::from_static("POST"))),
            Self::ContentEncoding => drop(headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd"))),
            Self::Rate(wait) => {
                let seconds = wait.as_secs().saturating_add(1);
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            Self::Busy | Self::Stopping | Self::NotHeld => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        response
    }
}

/// What was taken.
pub(super) fn accepted(lines: u64) -> Response<Full<Bytes>> {
    json(StatusCode::OK, &serde_json::json!({ "accepted": lines }))
}

fn json(status: StatusCode, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(format!("{body}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
