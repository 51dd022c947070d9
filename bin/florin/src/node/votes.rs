//! Whether a validator may vote: it must never sign twice for a view, also when it has lost what it remembers.
//!
//! **State.** `DIR/data/votes.json`: whose data this is, and how it stands with its votes.
//!
//! | state | meaning |
//! |---|---|
//! | `fresh` | the share was made with this file, and nothing was signed with it |
//! | `agreed` | the operators of a quorum have agreed to go on above the floor, whatever was voted for above it |
//! | `voting` | every vote above the floor stands in the vote journal beside |
//! | `waiting` | earlier votes are not known |
//! | no file, or another node's | as `waiting` |
//!
//! **Rule.** A node votes when there is a vote journal and it is `voting`, `fresh` or `agreed`. Without a journal, `fresh` and `agreed`
//! ask the others first, who must say that nothing is final above the floor: a copy of such a directory looks the same
//! after its share has voted. With one, `voting` and `fresh` ask the others which of its votes they have heard last: one that the
//! journal lacks shows that the directory is an old copy, and it waits. Everybody else starts without the share and follows; a
//! journal that is there is removed. When it sees a final block that was made after its process began ([`PastVotes`]), it is `voting`
//! above the view of that block's certificate, and starts again with its share. Why that is enough: `specs/backup.md`.
//!
//! **Where the committee changes** shares come with the epochs, and any node may hold one: so every node goes this way. One that waited
//! need not start again: it signs nothing in the epoch of that block, and what it is dealt for later ones.
//!
//! **Failures.** A changed file is damage, never a guess. Removing it never lets a node sign twice: it then waits.

