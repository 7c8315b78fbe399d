//! Exit codes and nothing else.

/// The C library's allocator keeps what was once held at most, in pieces: over months of reloads, and of sinks that come and go, a
/// service's memory would creep up without a leak. This one gives back what is not used, also what the engine and the index had of it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    inkprint::cli::main()
}
