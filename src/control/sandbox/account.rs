//! From the name of a user to the numbers that the kernel knows.

use std::ffi::CString;
use std::io;

use nix::unistd::{Group, User, getgrouplist};
use rustix::process::{Gid, Uid};

use super::{Account, SandboxError};

/// A user, found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its name.
    pub(super) name: String,
    /// Its number.
    pub(super) user: Uid,
    /// The group's number.
    pub(super) group: Gid,
    /// All groups that it is a member of, so that being made one of `adm` is enough to read what `adm` may.
    pub(super) groups: Vec<Gid>,
}

/// Looks it up. A number stands for a user that the machine need not know.
pub(super) fn find(account: &Account) -> Result<Found, SandboxError> {
    let failed =
        |name: &str, error: nix::Error| SandboxError::Lookup { name: name.to_owned(), source: io::Error::from(error) };
    let name = &account.user;
    let number = name.parse::<u32>().ok();
    let known = match number {
        Some(number) => User::from_uid(number.into()),
        None => User::from_name(name),
    };
    let known = known.map_err(|error| failed(name, error))?;
    let group = account.group.as_deref().map(find_group).transpose()?;
    let Some(known) = known else {
        let number = number.ok_or_else(|| SandboxError::UnknownUser(name.clone()))?;
        // Of one that is not known, the group is not known either: the one of the same number, as containers have it.
        let group = group.unwrap_or_else(|| Gid::from_raw(number));
        return Ok(Found { name: name.clone(), user: Uid::from_raw(number), group, groups: vec![group] });
    };
    let group = group.unwrap_or_else(|| Gid::from_raw(known.gid.as_raw()));
    let listed = CString::new(known.name.as_str())
        .map_err(|_| nix::Error::EINVAL)
        .and_then(|name| getgrouplist(&name, group.as_raw().into()))
        .map_err(|error| failed(name, error))?;
    let groups = listed.into_iter().map(|group| Gid::from_raw(group.as_raw())).collect();
    Ok(Found { name: known.name, user: Uid::from_raw(known.uid.as_raw()), group, groups })
}

fn find_group(name: &str) -> Result<Gid, SandboxError> {
    if let Ok(number) = name.parse() {
        return Ok(Gid::from_raw(number));
    }
    let found = Group::from_name(name)
        .map_err(|error| SandboxError::Lookup { name: name.to_owned(), source: io::Error::from(error) })?;
    found.map(|group| Gid::from_raw(group.gid.as_raw())).ok_or_else(|| SandboxError::UnknownGroup(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(user: &str, group: Option<&str>) -> Account {
        Account { user: user.to_owned(), group: group.map(str::to_owned) }
    }

    #[test]
    fn users_are_found_by_name_and_by_number() {
        let root = find(&account("root", None)).expect("every machine has one");
        assert!(root.user.is_root() && root.group.is_root() && root.groups.contains(&Gid::ROOT));
        assert_eq!(find(&account("0", None)).expect("the same").name, "root");
        let unknown = find(&account("3999999999", Some("7"))).expect("a number");
        assert_eq!((unknown.user.as_raw(), unknown.group.as_raw()), (3_999_999_999, 7));
        assert_eq!(unknown.groups, [unknown.group]);
    }

    #[test]
    fn who_is_not_there_is_told_by_name() {
        let error = find(&account("no-such-user", None)).expect_err("nobody");
        assert!(error.to_string().contains("no-such-user"));
        let error = find(&account("root", Some("no-such-group"))).expect_err("no group");
        assert!(error.to_string().contains("no-such-group"));
    }
}