use crate::{
    failure::Failure,
    files::{self, Audience},
};
use alloy_primitives::{B256, Bytes, hex};
use florin_consensus::{Beginning, Node, PastVotes, Verdict};
use florin_proof::{Finalization, decode_finalization};
use serde::{Deserialize, Serialize};
use std::{
    fs::DirEntry,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

const FILE: &str = "votes.json";
/// Code of a file that was changed.
pub(crate) const DAMAGED: &str = "votes.damaged";
/// Directory of the engine's vote journal where the committee never changes.
const JOURNAL: &str = "florin-simplex";
/// What stands between that and the number of an epoch elsewhere.
const OF_EPOCH: &str = "_consensus_";
/// Pause after a block that cannot be read.
const PAUSE: Duration = Duration::from_secs(1);
/// Time without a final block after which a validator that waits tells its operator what that may mean.
const SILENCE: Duration = Duration::from_secs(30);

/// How it stands with the votes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum State {
    Fresh {
        /// Encoded finalisation at or below whose view nothing is voted for.
        floor: Option<Bytes>,
    },
    Voting {
        /// The same.
        floor: Option<Bytes>,
    },
    Agreed {
        /// The same. Absent where they begin with the first block.
        floor: Option<Bytes>,
    },
    Waiting {
        /// When it began to wait: this machine's clock, milliseconds since 1970.
        since_ms: u64,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    node_key: B256,
    state: State,
    /// BLAKE3 over this with an empty text here: a changed digit of a time must not let a node vote early.
    checksum: String,
}

impl Record {
    fn new(node_key: B256, state: State) -> Self {
        Self { node_key, state, checksum: String::new() }
    }

    fn to_text(&self) -> Result<String, Failure> {
        let failed = |error| Failure::damaged("votes.file", error, "report this: the file could not be written");
        let mut record = Self { checksum: String::new(), ..self.clone() };
        record.checksum = hex::encode(blake3::hash(&serde_json::to_vec(&record).map_err(failed)?).as_bytes());
        Ok(serde_json::to_string_pretty(&record).map_err(failed)? + "\n")
    }

    fn read(path: &Path) -> Result<Option<Self>, Failure> {
        if !path.exists() {
            return Ok(None);
        }
        // As bytes: one that is no text any more is damage like any other.
        let bytes = files::read_bytes(path)?;
        let record = serde_json::from_slice::<Self>(&bytes).map_err(|error| damaged(path, error))?;
        match record.to_text()?.as_bytes() == bytes {
            true => Ok(Some(record)),
            false => Err(damaged(path, "its checksum does not match: it was changed")),
        }
    }

    fn write(&self, data: &Path) -> Result<(), Failure> {
        // No secret, and whoever may write beside it may write the journal: it is as open as the data directory.
        files::replace(&data.join(FILE), self.to_text()?.as_bytes(), Audience::Everyone)
    }
}

fn damaged(path: &Path, reason: impl std::fmt::Display) -> Failure {
    Failure::damaged(
        DAMAGED,
        format_args!("{} is damaged: {reason}", path.display()),
        "remove it: the node then follows until it is certain that it votes for nothing twice",
    )
}

/// What a validator does when it starts.
#[derive(Debug)]
pub(crate) enum Standing {
    /// It votes above this floor: what was voted for above it is given up, or cast by this very life of the directory.
    Votes(Option<Box<Finalization>>),
    /// It asks the others first, about this, and votes above this floor.
    Asks(Beginning, Option<Box<Finalization>>, Begun),
    /// It follows until [`Waiting::until_safe`] ends.
    Waits(Waiting),
}

/// Notes that a share is made just now: nothing is signed with it yet. To be called before the share is written.
pub(crate) fn share_is_made(data: &Path, node_key: B256) -> Result<(), Failure> {
    files::make_directory(data)?;
    Record::new(node_key, State::Fresh { floor: None }).write(data)
}

/// Notes that the network begins again from the block of this certificate, or from genesis (`florin restore --network-lost`).
pub(crate) fn begin_again(data: &Path, node_key: B256, certificate: Option<&Bytes>) -> Result<(), Failure> {
    Record::new(node_key, State::Agreed { floor: certificate.cloned() }).write(data)
}

/// Removes the file, where there is one: the votes are then not known.
pub(crate) fn forget(data: &Path) -> Result<(), Failure> {
    files::remove(&data.join(FILE))
}

/// How the validator with this key stands, and notes it where it begins to wait. `now_ms` is the wall clock.
pub(crate) fn standing(data: &Path, node_key: B256, now_ms: u64) -> Result<Standing, Failure> {
    let path = data.join(FILE);
    let record = Record::read(&path)?.filter(|record| record.node_key == node_key);
    let has_journal = has_journal(data);
    let decoded = |floor: &Option<Bytes>| {
        let decoded = floor.as_ref().map(|bytes| decode_finalization(bytes).map(Box::new)).transpose();
        decoded.map_err(|error| damaged(&path, error))
    };
    let begins = |beginning: Beginning, floor: Option<Bytes>| {
        let finalization = decoded(&floor)?;
        let begun = Begun { data: data.into(), node_key, floor, agreed: beginning == Beginning::Agreed };
        Ok(match (beginning, has_journal) {
            (Beginning::Agreed, true) => Standing::Votes(finalization),
            (Beginning::NewShare, true) => Standing::Asks(Beginning::Again, finalization, begun),
            _ => Standing::Asks(beginning, finalization, begun),
        })
    };
    let since_ms = match record.map(|record| record.state) {
        Some(State::Voting { floor }) if has_journal => return begins(Beginning::Again, floor),
        Some(State::Fresh { floor }) => return begins(Beginning::NewShare, floor),
        Some(State::Agreed { floor }) => return begins(Beginning::Agreed, floor),
        Some(State::Waiting { since_ms }) => since_ms,
        _ => now_ms,
    };
    let waiting = wait(data, node_key, since_ms)?;
    remove_journals(data)?;
    Ok(Standing::Waits(waiting))
}

/// Notes that this validator may have votes that are not known here, and waits from now on.
fn wait(data: &Path, node_key: B256, since_ms: u64) -> Result<Waiting, Failure> {
    Record::new(node_key, State::Waiting { since_ms }).write(data)?;
    Ok(Waiting { data: data.into(), node_key, past: PastVotes::before(since_ms), begun: Instant::now() })
}

fn entries(directory: &Path) -> impl Iterator<Item = DirEntry> {
    std::fs::read_dir(directory).into_iter().flatten().flatten()
}

/// Directories of vote journals.
fn journals(data: &Path) -> impl Iterator<Item = PathBuf> {
    let is_journal = |entry: &DirEntry| {
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(JOURNAL));
        let epoch = rest.and_then(|rest| rest.strip_prefix(OF_EPOCH)).is_some_and(|epoch| epoch.parse::<u64>().is_ok());
        (epoch || rest == Some("")) && entry.path().is_dir()
    };
    entries(data).filter(is_journal).map(|entry| entry.path())
}

