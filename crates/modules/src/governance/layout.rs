//! Where governance keeps what it knows.

use alloy_primitives::{Address, B256, U256};

use crate::{
    GOVERNANCE_ADDRESS,
    slots::{Array, Located, Mapping, Slot, Text, layout, packed},
};

packed! {
    /// What every transaction asks for: one slot.
    pub struct Status {
        /// Modules that were paused, by their bits. Whether a pause has ended by itself, its record says.
        pub paused: u64 = 0..8,
        /// Whether the network has governance.
        pub is_established: bool = 8..9,
    }
}

packed! {
    /// What a decision needs. Proposals keep those under which they were made.
    pub struct Terms {
        /// Part of the whole weight that must be for or abstain.
        pub quorum_basis_points: u16 = 0..2,
        /// Part of what is for and against that must be for.
        pub threshold_basis_points: u16 = 2..4,
        /// Part of the whole weight that stops an accepted proposal.
        pub veto_basis_points: u16 = 4..6,
        /// Guardians that pause a module together.
        pub guardian_quorum: u8 = 6..7,
        /// How long a proposal is voted on.
        pub voting_period_ms: u64 = 7..13,
        /// From acceptance until it may be executed.
        pub delay_ms: u64 = 13..19,
        /// How long it may be executed.
        pub execution_window_ms: u64 = 19..25,
        /// How long guardians pause a module.
        pub emergency_pause_ms: u64 = 25..31,
    }
}

packed! {
    /// The proposal that is being executed in this transaction; zero between transactions.
    pub struct Execution {
        /// Its number; zero if none is.
        pub proposal_id: u64 = 0..8,
        /// Actions that were handed out.
        pub actions_begun: u64 = 8..16,
    }
}

packed! {
    /// A member of a register: a seat or a guardian, present or past.
    pub struct Member {
        /// Weight; zero for a past member.
        pub weight: u64 = 0..8,
        /// Index into the list of members.
        pub index: u64 = 8..16,
        /// Snapshots ever taken.
        pub snapshots: u64 = 16..24,
    }
}

packed! {
    /// A weight, and from which proposal on it counts.
    pub struct Snapshot {
        /// Number of the first proposal.
        pub from_proposal: u64 = 0..8,
        /// Weight.
        pub weight: u64 = 8..16,
    }
}

layout! {
    /// What is known of a member.
    pub struct MemberPlace {
        /// Weight now, and where it stands.
        pub member: Slot<Member> = 0,
        /// Name for people.
        pub name: Text = 1,
        /// Weights over time, from 0.
        pub snapshots: Mapping<u64, Slot<Snapshot>> = 2,
    }
}

layout! {
    /// Those who vote: seats, or guardians with a weight of 1 each.
    pub struct Register {
        /// The members.
        pub accounts: Array<Address> = 0,
        /// What is known of each.
        pub members: Mapping<Address, MemberPlace> = 1,
        /// Their weights together.
        pub weight_total: Slot<u64> = 2,
    }
}

packed! {
    /// Who proposed what, and how it ended.
    pub struct Head {
        /// Who proposed it.
        pub proposer: Address = 0..20,
        /// 0 ordinary, 1 emergency.
        pub kind: u8 = 20..21,
        /// 0 none yet, 1 executed, 2 cancelled, 3 vetoed.
        pub outcome: u8 = 21..22,
        /// Whether it was decided before the end of the voting period.
        pub is_decided: bool = 22..23,
        /// Number of actions.
        pub actions: u8 = 23..24,
    }
}

packed! {
    /// When things happened, in block time.
    pub struct Times {
        /// When it was made.
        pub created_ms: u64 = 0..8,
        /// When the voting period ends.
        pub closes_ms: u64 = 8..16,
        /// When it was decided, if before.
        pub decided_ms: u64 = 16..24,
        /// When it was executed.
        pub executed_ms: u64 = 24..32,
    }
}

packed! {
    /// Weight when it was made.
    pub struct Electorate {
        /// All weights together.
        pub weight_total: u64 = 0..8,
        /// Weight that makes a quorum.
        pub quorum_weight: u64 = 8..16,
        /// Weight that stops it once it is accepted.
        pub veto_weight: u64 = 16..24,
    }
}

packed! {
    /// Votes by weight.
    pub struct Tally {
        /// For it.
        pub for_weight: u64 = 0..8,
        /// Against it.
        pub against_weight: u64 = 8..16,
        /// Neither.
        pub abstain_weight: u64 = 16..24,
        /// Against it once it is accepted.
        pub veto_weight: u64 = 24..32,
    }
}

packed! {
    /// What one account did about a proposal.
    pub struct Ballot {
        /// 0 nothing; otherwise its vote, plus one.
        pub vote: u8 = 0..1,
        /// Whether it vetoed.
        pub has_vetoed: bool = 1..2,
    }
}

packed! {
    /// Whom an action calls.
    pub struct ActionHead {
        /// Whom.
        pub target: Address = 0..20,
        /// Bytes of input.
        pub length: u64 = 20..28,
    }
}

