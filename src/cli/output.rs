//! Writing to standard output.
//! Not here: what is written.

use std::io;

/// A reader that has seen enough, such as `head`, is no failure of ours.
pub(super) fn quiet_when_closed(outcome: anyhow::Result<()>) -> anyhow::Result<()> {
    let closed = |error: &anyhow::Error| error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
    outcome.or_else(|error| if closed(&error) { Ok(()) } else { Err(error) })
}
