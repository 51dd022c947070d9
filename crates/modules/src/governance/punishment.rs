//! Punishment of validators that contradict themselves.
//!
//! **Proof.** Two votes of one view that no honest validator casts both, each signed by the node's key for this network
//! ([`Equivocation`]). Anybody may bring them. The core checks the signatures itself; it knows the network by its chain id and
//! by the hash of block 0, which it notes before block 1.
//!
//! **Consequences.** The node is *convicted*, until governance pardons it: it may not be declared ready, and no list that is
//! made from then on has it. Where governance lists the validators, the next version that can be made does without those
//! who are convicted, if those who are left are enough; otherwise they stay, and the event says the numbers. Where bonds
//! elect, the next election passes it over, and `crate::staking` takes a part of its bond.
//!
//! **Once.** One conviction stands at a time. After a pardon only votes count that are younger than it.

use alloy_primitives::{B256, U256};
use florin_types::{Contradiction, EQUIVOCATION_BYTES, Equivocation, EquivocationError};

use super::{
    IGovernance,
    committee::{self, Presence, Validator},
    execution::proposal_in_execution,
    layout::{Conviction, ConvictionPlace, layout},
};
use crate::{
    GOVERNANCE_ADDRESS,
    context::{Context, Failure, VERIFY_GAS, ensure, revert},
};

// ----- the network ---------------------------------------------------------------------------------------------------

/// Notes the hash of block 0 before block 1, whose parent it is. Nothing at other heights, and where the committee is fixed.
pub fn note_genesis(context: &mut Context<'_>, parent_hash: B256) -> Result<(), Failure> {
    if context.env().height != 1 || layout().epochs.read(context)?.epoch_blocks == 0 {
        return Ok(());
    }
    layout().genesis_hash.write(context, parent_hash)
}

/// Hash of block 0; zero until it is known.
pub(super) fn genesis_hash(context: &mut Context<'_>) -> Result<B256, Failure> {
    committee::epochs(context)?;
    layout().genesis_hash.read(context)
}

// ----- questions -----------------------------------------------------------------------------------------------------

fn place(context: &mut Context<'_>, node: B256) -> Result<ConvictionPlace, Failure> {
    layout().convictions.at(context, &node)
}

/// What a node was convicted of the last time, and the hash of the evidence; empty if it never was.
pub(crate) fn conviction_of(context: &mut Context<'_>, node: B256) -> Result<(Conviction, B256), Failure> {
    committee::epochs(context)?;
    let place = place(context, node)?;
    Ok((place.record.read(context)?, place.evidence_hash.read(context)?))
}

/// The same without the evidence, wherever there is no committee that changes, too.
pub(crate) fn record_of(context: &mut Context<'_>, node: B256) -> Result<Conviction, Failure> {
    place(context, node)?.record.read(context)
}

/// Refuses a convicted node.
pub(crate) fn ensure_not_convicted(context: &mut Context<'_>, node: B256) -> Result<(), Failure> {
    let stands = record_of(context, node)?.stands;
    ensure(!stands, || IGovernance::ValidatorConvicted { node })
}

// ----- conviction ----------------------------------------------------------------------------------------------------

/// Convicts a validator. Answers its node key.
pub(crate) fn convict(context: &mut Context<'_>, evidence: &[u8]) -> Result<B256, Failure> {
    let (_, epoch_now, versions) = committee::epoch_of(context)?;
    let proof = Equivocation::decode(evidence).map_err(|error| malformed(&error, evidence.len()))?;
    let (node, epoch, view) = (proof.validator(), proof.epoch(), proof.view());
    ensure(committee::serves(context, node)?, || IGovernance::AccusedNotValidator { node })?;
    ensure(epoch <= epoch_now, || IGovernance::EvidenceTooEarly { node, epoch, epochNow: epoch_now })?;
    let place = place(context, node)?;
    let before = place.record.read(context)?;
    ensure(!before.stands, || IGovernance::ConvictionStands { node, epoch: before.epoch, viewNumber: before.view })?;
    let counts_from = before.counts_from;
    ensure(epoch >= counts_from, || IGovernance::EvidenceTooOld { node, epoch, countsFromEpoch: counts_from })?;
    ensure_signed(context, &proof)?;
    let (kind, count) = (kind(proof.contradiction()), before.count.saturating_add(1));
    place.record.write(context, Conviction { epoch, view, counts_from, versions, count, kind, stands: true })?;
    let evidence_hash = context.keccak(evidence)?;
    place.evidence_hash.write(context, evidence_hash)?;
    let by = context.caller();
    let punished =
        IGovernance::ValidatorPunished { node, by, kind, epoch, viewNumber: view, evidenceHash: evidence_hash };
    context.emit(GOVERNANCE_ADDRESS, &punished)?;
    if !committee::is_by_stake(context)? {
        remove_convicted(context, node)?;
    }
    Ok(node)
}

