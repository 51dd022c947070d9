//! Where a restore works, and how what it made gets its place.
//!
//! `DIR/data` may be a volume of its own, which can neither be renamed nor be filled from another one. So a restore works inside
//! of it, and moves what it made up by one directory at the end.
//!
//! ```text
//! DIR/data/restoring/    what is being made
//! DIR/data/restore.json  all is made; what is still in restoring/ is on its way up
//! ```
//!
//! **Crashes.** Before the mark is there, the same command goes on executing; from then on it goes on moving. The mark goes last.
//! While one of the two is there no node starts and nothing opens the data.

use super::restore::Replayed;
use crate::{
    failure::Failure,
    files::{self, Audience},
    node::directory::{Directory, RESTORE_MARK},
};
use alloy_primitives::B256;
use florin_types::Height;
use serde::{Deserialize, Serialize};
use std::{ffi::OsStr, fs, io, path::PathBuf};

/// What the root of a volume holds by itself.
const OF_THE_VOLUME: &str = "lost+found";

/// A data directory that is being made.
pub(super) struct Place {
    data: PathBuf,
    /// Where it is made.
    pub(super) working: PathBuf,
    mark: PathBuf,
}

/// What was made, and what for.
#[derive(Debug, Serialize, Deserialize)]
struct Mark {
    replayed: Replayed,
    network_lost: Option<B256>,
}

impl Place {
    pub(super) fn of(directory: &Directory) -> Self {
        let data = directory.data();
        Self { working: directory.restoring(), mark: data.join(RESTORE_MARK), data }
    }