/// Whether anything was ever written to the vote journal.
fn has_journal(data: &Path) -> bool {
    let is_written = |entry: DirEntry| entry.metadata().is_ok_and(|metadata| metadata.len() > 0);
    journals(data).flat_map(|journal| entries(&journal).collect::<Vec<_>>()).any(is_written)
}

/// Removes the journals of a validator that waits: they do not have all of its votes, so they prove nothing, and the engine refuses
/// to follow with a journal of votes that it is not to cast.
fn remove_journals(data: &Path) -> Result<(), Failure> {
    for journal in journals(data) {
        std::fs::remove_dir_all(&journal).map_err(|error| Failure::writing(&journal, &error))?;
    }
    Ok(())
}

/// A validator that votes and has no block to show for it yet.
#[derive(Clone, Debug)]
pub(crate) struct Begun {
    data: PathBuf,
    node_key: B256,
    floor: Option<Bytes>,
    /// Whether votes above the floor were given up: others may have heard them, and they say nothing.
    agreed: bool,
}

impl Begun {
    /// Waits for the first block that becomes final, and notes that from now on the journal must be there. Where votes were given up that
    /// stays noted.
    pub(crate) async fn note(self, node: &Node) -> Result<(), Failure> {
        if self.agreed {
            return Ok(());
        }
        if let Ok(Some(_)) = node.ledger().subscribe().next().await {
            let record = Record::new(self.node_key, State::Voting { floor: self.floor });
            let noted = Record::read(&self.data.join(FILE))?.is_some_and(|noted| noted.state == record.state);
            return if noted { Ok(()) } else { record.write(&self.data) };
        }
        Ok(())
    }

    /// Notes that votes of this validator may be unknown here after all.
    pub(crate) fn wait(&self, now_ms: u64) -> Result<(), Failure> {
        wait(&self.data, self.node_key, now_ms).map(drop)
    }
}

/// A validator that does not know its earlier votes.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    data: PathBuf,
    node_key: B256,
    /// What was cast until it began to wait, as far as the wall clock was right.
    past: PastVotes,
    /// By now it was cast, certainly. It counts from here in every process anew: a note of an earlier one may have come back
    /// with an image, or have been made with a wrong clock.
    begun: Instant,
}

