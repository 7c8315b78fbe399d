//! The admin address: metrics and health over HTTP, on a thread and a runtime of its own, so that no reader slows a byte of data.
//!
//! `/livez` answers while the process can; `/readyz` while it can take lines and pass them on; `/metrics` is Prometheus text. Nothing
//! here asks who is there: the address should be a loopback one.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

/// Whether the service can take lines and pass them on, or why not.
pub type Ready = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// All metrics as text.
pub type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// Serves until the process ends. Runs on a thread of its own, which nobody waits for.
///
/// # Errors
/// When the listener cannot be used or the thread not be started.
pub fn spawn(listener: TcpListener, render: Render, ready: Ready) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let router = router(render, ready);
    std::thread::Builder::new().name("admin".to_owned()).spawn(move || {
        runtime.block_on(async {
            let outcome = match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => axum::serve(listener, router).await,
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                tracing::error!(%error, "the admin address is out of service");
            }
        });
    })?;
    Ok(())
}

fn router(render: Render, ready: Ready) -> Router {
    let text = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Router::new()
        .route("/metrics", get(move || async move { (text, render()) }))
        .route("/livez", get(async || "alive\n"))
        .route(
            "/readyz",
            get(move || async move {
                match ready() {
                    Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
                    Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")),
                }
            }),
        )
}
