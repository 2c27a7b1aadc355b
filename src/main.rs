//! The `sij-cds` program: dispatches to the library's command line and nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    sij_cds::cli::run()
}