/// Both signatures are the accused node's, for this network.
fn ensure_signed(context: &mut Context<'_>, proof: &Equivocation) -> Result<(), Failure> {
    let (node, chain_id) = (proof.validator(), context.env().chain_id);
    let genesis_hash = genesis_hash(context)?;
    ensure(!genesis_hash.is_zero(), || IGovernance::GenesisHashUnknown {})?;
    context.charge(VERIFY_GAS.saturating_mul(2))?;
    match proof.verify(chain_id, genesis_hash) {
        Ok(()) => Ok(()),
        Err(EquivocationError::Signature { place }) => {
            Err(revert(IGovernance::EvidenceNotSigned { node, vote: place }))
        }
        Err(error) => Err(malformed(&error, EQUIVOCATION_BYTES)),
    }
}

/// The number of a fault is part of the ABI.
fn malformed(error: &EquivocationError, length: usize) -> Failure {
    let fault = match error {
        EquivocationError::Length { .. } => 1,
        EquivocationError::Version { .. } => 2,
        EquivocationError::Kind { .. } => 3,
        EquivocationError::SkipNamesBlock => 4,
        EquivocationError::Order => 5,
        EquivocationError::NoContradiction | EquivocationError::Signature { .. } => 6,
    };
    revert(IGovernance::EvidenceMalformed {
        fault,
        length: U256::from(length),
        lengthExpected: U256::from(EQUIVOCATION_BYTES),
    })
}

/// The number of a contradiction is part of the ABI.
fn kind(contradiction: Contradiction) -> u8 {
    match contradiction {
        Contradiction::TwoProposals => 1,
        Contradiction::TwoFinals => 2,
        Contradiction::FinalAndSkipped => 3,
    }
}

/// Makes a version of the list without those who are convicted, if the newest has the node and those who are left are
/// enough and there. Neither asks whether a change is pending nor how many nodes an institution has: whoever is proven to
/// be dishonest goes.
fn remove_convicted(context: &mut Context<'_>, node: B256) -> Result<(), Failure> {
    let before = committee::newest(context)?;
    if !before.iter().any(|validator| validator.node == node) {
        return Ok(());
    }
    let (mut left, mut leaving): (Vec<Validator>, Vec<B256>) = (Vec::new(), Vec::new());
    for validator in &before {
        if record_of(context, validator.node)?.stands {
            leaving.push(validator.node);
        } else {
            left.push(*validator);
        }
    }
    let Presence { count, quorum, present, .. } = committee::presence(context, &left, &[])?;
    let count_min = committee::count_min(&before);
    if count < count_min || present < quorum {
        let stays = IGovernance::ValidatorStays { node, count, countMin: count_min, quorum, present };
        return context.emit(GOVERNANCE_ADDRESS, &stays);
    }
    committee::install(context, &left, Vec::new(), leaving)
}

/// Pardons a node.
pub(super) fn pardon(context: &mut Context<'_>, node: B256) -> Result<(), Failure> {
    proposal_in_execution(context)?;
    let epoch_now = committee::epoch_of(context)?.1;
    let place = place(context, node)?;
    let record = place.record.read(context)?;
    ensure(record.stands, || IGovernance::ConvictionAbsent { node })?;
    let counts_from = epoch_now.saturating_add(1);
    place.record.write(context, Conviction { stands: false, counts_from, ..record })?;
    context.emit(GOVERNANCE_ADDRESS, &IGovernance::ValidatorPardoned { node, countsFromEpoch: counts_from })
}
