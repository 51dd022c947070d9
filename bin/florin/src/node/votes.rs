//! Whether a validator may vote: it must never sign twice for a view, also when it has lost what it remembers.
//!
//! **State.** `DIR/data/votes.json`: whose data this is, and how it stands with its votes.
//!
//! | state | meaning |
//! |---|---|
//! | `fresh` | nothing was ever signed with this share above the floor (or at all): it was made with this file, or it waited |
//! | `voting` | every vote above the floor stands in the vote journal beside |
//! | `waiting` | earlier votes are not known; the time says by when they had all been cast |
//! | no file, or another node's | as `waiting`, from now on |
//!
//! **Rule.** A node votes when it is `fresh`, or `voting` and its vote journal is there. Otherwise it starts without its share and
//! follows. When it sees a final block whose time is later than that in the file by more than [`MARGIN_MS`], it is `fresh`
//! above the view of that block's certificate, and starts again with its share. Why that is enough: `specs/backup.md`.
//! `fresh` turns to `voting` with the first block that becomes final.
//!
//! **Failures.** A changed file is damage, never a guess. Removing it is always safe: the node then waits.

use crate::{
    failure::Failure,
    files::{self, Audience},
};
use alloy_primitives::{B256, Bytes, hex};
use florin_consensus::Node;
use florin_proof::{FinalityProof, Finalization, decode_finalization};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const FILE: &str = "votes.json";
/// Directory of the engine's vote journal.
const JOURNAL: &str = "florin-simplex";
/// How far the clocks of honest validators, and this machine's, may be apart.
pub(crate) const MARGIN_MS: u64 = 10_000;

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
    Waiting {
        /// By when all earlier votes had been cast: this machine's clock, milliseconds since 1970.
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
        files::replace(&data.join(FILE), self.to_text()?.as_bytes(), Audience::Owner)
    }
}

fn damaged(path: &Path, reason: impl std::fmt::Display) -> Failure {
    Failure::damaged(
        "votes.damaged",
        format_args!("{} is damaged: {reason}", path.display()),
        "remove it: the node then follows until it is certain that it votes for nothing twice",
    )
}

/// What a validator does when it starts.
#[derive(Debug)]
pub(crate) enum Standing {
    /// It votes above this floor. What is to be noted with the first final block, if anything is.
    Votes(Option<Box<Finalization>>, Option<Begun>),
    /// It follows until [`Waiting::until_safe`] ends.
    Waits(Waiting),
}

/// Notes that a share was made just now: nothing was signed with it yet.
pub(crate) fn share_was_made(data: &Path, node_key: B256) -> Result<(), Failure> {
    files::make_directory(data)?;
    Record::new(node_key, State::Fresh { floor: None }).write(data)
}

/// Notes that the network begins again from the block of this certificate (`florin restore --network-lost`).
pub(crate) fn begin_again(data: &Path, node_key: B256, certificate: &Bytes) -> Result<(), Failure> {
    Record::new(node_key, State::Fresh { floor: Some(certificate.clone()) }).write(data)
}

/// How the validator with this key stands, and notes it where it begins to wait. `now_ms` is the wall clock.
pub(crate) fn standing(data: &Path, node_key: B256, now_ms: u64) -> Result<Standing, Failure> {
    let path = data.join(FILE);
    let decoded =
        |floor: &Option<Bytes>| floor.as_ref().map(|bytes| decode_finalization(bytes).map(Box::new)).transpose();
    let record = Record::read(&path)?.filter(|record| record.node_key == node_key);
    let since_ms = match record.map(|record| record.state) {
        Some(State::Fresh { floor }) => {
            let finalization = decoded(&floor).map_err(|error| damaged(&path, error))?;
            return Ok(Standing::Votes(finalization, Some(Begun { data: data.into(), node_key, floor })));
        }
        Some(State::Voting { floor }) if has_journal(data) => {
            return Ok(Standing::Votes(decoded(&floor).map_err(|error| damaged(&path, error))?, None));
        }
        Some(State::Waiting { since_ms }) => since_ms,
        _ => now_ms,
    };
    Record::new(node_key, State::Waiting { since_ms }).write(data)?;
    Ok(Standing::Waits(Waiting { data: data.into(), node_key, since_ms }))
}

/// Whether anything was ever written to the vote journal.
fn has_journal(data: &Path) -> bool {
    let entries = std::fs::read_dir(data.join(JOURNAL)).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.metadata().is_ok_and(|metadata| metadata.len() > 0))
}

/// A validator that votes and has no block to show for it yet.
#[derive(Clone, Debug)]
pub(crate) struct Begun {
    data: PathBuf,
    node_key: B256,
    floor: Option<Bytes>,
}

impl Begun {
    /// Waits for the first block that becomes final, and notes that from now on the journal must be there.
    pub(crate) async fn note(self, node: &Node) -> Result<(), Failure> {
        if let Ok(Some(_)) = node.ledger().subscribe().next().await {
            return Record::new(self.node_key, State::Voting { floor: self.floor }).write(&self.data);
        }
        Ok(())
    }
}

/// A validator that does not know its earlier votes.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    data: PathBuf,
    node_key: B256,
    since_ms: u64,
}

