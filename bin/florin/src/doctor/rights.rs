//! What a user may do with a file, by its owner, group and mode.
//!
//! The doctor is often run as root, who may do everything, and the node as somebody else. So the node's user is asked
//! about, not the doctor's. The groups of a process that runs are the kernel's word; those of a user without one are read
//! from `/etc/passwd` and `/etc/group`. Where neither says, and the group decides, nothing is said.

use rustix::process::Pid;
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

/// What somebody wants to do; the numbers are those of a mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    Read = 0o4,
    /// Make, replace and remove files in a directory.
    Fill = 0o7,
    /// Pass through a directory.
    Pass = 0o1,
}

/// Why a user cannot do something, or why it is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It cannot.
    Denied(String),
    /// The group decides, and nobody says whether the user is in it.
    Unknown(String),
}

/// A user, as the system judges it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) id: u32,
    /// Absent where nobody says.
    groups: Option<Vec<u32>>,
}

/// Owner, group and mode of a file.
#[derive(Clone, Copy, Debug)]
struct Owned {
    owner: u32,
    group: u32,
    mode: u32,
}

impl User {
    /// The user with this number; the groups are those of its process, where one runs.
    pub(super) fn new(id: u32, process: Option<Pid>) -> Self {
        let of_process = || fs::read_to_string(format!("/proc/{}/status", process?.as_raw_nonzero())).ok();
        let read = |path| fs::read_to_string(path).ok();
        let groups = match of_process() {
            Some(status) => Some(groups_in_status(&status)),
            None => read("/etc/passwd").and_then(|users| groups_in_files(id, &users, &read("/etc/group")?)),
        };
        Self { id, groups }
    }

    /// Whether it may do this with the file or directory, and reach it at all.
    pub(super) fn ensure(&self, path: &Path, right: Right) -> Result<(), Refusal> {
        let unseen =
            |error: std::io::Error| Refusal::Unknown(format!("{} cannot be looked at: {error}", path.display()));
        let path = fs::canonicalize(path).map_err(unseen)?;
        // From the root on: the first that stops it is the one to mend.
        let mut above: Vec<&Path> = path.ancestors().skip(1).collect();
        above.reverse();
        let steps = above.into_iter().map(|directory| (directory, Right::Pass)).chain([(path.as_path(), right)]);
        for (step, right) in steps {
            let metadata = fs::metadata(step).map_err(unseen)?;
            let owned =
                Owned { owner: metadata.uid(), group: metadata.gid(), mode: metadata.permissions().mode() & 0o777 };
            let Owned { owner, group, mode } = owned;
            let whose = format!("{} (user {owner}, group {group}, mode {mode:03o})", step.display());
            let verb = match right {
                Right::Read => "read",
                Right::Fill => "write to",
                Right::Pass => "pass through",
            };
            match self.may(owned, right) {
                Some(true) => {}
                Some(false) => return Err(Refusal::Denied(format!("user {} cannot {verb} {whose}", self.id))),
                None => {
                    let question = format!("whether user {} may {verb} {whose} depends on its groups", self.id);
                    return Err(Refusal::Unknown(question));
                }
            }
        }
        Ok(())
    }

    /// What the mode says; `None` where the group decides and is not known.
    fn may(&self, file: Owned, right: Right) -> Option<bool> {
        let allows = |bits: u32| bits & right as u32 == right as u32;
        let (by_owner, by_group, by_others) = (allows(file.mode >> 6), allows(file.mode >> 3), allows(file.mode));
        match &self.groups {
            _ if self.id == 0 => Some(true),
            _ if self.id == file.owner => Some(by_owner),
            Some(groups) if groups.contains(&file.group) => Some(by_group),
            Some(_) => Some(by_others),
            None => (by_group == by_others).then_some(by_others),
        }
    }
}

/// `Gid` and `Groups` of a process. Source: proc_pid_status(5); the second number of `Gid` is the effective group.
fn groups_in_status(status: &str) -> Vec<u32> {
    let numbers = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().filter_map(|number| number.parse().ok()).collect::<Vec<u32>>()
    };
    numbers("Gid:").into_iter().skip(1).take(1).chain(numbers("Groups:")).collect()
}

