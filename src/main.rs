//! The `sij-cds` program: dispatches to the library's command line and nothing else.

use std::process::ExitCode;

/// A call allocates thousands of small strings; this allocator saves about a tenth of its time (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sij_cds::cli::run()
}
