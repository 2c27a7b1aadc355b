//! The `sij-cds` program: dispatches to the library's command line and nothing else.

use std::process::ExitCode;

/// A call makes thousands of small strings; this allocator takes about a tenth off its time (docs/performance.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sij_cds::cli::run()
}
