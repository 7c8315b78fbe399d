//! Exit codes and nothing else.

/// The C library's allocator keeps what was once held at most, in pieces: over months of sinks that come and go, a service's memory would
/// creep up without a leak. This one gives back what is not used. C's and C++'s own allocations stay with the C library: a preloaded library
/// that wants memory while this one asks for the time, as those do that fake the clock, would wait for itself.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    inkprint::cli::main()
}
