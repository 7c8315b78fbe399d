//! Giving up what root may: the groups, the user and the capabilities.
//!
//! Each call holds for the calling thread alone; [`super::Sandbox::enter`] has seen to it that there is no other one.

use std::io;

use rustix::process::{Gid, Uid, getegid, geteuid, getgid, getuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities, set_thread_groups,
    set_thread_res_gid, set_thread_res_uid, set_thread_uid,
};

use super::account::Found;
use super::{Outcome, SandboxError};

/// What is kept to read all files.
const READ_ALL: CapabilitySet = CapabilitySet::DAC_READ_SEARCH;

/// Takes away what a program that is run could get. Nobody can who holds no capability to do so; they have none to lose either.
pub(super) fn drop_bounding_set(read_all_files: bool) {
    let kept = if read_all_files { READ_ALL } else { CapabilitySet::empty() };
    for bit in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        match capability_is_in_bounding_set(capability) {
            Ok(true) if !kept.contains(capability) => {
                if remove_capability_from_bounding_set(capability).is_err() {
                    return;
                }
            }
            Ok(_) => {}
            // The kernel knows no capability of this number, nor any above.
            Err(_) => return,
        }
    }
}

/// Becomes `account`, with its groups alone.
pub(super) fn become_account(account: &Found, read_all_files: bool) -> Result<(), SandboxError> {
    let (user, group) = (account.user, account.group);
    let failed = |step| {
        let user = account.name.clone();
        move |error: rustix::io::Errno| SandboxError::Account { step, user, source: error.into() }
    };
    if is(user, group) {
        return Ok(());
    }
    set_keep_capabilities(read_all_files).map_err(failed("keep the capability to read files"))?;
    set_thread_groups(&account.groups).map_err(failed("set the groups"))?;
    set_thread_res_gid(group, group, group).map_err(failed("set the group"))?;
    set_thread_res_uid(user, user, user).map_err(failed("set the user"))?;
    set_keep_capabilities(false).map_err(failed("give up the capabilities"))?;
    // Not by the word of the calls alone: a security module may have its own mind.
    let returned = !user.is_root() && set_thread_uid(Uid::ROOT).is_ok();
    if !is(user, group) || returned {
        let source = io::Error::other("it did not last");
        return Err(SandboxError::Account { step: "set the user", user: account.name.clone(), source });
    }
    Ok(())
}

fn is(user: Uid, group: Gid) -> bool {
    (getuid(), geteuid(), getgid(), getegid()) == (user, user, group, group)
}

/// Gives up what capabilities are left, but the one to read all files where that is asked for and held.
pub(super) fn drop_capabilities(read_all_files: bool) -> Outcome {
    let (held, inheritable) = match capabilities(None) {
        Ok(sets) => (sets.permitted, sets.inheritable),
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    if (held | inheritable).is_empty() && !read_all_files {
        // Not by the call: a service manager's filter may refuse it to those who have nothing to give up.
        return Outcome::applied("none");
    }
    let kept = if read_all_files { held & READ_ALL } else { CapabilitySet::empty() };
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    let outcome = clear_ambient_capability_set().and_then(|()| set_capabilities(None, sets));
    match outcome {
        Err(error) => Outcome::Failed(error.to_string()),
        Ok(()) if read_all_files && kept.is_empty() => {
            Outcome::Failed("the one to read all files was asked for, and was not held".to_owned())
        }
        Ok(()) if kept.is_empty() => Outcome::applied("none"),
        Ok(()) => Outcome::applied("to read all files"),
    }
}