/// The groups of a user whom the system's files know. Source: passwd(5), group(5).
fn groups_in_files(id: u32, users: &str, groups: &str) -> Option<Vec<u32>> {
    let fields = |line: &'_ str| line.split(':').map(str::to_owned).collect::<Vec<String>>();
    let number = |fields: &[String], index: usize| fields.get(index)?.parse::<u32>().ok();
    let user = users.lines().map(fields).find(|user| number(user, 2) == Some(id))?;
    let name = user.first()?;
    let has_name =
        |group: &Vec<String>| group.get(3).is_some_and(|members| members.split(',').any(|member| member == name));
    let further = groups.lines().map(fields).filter(has_name).filter_map(|group| number(&group, 2));
    Some([number(&user, 3)?].into_iter().chain(further).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn user(id: u32, groups: Option<&[u32]>) -> User {
        User { id, groups: groups.map(<[u32]>::to_vec) }
    }

    #[test]
    fn owner_group_and_others_are_judged_in_this_order() {
        let file = |mode| Owned { owner: 10, group: 20, mode };
        let (owner, member, other, unknown) =
            (user(10, Some(&[20])), user(11, Some(&[5, 20])), user(12, Some(&[5])), user(13, None));
        let judged = |mode, right| [&owner, &member, &other, &unknown].map(|user| user.may(file(mode), right));
        assert_eq!(judged(0o640, Right::Read), [Some(true), Some(true), Some(false), None]);
        assert_eq!(judged(0o600, Right::Read), [Some(true), Some(false), Some(false), Some(false)]);
        assert_eq!(
            judged(0o044, Right::Read),
            [Some(false), Some(true), Some(true), Some(true)],
            "the owner is no other"
        );
        assert_eq!(judged(0o750, Right::Fill), [Some(true), Some(false), Some(false), Some(false)]);
        assert_eq!(judged(0o711, Right::Pass), [Some(true), Some(true), Some(true), Some(true)]);
        assert_eq!(user(0, Some(&[])).may(file(0o000), Right::Fill), Some(true), "root");
    }

    #[test]
    fn groups_are_read_from_the_system() {
        let status = "Name:\tflorin\nUid:\t10\t10\t10\t10\nGid:\t20\t21\t22\t23\nGroups:\t5 6 \n";
        assert_eq!(groups_in_status(status), [21, 5, 6]);
        assert_eq!(groups_in_status(""), Vec::<u32>::new());
        let users = "root:x:0:0::/:/bin/sh\nflorin:x:10:20:Ledger,,:/var:/bin/false\nbroken\n";
        let groups = "root:x:0:\nflorin:x:20:\nkeys:x:30:other,florin\nnearly:x:40:florins\n";
        assert_eq!(groups_in_files(10, users, groups), Some(vec![20, 30]));
        assert_eq!(groups_in_files(99, users, groups), None);
    }

    #[test]
    fn a_directory_on_the_way_counts() {
        let root = tempfile::tempdir().unwrap();
        let (closed, file) = (root.path().join("closed"), root.path().join("closed/file"));
        fs::create_dir(&closed).unwrap();
        fs::write(&file, "").unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        set(root.path(), 0o755);
        set(&file, 0o644);
        let nobody = user(4_000_000_000, Some(&[]));
        set(&closed, 0o755);
        assert_eq!(nobody.ensure(&file, Right::Read), Ok(()));
        assert!(matches!(nobody.ensure(&closed, Right::Fill), Err(Refusal::Denied(_))));
        set(&closed, 0o700);
        let Err(Refusal::Denied(reason)) = nobody.ensure(&file, Right::Read) else { panic!("it passes") };
        assert!(reason.contains("cannot pass through") && reason.contains("closed (user"), "{reason}");
        assert!(matches!(nobody.ensure(&root.path().join("absent"), Right::Read), Err(Refusal::Unknown(_))));
    }
}
