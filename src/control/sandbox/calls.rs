//! System calls by seccomp: two filters, both of which a call must pass.
//!
//! The first refuses with `EPERM` what the service never does and an intruder would: running a program, making a process, looking into
//! another one, mounting, loading, tracing, changing user, memory that is both written and run, and for a few calls those arguments that
//! are not needed. The second lets through what is needed, and answers `ENOSYS` to the rest, as an older kernel would: the C library and the
//! runtimes then fall back to what they did before that call was there, so that a newer library does not break the service.

mod lists;

use std::collections::BTreeMap;
use std::process;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::Outcome;

/// An argument's test, by its position, and what it is compared with.
enum Test {
    /// It is none of these.
    NoneOf(u8, &'static [u32]),
    /// It is not this number.
    Not(u8, u32),
    /// All these bits are set.
    Has(u8, u32),
    /// None of these bits is set.
    Lacks(u8, u32),
}

/// Applies both filters to all threads, those to come included.
pub(super) fn restrict() -> Outcome {
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else {
        return Outcome::Unsupported(format!("there is no list of them for {} processors", std::env::consts::ARCH));
    };
    let filters = refused(arch).and_then(|refused| Ok([refused, needed(arch)?]));
    let filters = match filters {
        Ok(filters) => filters,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    for filter in &filters {
        match seccompiler::apply_filter_all_threads(filter) {
            Ok(()) => {}
            Err(seccompiler::Error::Seccomp(error))
                if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL)) =>
            {
                return Outcome::Unsupported("the kernel is built without seccomp filters".to_owned());
            }
            Err(error) => return Outcome::Failed(error.to_string()),
        }
    }
    Outcome::applied("those that are needed")
}

/// The filter of what is refused by name.
fn refused(arch: TargetArch) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = lists::refused().map(|call| (call, Vec::new())).collect();
    for (call, tests) in lists::refused_if(process::id()) {
        let conditions = tests.iter().flat_map(Test::conditions).collect::<Result<Vec<_>, _>>()?;
        rules.entry(call).or_default().push(SeccompRule::new(conditions)?);
    }
    compile(rules, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM as u32), arch)
}

/// The filter of what is needed, to which what the first refuses is nothing new.
fn needed(arch: TargetArch) -> Result<BpfProgram, BackendError> {
    let rules = lists::needed().chain(lists::refused()).map(|call| (call, Vec::new())).collect();
    compile(rules, SeccompAction::Errno(libc::ENOSYS as u32), SeccompAction::Allow, arch)
}

fn compile(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    matched: SeccompAction,
    arch: TargetArch,
) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(rules, otherwise, matched, arch)?.try_into()
}

impl Test {
    /// As conditions all of which must hold.
    fn conditions(&self) -> Vec<Result<SeccompCondition, BackendError>> {
        let condition = |argument, operator, value: u32| {
            // The kernel takes these arguments as 32 bits, whatever stands in the upper half of the register.
            SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, u64::from(value))
        };
        let masked = |argument, mask: u32, value| condition(argument, SeccompCmpOp::MaskedEq(u64::from(mask)), value);
        match *self {
            Self::NoneOf(argument, values) => {
                values.iter().map(|value| condition(argument, SeccompCmpOp::Ne, *value)).collect()
            }
            Self::Not(argument, value) => vec![condition(argument, SeccompCmpOp::Ne, value)],
            Self::Has(argument, bits) => vec![masked(argument, bits, bits)],
            Self::Lacks(argument, bits) => vec![masked(argument, bits, 0)],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_call_is_both_needed_and_refused() {
        let refused: HashSet<i64> = lists::refused().collect();
        let both: Vec<i64> = lists::needed().filter(|call| refused.contains(call)).collect();
        assert_eq!(both, [0; 0]);
        let needed: HashSet<i64> = lists::needed().collect();
        for (call, _) in lists::refused_if(1) {
            assert!(needed.contains(&call), "{call} is refused under conditions and never let through");
        }
    }

    #[test]
    fn both_filters_are_small_enough_for_the_kernel() {
        let arch = TargetArch::try_from(std::env::consts::ARCH).expect("one that is built for");
        for filter in [refused(arch), needed(arch)] {
            assert!(filter.expect("compiled").len() < 4096);
        }
    }
}