impl Waiting {
    /// Follows the ledger until this validator may vote, and notes above which view.
    pub(crate) async fn until_safe(&self, node: &Node) -> Result<(), Failure> {
        let mut blocks = node.ledger().subscribe();
        loop {
            let block = match blocks.next().await {
                Ok(Some(block)) => block,
                Ok(None) => return std::future::pending().await,
                Err(error) => {
                    tracing::error!(%error, "a final block cannot be read, so it does not show that voting is safe");
                    continue;
                }
            };
            // While it catches up it sees what was decided in its earlier life.
            if node.status().syncing {
                continue;
            }
            let Ok(Some(proof)) = node.ledger().certificate(block.block.height()).await else { continue };
            match self.judge(&proof, super::monitoring::now_ms()) {
                Verdict::Safe => {
                    let floor = Some(proof.certificate.clone());
                    tracing::info!(height = block.block.height(), "this validator's earlier votes are all in the past");
                    return Record::new(self.node_key, State::Fresh { floor }).write(&self.data);
                }
                Verdict::TooEarly => {}
                Verdict::ClockBehind { by_ms } => tracing::warn!(
                    by_ms,
                    "the clock of this machine is behind the network's blocks, so it cannot tell which votes are past: set it"
                ),
            }
        }
    }

    /// Whether a certified block shows that all votes of the earlier life are for views at or below its own.
    fn judge(&self, proof: &FinalityProof, now_ms: u64) -> Verdict {
        let Some(certified) = proof.headers.last() else { return Verdict::TooEarly };
        let time_ms = certified.extension.timestamp_ms;
        if time_ms > now_ms.saturating_add(MARGIN_MS) {
            return Verdict::ClockBehind { by_ms: time_ms.saturating_sub(now_ms) };
        }
        match time_ms > self.since_ms.saturating_add(MARGIN_MS) {
            true => Verdict::Safe,
            false => Verdict::TooEarly,
        }
    }
}

/// What a block says to a validator that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It may vote above this block's view.
    Safe,
    /// The block may be as old as its last vote.
    TooEarly,
    /// This machine's clock cannot be trusted.
    ClockBehind { by_ms: u64 },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use florin_proof::CertifiedHeader;

    const ME: B256 = B256::repeat_byte(1);

    fn waits(standing: Standing) -> u64 {
        match standing {
            Standing::Waits(waiting) => waiting.since_ms,
            Standing::Votes(..) => panic!("it votes"),
        }
    }

    fn votes(data: &Path, node_key: B256) -> bool {
        matches!(standing(data, node_key, 1_000).unwrap(), Standing::Votes(None, _))
    }

    fn write_journal(data: &Path, content: &str) {
        files::make_directory(&data.join(JOURNAL)).unwrap();
        std::fs::write(data.join(JOURNAL).join("00"), content).unwrap();
    }

    #[test]
    fn who_does_not_know_its_votes_waits_from_the_first_start_on() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(waits(standing(data.path(), ME, 1_000).unwrap()), 1_000);
        assert_eq!(waits(standing(data.path(), ME, 9_000).unwrap()), 1_000, "a restart does not begin the time anew");
        assert_eq!(waits(standing(data.path(), B256::repeat_byte(2), 7_000).unwrap()), 7_000, "another node's file");
        // A journal alone, as copied from elsewhere, proves nothing.
        let data = tempfile::tempdir().unwrap();
        write_journal(data.path(), "votes");
        assert_eq!(waits(standing(data.path(), ME, 1_000).unwrap()), 1_000);
    }

    #[test]
    fn a_new_share_votes_and_a_lost_journal_is_noticed() {
        let data = tempfile::tempdir().unwrap();
        share_was_made(data.path(), ME).unwrap();
        assert!(votes(data.path(), ME));
        assert!(votes(data.path(), ME), "stopped before the first block");
        Record::new(ME, State::Voting { floor: None }).write(data.path()).unwrap();
        write_journal(data.path(), "votes");
        assert!(votes(data.path(), ME));
        write_journal(data.path(), "");
        assert_eq!(waits(standing(data.path(), ME, 5_000).unwrap()), 5_000);
        write_journal(data.path(), "votes");
        assert_eq!(waits(standing(data.path(), ME, 6_000).unwrap()), 5_000, "a journal that comes back is an old one");
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

    #[test]
    fn only_a_block_from_after_its_earlier_life_lets_it_vote() {
        let waiting = Waiting { data: PathBuf::new(), node_key: ME, since_ms: 100_000 };
        let judge = |time_ms: u64, now_ms: u64| {
            let mut certified = CertifiedHeader { header: Default::default(), extension: Default::default() };
            certified.extension.timestamp_ms = time_ms;
            waiting.judge(&FinalityProof { headers: vec![certified], certificate: Bytes::new() }, now_ms)
        };
        assert_eq!(judge(100_000 + MARGIN_MS, 200_000), Verdict::TooEarly);
        assert_eq!(judge(100_001 + MARGIN_MS, 200_000), Verdict::Safe);
        assert_eq!(judge(200_000 + MARGIN_MS, 200_000), Verdict::Safe);
        assert_eq!(judge(200_001 + MARGIN_MS, 200_000), Verdict::ClockBehind { by_ms: MARGIN_MS + 1 });
    }
}
