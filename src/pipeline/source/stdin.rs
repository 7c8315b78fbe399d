//! Standard input, served like a connection.
//!
//! It may be a file or a terminal, which cannot be waited for together with other things: a thread of its own passes its bytes on through
//! a pipe, which can.

use std::fs::File;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::Source;
use super::connection::{Incoming, serve};
use super::lane::{Bench, Lane};

/// Serves standard input on the least busy lane; what is given says when it has ended and was passed on.
///
/// # Errors
/// When there is no pipe or thread to be had.
pub fn stdin(source: Arc<Source>, lanes: &[Lane], stop: CancellationToken) -> io::Result<oneshot::Receiver<()>> {
    let mut input = File::from(rustix::io::dup(rustix::stdio::stdin())?);
    let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let copy = move || {
        let mut writer = File::from(writer);
        if let Err(error) = io::copy(&mut input, &mut writer) {
            tracing::error!(%error, "cannot read standard input: it is taken for ended");
        }
    };
    std::thread::Builder::new().name("stdin".to_owned()).spawn(copy)?;
    let (tell, ended) = oneshot::channel();
    let job = move |bench: Rc<Bench>| {
        Box::pin(async move {
            serve(Incoming::Pipe(File::from(reader)), source, bench, stop).await;
            // With nobody left to hear it, the service is ending.
            let _ = tell.send(());
        }) as LocalBoxFuture<'static, ()>
    };
    Lane::give(lanes, Box::new(job));
    Ok(ended)
}
