//! Evidence of equivocation, kept as files in `DIR/evidence`, one for each view in which a validator contradicted itself.
//!
//! A file can be given to anyone: `florin inspect evidence FILE --genesis FILE` checks it with nothing else. At most
//! [`FILES_MAX`] of one validator are kept; what comes after is logged and not kept, since the first are enough to act on.

use crate::{
    failure::{Exit, Failure},
    files::{self, Audience},
    genesis,
    node::intrusions::INTRUSION,
    output,
};
use alloy_primitives::{B256, Bytes};
use florin_consensus::EvidenceReceiver;
use florin_types::{Equivocation, Genesis};
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Files that are kept of one validator: nobody can fill the place for what another one does.
const FILES_MAX: usize = 256;

/// What is said of a key that convicts itself all the same: a validator of a later committee, or a key of nobody.
const NOT_IN_GENESIS: &str = "no validator of the genesis file";

/// A file of evidence. Everything but `votes` follows from them, and is checked against them.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EvidenceFile {
    /// Which network: the votes mean nothing in another.
    genesis_hash: B256,
    kind: String,
    epoch: u64,
    view: u64,
    /// Node key of the validator.
    validator: B256,
    /// Both signed votes, as the ledger takes them.
    votes: Bytes,
}

impl EvidenceFile {
    fn new(genesis_hash: B256, equivocation: &Equivocation) -> Self {
        Self {
            genesis_hash,
            kind: equivocation.kind().into(),
            epoch: equivocation.epoch(),
            view: equivocation.view(),
            validator: equivocation.validator(),
            votes: equivocation.encode().into(),
        }
    }
}

/// What `florin inspect evidence` shows.
#[derive(Debug, Serialize)]
pub(crate) struct EvidenceReport {
    kind: &'static str,
    epoch: u64,
    view: u64,
    validator: B256,
    /// Name of the validator in the genesis file, if it is one of those.
    name: Option<String>,
    verified: String,
}

impl EvidenceReport {
    pub(crate) fn text(&self) -> String {
        output::fields(&[
            ("equivocation", self.kind.to_string()),
            ("validator", format!("{} ({})", self.validator, self.name.as_deref().unwrap_or(NOT_IN_GENESIS))),
            ("epoch", self.epoch.to_string()),
            ("view", self.view.to_string()),
            ("verified", self.verified.clone()),
        ])
    }
}

/// Keeps what the engine finds, until the engine ends.
pub(crate) async fn keep(directory: PathBuf, genesis_hash: B256, mut found: EvidenceReceiver) {
    while let Some(evidence) = found.next().await {
        let (kind, epoch, view) = (evidence.kind(), evidence.epoch(), evidence.view());
        let validator = evidence.validator();
        match write(&directory, genesis_hash, &evidence) {
            Ok(file) => {
                let file = file.display();
                tracing::warn!(target: INTRUSION, code = "equivocation", %validator, kind, epoch, view, %file, "a validator contradicted itself");
            }
            Err(failure) => {
                let reason = &failure.message;
                tracing::error!(target: INTRUSION, code = "equivocation", %validator, kind, epoch, view, reason, "a validator contradicted itself, and the evidence is not kept");
            }
        }
    }
}

fn write(directory: &Path, genesis_hash: B256, evidence: &Equivocation) -> Result<PathBuf, Failure> {
    files::make_directory(directory)?;
    let start = hex::encode(evidence.validator().get(..4).unwrap_or_default());
    let entries = fs::read_dir(directory).map_err(|error| Failure::reading(directory, &error))?;
    let of_validator = format!("-{start}-");
    let kept = entries.flatten().filter(|entry| entry.file_name().to_string_lossy().contains(&of_validator));
    if kept.take(FILES_MAX).count() >= FILES_MAX {
        let message = format!("{} has {FILES_MAX} files of this validator", directory.display());
        return Err(Failure::input("evidence.full", message, "move them elsewhere"));
    }
    let (epoch, view, kind) = (evidence.epoch(), evidence.view(), evidence.kind());
    let path = directory.join(format!("{epoch:06}-{view:012}-{start}-{kind}.json"));
    let file = EvidenceFile::new(genesis_hash, evidence);
    let text = serde_json::to_string_pretty(&file).map_err(|error| Failure::input("evidence", error, "report this"))?;
    if !path.exists() {
        files::write_new(&path, text.as_bytes(), Audience::Everyone)?;
    }
    Ok(path)
}

/// Checks a file of evidence with the genesis file alone.
pub(crate) fn inspect(file: &Path, genesis: &Path) -> Result<EvidenceReport, Failure> {
    let text = files::read_text(file)?;
    let genesis = genesis::read(genesis)?;
    let genesis_hash = genesis::block(&genesis)?.hash();
    check(&text, &genesis, genesis_hash).map_err(|reason| {
        let message = format!("{} proves nothing: {reason}", file.display());
        Failure::new(Exit::Input, "evidence.invalid", message, "check that file and genesis file are of one network")
    })
}

