//! The signals that ask the service to stop, or to read its configuration again.
//! Not here: how it does; see [`crate::http`] and [`super::reload`].

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Resolves at the first SIGTERM or Ctrl-C (SIGINT). Listening begins with this call, not with the first poll.
pub(super) fn shutdown() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// SIGHUP, by which service managers ask for a reload.
pub(super) struct Reload(Signal);

impl Reload {
    /// Listening begins with this call.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self(signal(SignalKind::hangup())?))
    }

    /// Waits for the next one; `false` when there will be none any more.
    pub(super) async fn asked(&mut self) -> bool {
        self.0.recv().await.is_some()
    }
}
