//! Writing to standard output.
//! Not here: what is written.

use std::io;

/// A reader that has seen enough, such as `head`, is no failure of ours.
pub(super) fn quiet_when_closed(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}
