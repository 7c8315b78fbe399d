//! The admin address: metrics, health and reloads over HTTP, on a thread and a runtime of its own, so that no reader slows a byte of
//! data.
//!
//! - `GET /livez` answers while the process can; `GET /readyz` while it can take lines and pass them on. Neither asks who is there.
//! - `GET /metrics` is Prometheus text; `POST /reload` reads the configuration again. Where there is a token, both ask for it.

mod secured;

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use subtle::ConstantTimeEq as _;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use self::secured::Secured;
use crate::pipeline::tls::Acceptor;

/// Whether the service can take lines and pass them on, or why not.
pub type Ready = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// All metrics as text.
pub type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// Asks for a reload; what is answered is the generation in force since, or why it was refused.
pub type AskReload = Arc<dyn Fn() -> oneshot::Receiver<Result<u64, String>> + Send + Sync>;

/// Where it is served.
pub enum Listen {
    /// On a TCP address.
    Tcp(TcpListener),
    /// On a TCP address, with TLS.
    Tls(TcpListener, Acceptor),
    /// On a Unix socket.
    Unix(UnixListener),
}

/// What is served.
#[derive(Clone)]
pub struct Pages {
    /// The metrics.
    pub render: Render,
    /// Readiness.
    pub ready: Ready,
    /// Reloads, where there is a configuration.
    pub reload: Option<AskReload>,
    /// The bearer token that is asked for.
    pub token: Option<Zeroizing<String>>,
}

/// Serves until the process ends. Runs on a thread of its own, which nobody waits for.
///
/// # Errors
/// When the listener cannot be used or the thread not be started.
pub fn spawn(listen: Listen, pages: Pages) -> io::Result<()> {
    match &listen {
        Listen::Tcp(listener) | Listen::Tls(listener, _) => listener.set_nonblocking(true)?,
        Listen::Unix(listener) => listener.set_nonblocking(true)?,
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let router = router(pages);
    std::thread::Builder::new().name("admin".to_owned()).spawn(move || {
        runtime.block_on(async {
            if let Err(error) = serve(listen, router).await {
                tracing::error!(%error, "the admin address is out of service");
            }
        });
    })?;
    Ok(())
}

async fn serve(listen: Listen, router: Router) -> io::Result<()> {
    match listen {
        Listen::Tcp(listener) => axum::serve(tokio::net::TcpListener::from_std(listener)?, router).await,
        Listen::Tls(listener, acceptor) => {
            let secured = Secured::new(tokio::net::TcpListener::from_std(listener)?, acceptor)?;
            axum::serve(secured, router).await
        }
        Listen::Unix(listener) => axum::serve(tokio::net::UnixListener::from_std(listener)?, router).await,
    }
}

fn router(pages: Pages) -> Router {
    let text = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    let Pages { render, ready, reload, token } = pages;
    let mut guarded = Router::new().route("/metrics", get(move || async move { (text, render()) }));
    if let Some(reload) = reload {
        guarded = guarded.route("/reload", post(move || answer(reload())));
    }
    if let Some(token) = token {
        guarded = guarded.route_layer(from_fn_with_state(Arc::new(token), authorize));
    }
    guarded.route("/livez", get(async || "alive\n")).route(
        "/readyz",
        get(move || async move {
            match ready() {
                Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
                Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
            }
        }),
    )
}

async fn answer(asked: oneshot::Receiver<Result<u64, String>>) -> (StatusCode, String) {
    match asked.await {
        Ok(Ok(generation)) => (StatusCode::OK, format!("applied: generation {generation}\n")),
        Ok(Err(reason)) => {
            (StatusCode::UNPROCESSABLE_ENTITY, format!("refused, and the old stays in force: {reason}\n"))
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the service is stopping\n".to_owned()),
    }
}

/// Lets those through who show the token.
async fn authorize(State(token): State<Arc<Zeroizing<String>>>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
    if shown.is_some_and(|shown| shown.ct_eq(token.as_bytes()).into()) {
        return next.run(request).await;
    }
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], "a bearer token is asked for\n").into_response()
}
