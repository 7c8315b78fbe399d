//! Rule files: any text is read without a panic, every fault has its place, and what is accepted can be used.

use std::cell::RefCell;
use std::fs;

use inkprint::pipeline::detect::Detector;
use inkprint::pipeline::detect::rule::{RuleError, RuleSet};

thread_local! {
    static FILE: RefCell<tempfile::NamedTempFile> =
        tempfile::Builder::new().suffix(".toml").tempfile().expect("a file").into();
}

pub fn run(data: &[u8]) {
    let lines = 1 + memchr::memchr_iter(b'\n', data).count();
    let read = FILE.with_borrow(|file| {
        fs::write(file.path(), data).expect("written");
        let name = file.path().display().to_string();
        (RuleSet::default().extended(file.path()), name)
    });
    match read {
        (Ok(set), _) if set.rules.is_empty() => {}
        (Ok(set), _) => assert!(Detector::new(set).is_ok(), "{}", data.escape_ascii()),
        (Err(RuleError::Faults(faults)), name) => {
            assert!(!faults.is_empty());
            for fault in faults {
                assert!(fault.origin.file == name && (1..=lines).contains(&fault.origin.line), "{fault}");
                assert!(fault.to_string().len() > name.len() + 5, "{fault}");
            }
        }
        (Err(error), _) => panic!("{error}"),
    }
}
