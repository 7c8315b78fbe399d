//! The fuzz targets as one program. `make fuzz` builds it for libFuzzer, which then drives the target that `INKPRINT_FUZZ` names.
//! Built in the usual way it runs a target over files, to look at what was found: `cargo run --example fuzz TARGET FILE…`.
#![cfg_attr(fuzzing, no_main)]

#[path = "../promises/engine.rs"]
#[allow(dead_code, reason = "the tests of promises use more of it")]
mod engine;
#[path = "targets.rs"]
mod targets;

use targets::Target;

/// The target of this name.
fn named(name: &str) -> Target {
    let found = targets::TARGETS.iter().find(|(known, _)| *known == name);
    let names: Vec<&str> = targets::TARGETS.iter().map(|(name, _)| *name).collect();
    found.unwrap_or_else(|| panic!("no target {name:?}; there are {names:?}")).1
}

#[cfg(fuzzing)]
static CHOSEN: std::sync::LazyLock<Target> =
    std::sync::LazyLock::new(|| named(&std::env::var("INKPRINT_FUZZ").expect("INKPRINT_FUZZ names the target")));

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| CHOSEN(data));

#[cfg(not(fuzzing))]
fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let target = named(&arguments.next().expect("the name of a target, then files").to_string_lossy());
    for file in arguments {
        eprintln!("{}", file.display());
        target(&std::fs::read(&file).expect("a file that can be read"));
    }
}