impl Waiting {
    /// Follows the ledger until this validator may vote, notes above which view, and gives the certificate of that view.
    pub(crate) async fn until_safe(mut self, node: &Node) -> Result<Finalization, Failure> {
        let mut blocks = node.ledger().subscribe();
        loop {
            let block = match tokio::time::timeout(SILENCE, blocks.next()).await {
                Ok(Ok(Some(block))) => block,
                Ok(Ok(None)) => return std::future::pending().await,
                Ok(Err(error)) => {
                    tracing::error!(
                        %error,
                        "a final block cannot be read, so it does not show that voting is safe: if this is said again and again, stop \
                         the node and run `florin inspect verify`"
                    );
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                Err(_) => {
                    tracing::warn!("{WAITS_IN_VAIN}");
                    continue;
                }
            };
            // While it catches up it sees what was decided in its earlier life.
            if node.status().syncing {
                continue;
            }
            let Ok(Some(proof)) = node.ledger().certificate(block.block.height()).await else { continue };
            let Some(certified) = proof.headers.last() else { continue };
            let elapsed_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
            match self.past.judge(certified.extension.timestamp_ms, super::monitoring::now_ms(), elapsed_ms) {
                Verdict::Safe => {
                    tracing::info!(height = block.block.height(), "this validator's earlier votes are all in the past");
                    return self.may_vote_above(&proof.certificate);
                }
                Verdict::TooEarly => {}
                Verdict::ClockBehind { by_ms } => tracing::warn!(
                    by_ms,
                    "the clock of this machine is behind the network's blocks, so it cannot tell which votes are past: set it"
                ),
            }
        }
    }

    /// The journal beside has every vote above this certificate: there is none yet.
    fn may_vote_above(&self, certificate: &Bytes) -> Result<Finalization, Failure> {
        let floor = decode_finalization(certificate).map_err(|error| damaged(&self.data.join(FILE), error))?;
        Record::new(self.node_key, State::Voting { floor: Some(certificate.clone()) }).write(&self.data)?;
        Ok(floor)
    }
}

/// What a node says that waits for a block while none comes.
const WAITS_IN_VAIN: &str = "this validator waits for a new final block before it votes, and none comes. If enough others vote, it will: \
    look at them with `florin doctor`. If too few are left that do not wait themselves, no block comes by itself: the operators of a \
    quorum agree on the last block, and where the committee never changes restore it with `florin restore --network-lost HASH` \
    (docs/backup.md, \"When all validators are lost\")";

/// How it stands with the votes of a validator, for its operator. Reads only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// All are known.
    All,
    /// None were cast; it asks the others before the first.
    None,
    /// They are not known, or not of this node: it follows first.
    Not,
}

