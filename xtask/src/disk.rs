//! Room on the disk, looked at before the long build: a compiler that finds none says so late, and not how much it wanted.

use crate::process;
use crate::report::Outcome;
use crate::workspace::Workspace;
use std::process::Command;

/// What a run from a clean checkout writes: builds 7 GB, packages of the suites and data of the tests 1 GB.
const CLEAN_RUN_KB: u64 = 8_000_000;

/// Whether a run from here on finds room. One that has built before writes little.
pub(crate) fn has_room(workspace: &Workspace) -> Outcome {
    if workspace.florin().exists() {
        return Outcome::held();
    }
    let free = process::output(Command::new("df").arg("-Pk").arg(workspace.root())).and_then(|text| free_kb(&text));
    match free {
        Ok(free_kb) if free_kb >= CLEAN_RUN_KB => Outcome::held(),
        Ok(free_kb) => Outcome::broken(format!(
            "a first run writes about {} GB, and {} MB are free here: make room",
            CLEAN_RUN_KB / 1_000_000,
            free_kb / 1_000
        )),
        Err(error) => Outcome::broken(error),
    }
}

/// Kilobytes that are free, as `df -P` says (POSIX): the fourth column of its second line.
fn free_kb(text: &str) -> Result<u64, String> {
    let free = text.lines().nth(1).and_then(|line| line.split_whitespace().nth(3)).and_then(|free| free.parse().ok());
    free.ok_or_else(|| format!("df said what is not understood: {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_df_says_is_read() {
        let said =
            "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda 264239104 33554432 61865984 36% /\n";
        assert_eq!(free_kb(said), Ok(61_865_984));
        for said in ["", "Filesystem\n", "Filesystem\n/dev/vda 1 2 x 4% /\n"] {
            assert!(free_kb(said).is_err(), "{said:?}");
        }
    }
}
