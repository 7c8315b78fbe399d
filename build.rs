//! Embeds every file of `patterns/`, so that a new family of rules needs a file there and nothing else.

use std::fmt::Write as _;
use std::{env, fs, path::PathBuf};

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let folder = root.join("patterns");
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the patterns folder is part of the source")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    let mut text = String::from(
        "/// File names and contents of the built-in rules.\nstatic BUILTIN_PATTERNS: &[(&str, &str)] = &[\n",
    );
    for file in files {
        let name = file.file_name().expect("a file has a name").to_string_lossy().into_owned();
        writeln!(text, "    ({name:?}, include_str!({:?})),", file.display().to_string()).expect("a string takes it");
    }
    text += "];\n";
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it")).join("builtin_patterns.rs");
    fs::write(out, text).expect("the build's own folder is writable");
}
