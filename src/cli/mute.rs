//! Nothing of this process's memory shall be seen outside it: no core dump, no debugger of the same user's, no panic message.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

use super::print::tell;

/// Mutes the process. Best effort: a limit that is zero already cannot be refused, and nothing is lost where it cannot be set.
pub fn mute() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    // A panic's own message can quote what the program was working on: a slice of text cut in the wrong place, a failed comparison.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line())).unwrap_or_default();
        tell(&format!("inkprint: a fault in the program itself{place}; please report it\n"));
    }));
}
