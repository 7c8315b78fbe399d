//! Exit codes and nothing else.

fn main() -> std::process::ExitCode {
    inkprint::cli::main()
}