layout! {
    /// An action.
    pub struct ActionPlace {
        /// Whom it calls.
        pub head: Slot<ActionHead> = 0,
        /// The input, in words; the last is filled with zeros.
        pub words: Array<B256> = 1,
    }
}

layout! {
    /// A proposal.
    pub struct ProposalPlace {
        /// Who proposed what, and how it ended.
        pub head: Slot<Head> = 0,
        /// Hash of the text that says why.
        pub description_hash: Slot<B256> = 1,
        /// When things happened.
        pub times: Slot<Times> = 2,
        /// The terms under which it was made.
        pub terms: Slot<Terms> = 3,
        /// Weight when it was made.
        pub electorate: Slot<Electorate> = 4,
        /// Votes.
        pub tally: Slot<Tally> = 5,
        /// Ballots by account.
        pub ballots: Mapping<Address, Slot<Ballot>> = 6,
        /// Actions by index, from 0.
        pub actions: Mapping<u64, ActionPlace> = 7,
    }
}

packed! {
    /// The pause of a module, or its last one.
    pub struct Pause {
        /// When it began.
        pub since_ms: u64 = 0..8,
        /// When it ends.
        pub until_ms: u64 = 8..16,
        /// The proposal that decided it.
        pub proposal_id: u64 = 16..24,
        /// From when on guardians may pause the module again.
        pub again_ms: u64 = 24..32,
    }
}

packed! {
    /// The epochs of the network; zero where its committee never changes.
    pub struct Epochs {
        /// Blocks of an epoch.
        pub epoch_blocks: u64 = 0..8,
        /// Versions ever made of the list of validators.
        pub versions: u64 = 8..16,
        /// Whether bonds elect the validators; governance lists them otherwise.
        pub by_stake: bool = 16..17,
    }
}

packed! {
    /// A version of the list of validators.
    pub struct Version {
        /// First epoch in which it is dealt to.
        pub from_epoch: u64 = 0..8,
    }
}

layout! {
    /// A version of the list of validators, ordered by node.
    pub struct VersionPlace {
        /// From when on it counts.
        pub head: Slot<Version> = 0,
        /// The nodes.
        pub nodes: Array<B256> = 1,
        /// The accounts of their institutions; zero for nodes of genesis.
        pub seats: Array<Address> = 2,
    }
}

packed! {
    /// What is known of a node that is, was or may become a validator.
    pub struct Duty {
        /// Height of the last block that it led, or from which on it can lead.
        pub led_height: u64 = 0..8,
        /// Last epoch for which it was declared ready; zero if it never was.
        pub ready_until: u64 = 8..16,
        /// Last version of the list that names it, plus one; zero if none does.
        pub last_version: u64 = 16..24,
        /// Whether it led since it joined the list.
        pub has_led: bool = 24..25,
    }
}

packed! {
    /// What a node was convicted of, the last time.
    pub struct Conviction {
        /// Epoch of the votes.
        pub epoch: u64 = 0..6,
        /// View of the votes, within the epoch.
        pub view: u64 = 6..14,
        /// First epoch whose votes count, after a pardon.
        pub counts_from: u64 = 14..20,
        /// Versions of the list of validators that were made before it.
        pub versions: u64 = 20..26,
        /// Times that the node was convicted.
        pub count: u32 = 26..30,
        /// How the votes contradict one another: 1 two proposals, 2 two finals, 3 final and skipped.
        pub kind: u8 = 30..31,
        /// Whether it stands: nobody pardoned the node since.
        pub stands: bool = 31..32,
    }
}

layout! {
    /// What a node was convicted of, and by which evidence.
    pub struct ConvictionPlace {
        /// The conviction.
        pub record: Slot<Conviction> = 0,
        /// Hash of the evidence; the transaction that brought it has it whole.
        pub evidence_hash: Slot<B256> = 1,
    }
}

layout! {
    /// Storage of governance.
    pub struct Layout {
        /// What every transaction asks for.
        pub status: Slot<Status> = 0,
        /// What a decision needs.
        pub terms: Slot<Terms> = 1,
        /// The proposal that is being executed.
        pub execution: Slot<Execution> = 2,
        /// Proposals ever made.
        pub proposals_made: Slot<u64> = 3,
        /// Those who vote.
        pub seats: Register = 4,
        /// Those who pause.
        pub guardians: Register = 7,
        /// Proposals by number, from 1.
        pub proposals: Mapping<u64, ProposalPlace> = 10,
        /// Pauses by module.
        pub pauses: Mapping<Address, Slot<Pause>> = 11,
        /// The epochs of the network.
        pub epochs: Slot<Epochs> = 12,
        /// Versions of the list of validators, from 0.
        pub committees: Mapping<u64, VersionPlace> = 13,
        /// What is known of nodes.
        pub duties: Mapping<B256, Slot<Duty>> = 14,
        /// Hash of block 0, which every vote of a validator names; known from block 1 on.
        pub genesis_hash: Slot<B256> = 15,
        /// Convictions of nodes.
        pub convictions: Mapping<B256, ConvictionPlace> = 16,
    }
}

/// Governance's storage.
#[inline]
pub fn layout() -> Layout {
    Layout::locate(GOVERNANCE_ADDRESS, U256::ZERO)
}
