//! The runtime of sinks whose clients are asynchronous: one thread for all of them, which keeps their connections alive.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use falco_alerts::Failure;
use tokio::runtime::{Builder, Handle, Runtime};

static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);

fn handle() -> Result<Handle, Failure> {
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = &*runtime {
        return Ok(runtime.handle().clone());
    }
    let mut builder = Builder::new_multi_thread();
    let built = builder
        .worker_threads(1)
        .thread_name("sinks")
        .enable_all()
        .build();
    let built = built.map_err(|cause| Failure::Other(format!("starting a thread: {cause}")))?;
    let handle = built.handle().clone();
    *runtime = Some(built);
    Ok(handle)
}

/// Waits for what a client does, but no longer than that.
pub(crate) fn wait<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    handle()?.block_on(async {
        let late = |_| Failure::Other(format!("no answer within {limit:?}"));
        tokio::time::timeout(limit, work).await.map_err(late)?
    })
}

/// What a client says of a failure.
pub(crate) fn other(error: impl std::fmt::Display) -> Failure {
    Failure::Other(error.to_string())
}
