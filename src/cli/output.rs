//! Writing to standard output.
//! Not here: the contents.

use std::io;

/// Ignores a broken pipe: a reader that stops early, such as `head`, is not an error.
pub(super) fn quiet_when_closed(outcome: anyhow::Result<()>) -> anyhow::Result<()> {
    let closed = |error: &anyhow::Error| error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
    outcome.or_else(|error| if closed(&error) { Ok(()) } else { Err(error) })
}