/// What the text of a file proves, or why it proves nothing.
fn check(text: &str, genesis: &Genesis, genesis_hash: B256) -> Result<EvidenceReport, String> {
    let claimed: EvidenceFile = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if claimed.genesis_hash != genesis_hash {
        return Err(format!("it is of network {}, the genesis file of {genesis_hash}", claimed.genesis_hash));
    }
    let found = Equivocation::decode(&claimed.votes).map_err(|error| error.to_string())?;
    found.verify(genesis.chain_id, genesis_hash).map_err(|error| error.to_string())?;
    if EvidenceFile::new(genesis_hash, &found) != claimed {
        return Err("its votes are of another validator, epoch, view or kind than it says".into());
    }
    let name = genesis.validators().find(|node| node.public_key == found.validator()).map(|node| node.name.clone());
    Ok(EvidenceReport {
        kind: found.kind(),
        epoch: found.epoch(),
        view: found.view(),
        validator: found.validator(),
        name,
        verified: "both votes are signed with this validator's node key, for this network".into(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::demo::accounts::People;
    use florin_consensus::{NodeSecret, deal_from_seed};
    use florin_types::{GenesisNode, NodeRole, NodeVote, SignedVote};
    use std::sync::LazyLock;

    const HASH: B256 = B256::repeat_byte(7);
    /// Made by the tests of `florin-consensus`, which have the keys.
    const VOTES: &str = include_str!("../../../../crates/consensus/golden/evidence.hex");

    fn network() -> Genesis {
        let node = |seed: u64| GenesisNode {
            name: format!("bank {seed}"),
            public_key: NodeSecret::from_seed(seed).public_key(),
            address: format!("127.0.0.1:{seed}"),
            role: NodeRole::Validator,
        };
        let nodes: Vec<GenesisNode> = (1..=4).map(node).collect();
        let keys: Vec<B256> = nodes.iter().map(|node| node.public_key).collect();
        let threshold_public = deal_from_seed(3, &keys).unwrap().threshold_public;
        People::derive().unwrap().genesis(1_700_000_000_000, threshold_public, nodes).unwrap()
    }

    /// As the engine would hand it over: of the third validator, in view 9 of epoch 3.
    fn evidence() -> Equivocation {
        Equivocation::decode(&hex::decode(VOTES).unwrap()).unwrap()
    }

    /// The file of it.
    fn kept() -> String {
        serde_json::to_string_pretty(&EvidenceFile::new(HASH, &evidence())).unwrap()
    }

    /// The same of another validator, or of another view. Nobody looks at signatures of what the engine hands over.
    fn altered(validator: B256, view: u64) -> Equivocation {
        let evidence = evidence();
        let at = |vote: &SignedVote| SignedVote { vote: NodeVote { view, ..vote.vote }, ..*vote };
        Equivocation::new(validator, at(evidence.first()), at(evidence.second())).unwrap()
    }

    #[test]
    fn evidence_is_kept_once_and_checked_by_anyone() {
        let directory = tempfile::tempdir().unwrap();
        let (place, evidence) = (directory.path().join("evidence"), evidence());
        let path = write(&place, HASH, &evidence).unwrap();
        assert_eq!(write(&place, HASH, &evidence).unwrap(), path, "the same again is the same file");
        assert_eq!(fs::read_dir(&place).unwrap().count(), 1);
        let text = fs::read_to_string(path).unwrap();
        let report = check(&text, &network(), HASH).unwrap();
        assert_eq!((report.kind, report.epoch, report.view), ("two_proposals", 3, 9));
        assert_eq!(report.validator, evidence.validator());
        let name = report.name.clone().unwrap();
        assert!(name.starts_with("bank ") && report.text().contains(&name), "{}", report.text());
        // Of a later committee: the key convicts itself all the same.
        let mut without = network();
        without.nodes.retain(|node| node.public_key != evidence.validator());
        let report = check(&text, &without, HASH).unwrap();
        assert!(report.name.is_none() && report.text().contains(NOT_IN_GENESIS), "{}", report.text());
    }

    #[test]
    fn a_file_that_says_something_else_than_its_votes_proves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = write(directory.path(), HASH, &evidence()).unwrap();
        let text = fs::read_to_string(path).unwrap();
        let other = network().validators().find(|node| node.public_key != evidence().validator()).unwrap().public_key;
        let validator = evidence().validator().to_string();
        let changes = [
            ("two_proposals", "two_finals"),
            ("\"epoch\": 3", "\"epoch\": 0"),
            ("\"view\": 9", "\"view\": 8"),
            (&validator, &other.to_string()),
        ];
        for (from, to) in changes {
            assert!(text.contains(from), "{from}: {text}");
            let reason = check(&text.replace(from, to), &network(), HASH).unwrap_err();
            assert!(reason.contains("than it says"), "{reason}");
        }
        assert!(check(&text, &network(), B256::ZERO).unwrap_err().contains("of network"));
        assert!(check("{}", &network(), HASH).is_err());
        assert!(check(&text.replace(&VOTES[..40], &VOTES[40..80]), &network(), HASH).is_err());
        let forged = EvidenceFile::new(HASH, &altered(evidence().validator(), 10));
        let reason = check(&serde_json::to_string(&forged).unwrap(), &network(), HASH).unwrap_err();
        assert!(reason.contains("not signed by this key"), "{reason}");
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let directory = tempfile::tempdir().unwrap();
        let filler = B256::repeat_byte(1);
        for view in 100..100 + FILES_MAX as u64 {
            write(directory.path(), HASH, &altered(filler, view)).unwrap();
        }
        assert_eq!(write(directory.path(), HASH, &altered(filler, 9)).unwrap_err().code, "evidence.full");
        write(directory.path(), HASH, &evidence()).expect("what others do takes no place from it");
    }

    proptest::proptest! {
        /// Whatever happens to a file, it proves what it proved, or nothing.
        #[test]
        fn a_damaged_file_never_proves_anything_else(bytes in crate::damage::near(kept())) {
            static NETWORK: LazyLock<Genesis> = LazyLock::new(network);
            if let Ok(report) = check(&String::from_utf8_lossy(&bytes), &NETWORK, HASH) {
                proptest::prop_assert_eq!((report.kind, report.epoch, report.view), ("two_proposals", 3, 9));
                proptest::prop_assert_eq!(report.validator, evidence().validator());
            }
        }
    }
}