/// Looks at the file without changing anything.
pub(crate) fn look(data: &Path, node_key: B256) -> Result<Known, Failure> {
    let record = Record::read(&data.join(FILE))?.filter(|record| record.node_key == node_key);
    Ok(match record.map(|record| record.state) {
        Some(State::Voting { .. } | State::Fresh { .. } | State::Agreed { .. }) if has_journal(data) => Known::All,
        Some(State::Fresh { .. } | State::Agreed { .. }) => Known::None,
        _ => Known::Not,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ME: B256 = B256::repeat_byte(1);

    fn waits(standing: Standing) -> u64 {
        match standing {
            Standing::Waits(waiting) => match Record::read(&waiting.data.join(FILE)).unwrap().unwrap().state {
                State::Waiting { since_ms } => since_ms,
                state => panic!("{state:?}"),
            },
            Standing::Votes(..) | Standing::Asks(..) => panic!("it votes"),
        }
    }

    /// Whether it votes without asking anybody, or why it asks.
    fn votes(data: &Path, node_key: B256) -> Result<(), Option<Beginning>> {
        match standing(data, node_key, 1_000).unwrap() {
            Standing::Votes(None) => Ok(()),
            Standing::Asks(beginning, None, _) => Err(Some(beginning)),
            _ => Err(None),
        }
    }

    fn write_journal(data: &Path, content: &str) {
        files::make_directory(&data.join(JOURNAL)).unwrap();
        std::fs::write(data.join(JOURNAL).join("00"), content).unwrap();
    }

    #[test]
    fn who_does_not_know_its_votes_waits() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(look(data.path(), ME).unwrap(), Known::Not);
        assert_eq!(waits(standing(data.path(), ME, 1_000).unwrap()), 1_000);
        assert_eq!(waits(standing(data.path(), ME, 9_000).unwrap()), 1_000, "when it first began is kept");
        assert_eq!(waits(standing(data.path(), B256::repeat_byte(2), 7_000).unwrap()), 7_000, "another node's file");
        // A journal alone, as copied from elsewhere, proves nothing.
        let data = tempfile::tempdir().unwrap();
        write_journal(data.path(), "votes");
        assert_eq!(waits(standing(data.path(), ME, 1_000).unwrap()), 1_000);
        assert_eq!(look(data.path(), ME).unwrap(), Known::Not);
    }

    #[test]
    fn a_new_share_asks_before_its_first_vote_and_a_lost_journal_is_noticed() {
        let data = tempfile::tempdir().unwrap();
        share_is_made(data.path(), ME).unwrap();
        assert_eq!(votes(data.path(), ME), Err(Some(Beginning::NewShare)));
        assert_eq!(votes(data.path(), ME), Err(Some(Beginning::NewShare)), "stopped before the first vote");
        assert_eq!(look(data.path(), ME).unwrap(), Known::None);
        write_journal(data.path(), "votes");
        let again = Err(Some(Beginning::Again));
        assert_eq!(votes(data.path(), ME), again, "stopped before the first block");
        Record::new(ME, State::Voting { floor: None }).write(data.path()).unwrap();
        assert_eq!(votes(data.path(), ME), again);
        assert_eq!(look(data.path(), ME).unwrap(), Known::All);
        write_journal(data.path(), "");
        assert_eq!(waits(standing(data.path(), ME, 5_000).unwrap()), 5_000);
        write_journal(data.path(), "votes");
        assert_eq!(waits(standing(data.path(), ME, 6_000).unwrap()), 5_000, "a journal that comes back is an old one");
    }

    #[test]
    fn what_was_agreed_begins_at_genesis_too_and_asks_before_its_first_vote() {
        let data = tempfile::tempdir().unwrap();
        begin_again(data.path(), ME, None).unwrap();
        assert_eq!(votes(data.path(), ME), Err(Some(Beginning::Agreed)));
        write_journal(data.path(), "votes above the floor");
        assert_eq!(votes(data.path(), ME), Ok(()), "earlier ones are given up");
        begin_again(data.path(), ME, Some(&Bytes::new())).unwrap();
        assert_eq!(standing(data.path(), ME, 1).unwrap_err().code, "votes.damaged", "no certificate");
        forget(data.path()).unwrap();
        forget(data.path()).unwrap();
        assert_eq!(votes(data.path(), ME), Err(None));
    }

    #[test]
    fn who_is_told_that_the_network_has_begun_waits_from_then_on() {
        let data = tempfile::tempdir().unwrap();
        share_is_made(data.path(), ME).unwrap();
        let Standing::Asks(_, _, begun) = standing(data.path(), ME, 1_000).unwrap() else { panic!("it does not ask") };
        begun.wait(3_000).unwrap();
        // Following writes a journal, too.
        write_journal(data.path(), "votes of others");
        let kept =
            ["florin-simplex.bak", "florin-simplex_consensus_x", "florin-simplexes"].map(|name| data.path().join(name));
        kept.iter().for_each(|path| std::fs::create_dir(path).unwrap());
        std::fs::create_dir(data.path().join("florin-simplex_consensus_7")).unwrap();
        assert_eq!(waits(standing(data.path(), ME, 4_000).unwrap()), 3_000);
        assert!(kept.iter().all(|path| path.is_dir()) && !data.path().join("florin-simplex_consensus_7").exists());
        assert!(!has_journal(data.path()), "whoever follows casts none of the votes in it");
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_as_open_as_the_data_directory() {
        use std::os::unix::fs::PermissionsExt as _;
        let data = tempfile::tempdir().unwrap();
        // A volume that a group shares.
        std::fs::set_permissions(data.path(), std::fs::Permissions::from_mode(0o2775)).unwrap();
        waits(standing(data.path(), ME, 1_000).unwrap());
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        std::fs::write(data.path().join("stored"), "like any other").unwrap();
        assert_eq!(mode(&data.path().join(FILE)), mode(&data.path().join("stored")));
    }

    #[test]
    fn every_changed_bit_is_named() {
        let data = tempfile::tempdir().unwrap();
        Record::new(ME, State::Waiting { since_ms: 1_234_567 }).write(data.path()).unwrap();
        let path = data.path().join(FILE);
        let sound = std::fs::read(&path).unwrap();
        for at in 0..sound.len() {
            for bit in 0..8 {
                let mut changed = sound.clone();
                changed[at] ^= 1 << bit;
                std::fs::write(&path, changed).unwrap();
                let failure = standing(data.path(), ME, 1).unwrap_err();
                let named = failure.message.contains(FILE);
                assert!(named && failure.code == "votes.damaged", "{at} {failure}");
            }
        }
        std::fs::write(&path, sound).unwrap();
        assert_eq!(waits(standing(data.path(), ME, 1).unwrap()), 1_234_567);
    }
}
