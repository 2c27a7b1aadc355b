//! The signals that stop the service or reload its configuration.
//! Not here: their handling; see [`crate::http`] and [`super::reload`].

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Resolves on the first SIGTERM or Ctrl-C (SIGINT). Listening starts with this call, not with the first poll.
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

/// SIGHUP, which service managers send to request a reload.
pub(super) struct Reload(Signal);

impl Reload {
    /// Starts listening immediately.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self(signal(SignalKind::hangup())?))
    }

    /// Waits for the next signal; `false` if there can be no more.
    pub(super) async fn asked(&mut self) -> bool {
        self.0.recv().await.is_some()
    }
}