    /// Refuses a data directory that holds anything but what a restore leaves there.
    pub(super) fn check_empty(&self) -> Result<(), Failure> {
        let begun = self.mark.with_extension("partial");
        let ours =
            [Some(OsStr::new(OF_THE_VOLUME)), self.working.file_name(), self.mark.file_name(), begun.file_name()];
        let entries = match fs::read_dir(&self.data) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(|error| Failure::reading(&self.data, &error))?,
        };
        for entry in entries {
            let name = entry.map_err(|error| Failure::reading(&self.data, &error))?.file_name();
            if !ours.contains(&Some(name.as_os_str())) {
                return Err(Failure::input(
                    "restore.not_empty",
                    format_args!("{} holds something, and nothing is ever overwritten", self.data.display()),
                    "move it away (it may be evidence), or give another --dir",
                ));
            }
        }
        Ok(())
    }

    /// What an earlier command has made whole, where it did not come to its end: it must have been asked for the same.
    pub(super) fn made(
        &self,
        genesis_hash: B256,
        height: Option<Height>,
        network_lost: Option<B256>,
    ) -> Result<Option<Replayed>, Failure> {
        if !self.mark.exists() {
            return Ok(None);
        }
        let mark = serde_json::from_str::<Mark>(&files::read_text(&self.mark)?).map_err(|error| {
            let message = format!("{} is damaged: {error}", self.mark.display());
            Failure::damaged("restore.mark", message, format_args!("empty {}, and begin anew", self.data.display()))
        })?;
        let made = mark.replayed;
        let same_height = height.is_none_or(|height| height == made.height);
        if made.genesis_hash == genesis_hash && same_height && mark.network_lost == network_lost {
            return Ok(Some(made));
        }
        let lost = mark.network_lost.map(|hash| format!(" with --network-lost {hash}")).unwrap_or_default();
        Err(Failure::input(
            "restore.other",
            format_args!(
                "an unfinished restore of genesis {} to block {}{lost} stands in {}",
                made.genesis_hash,
                made.height,
                self.data.display()
            ),
            "finish it with the command that began it, or empty the data directory and begin anew",
        ))
    }

    /// Puts what was made in its place, durably.
    pub(super) fn put(&self, replayed: Replayed, network_lost: Option<B256>) -> Result<Replayed, Failure> {
        let mark = Mark { replayed, network_lost };
        let text = serde_json::to_string_pretty(&mark)
            .map_err(|error| Failure::damaged("restore.mark", error, "report this: the mark could not be written"))?;
        files::sync_directory(Some(&self.working))?;
        files::replace(&self.mark, (text + "\n").as_bytes(), Audience::Everyone)?;
        self.finish()?;
        Ok(mark.replayed)
    }

    /// Moves what is still on its way, and forgets that there was a restore.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        if self.working.exists() {
            let entries = fs::read_dir(&self.working).map_err(|error| Failure::reading(&self.working, &error))?;
            for entry in entries {
                let entry = entry.map_err(|error| Failure::reading(&self.working, &error))?;
                let to = self.data.join(entry.file_name());
                fs::rename(entry.path(), &to).map_err(|error| Failure::writing(&to, &error))?;
            }
            files::sync_directory(Some(&self.working))?;
            files::sync_directory(Some(&self.data))?;
            fs::remove_dir(&self.working).map_err(|error| Failure::writing(&self.working, &error))?;
            files::sync_directory(Some(&self.data))?;
        }
        files::remove(&self.mark)?;
        files::sync_directory(Some(&self.data))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::{collections::BTreeSet, path::Path};

    const GENESIS: B256 = B256::repeat_byte(1);

    fn replayed() -> Replayed {
        Replayed {
            chain_id: 7,
            genesis_hash: GENESIS,
            state_height: None,
            height: 5,
            block_hash: B256::repeat_byte(5),
            state_root: B256::repeat_byte(6),
            blocks: 5,
            seconds: 0.5,
            certificate: Default::default(),
        }
    }

    /// A data directory that is there already, as a volume's is, in which everything has been made.
    fn made(root: &Path) -> (Directory, Place) {
        let directory = Directory::open_as_it_is(root).unwrap();
        let place = Place::of(&directory);
        fs::create_dir_all(directory.data().join(OF_THE_VOLUME)).unwrap();
        fs::create_dir_all(place.working.join("florin-blocks")).unwrap();
        for name in ["florin-blocks/00", "votes.json", "index.sqlite"] {
            fs::write(place.working.join(name), name).unwrap();
        }
        (directory, place)
    }

    fn names(path: &Path) -> BTreeSet<String> {
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    fn is_in_place(directory: &Directory) {
        let data = directory.data();
        let expected = ["florin-blocks", "index.sqlite", OF_THE_VOLUME, "votes.json"];
        assert_eq!(names(&data), expected.map(String::from).into());
        assert_eq!(fs::read_to_string(data.join("florin-blocks/00")).unwrap(), "florin-blocks/00");
        directory.lock().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn what_was_made_moves_into_the_directory_that_is_there() {
        use std::os::unix::fs::MetadataExt as _;
        let root = tempfile::tempdir().unwrap();
        let (directory, place) = made(root.path());
        let volume = fs::metadata(directory.data()).unwrap().ino();
        place.check_empty().unwrap();
        assert_eq!(directory.lock().unwrap_err().code, "restore.unfinished");
        assert_eq!(place.put(replayed(), None).unwrap().height, 5);
        is_in_place(&directory);
        assert_eq!(fs::metadata(directory.data()).unwrap().ino(), volume, "a mount point cannot be replaced");
        assert_eq!(place.check_empty().unwrap_err().code, "restore.not_empty");
    }

    #[test]
    fn a_move_that_was_interrupted_anywhere_is_finished_by_the_same_command() {
        let entries = ["florin-blocks", "index.sqlite", "votes.json"];
        for moved in 0..=entries.len() + 1 {
            let root = tempfile::tempdir().unwrap();
            let (directory, place) = made(root.path());
            assert!(place.made(GENESIS, None, None).unwrap().is_none(), "before the mark nothing is whole");
            let mark = Mark { replayed: replayed(), network_lost: Some(B256::repeat_byte(5)) };
            fs::write(&place.mark, serde_json::to_string(&mark).unwrap()).unwrap();
            for name in entries.iter().take(moved) {
                fs::rename(place.working.join(name), directory.data().join(name)).unwrap();
            }
            if moved > entries.len() {
                fs::remove_dir(&place.working).unwrap();
            }
            assert_eq!(directory.lock().unwrap_err().code, "restore.unfinished", "{moved} moved");
            let agreed = Some(B256::repeat_byte(5));
            for (genesis, height, agreed) in
                [(B256::ZERO, None, agreed), (GENESIS, Some(4), agreed), (GENESIS, None, None)]
            {
                assert_eq!(place.made(genesis, height, agreed).unwrap_err().code, "restore.other");
            }
            assert_eq!(place.made(GENESIS, Some(5), agreed).unwrap().unwrap().block_hash, replayed().block_hash);
            place.finish().unwrap();
            is_in_place(&directory);
        }
    }
}
