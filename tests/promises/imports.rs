use std::fs;
use std::path::{Path, PathBuf};

/// Left imports right, never the other way.
const LAYERS: [&str; 6] = ["main", "cli", "app", "control", "pipeline", "model"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the source is there") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn imports_go_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let rank = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    for file in &files {
        let inside = file.strip_prefix(&root).expect("below src");
        let first = inside.iter().next().expect("a name").to_string_lossy();
        let Some(own) = rank(first.trim_end_matches(".rs")) else {
            assert_eq!(first, "lib.rs", "{} belongs to no layer", inside.display());
            continue;
        };
        let text = fs::read_to_string(file).expect("text");
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for name in ["crate::", "inkprint::"].into_iter().flat_map(|prefix| line.split(prefix).skip(1)) {
                let name: String = name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                if rank(&name).is_none_or(|other| other < own) {
                    wrong.push(format!("{}:{}: {}", inside.display(), number + 1, line.trim()));
                }
            }
        }
    }
    assert!(files.len() > 10 && wrong.is_empty(), "imports against the rule:\n{}", wrong.join("\n"));
}
