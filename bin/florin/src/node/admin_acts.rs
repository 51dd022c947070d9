//! Acts of power over the ledger, as final blocks show them: who may do what, whose money is frozen or seized, what stands
//! still, which rules hold. Each is an intrusion event with the code `admin_act`, on every node, so that no bank depends
//! on the actor to tell it.
//!
//! What is looked for is a table of the modules' events. Blocks from before the node's start are not looked at again: they
//! are in the index, by the same events.

use crate::node::intrusions::INTRUSION;
use alloy_primitives::{B256, Log};
use alloy_sol_types::SolEvent as _;
use florin_modules::{
    Module, factory::IFactory, fx::IExchange, governance::IGovernance, identity::IIdentity, permission::IPermission,
    policy::IPolicy, settlement::ISettlement, token::IToken,
};
use florin_state::{FinalizedBlock, Ledger};

/// Acts of one block that are logged one by one; more are counted in one line.
const ACTS_PER_BLOCK_MAX: usize = 64;

macro_rules! acts {
    ($($interface:ident: $($event:ident),*;)*) => {
        /// Name of the event, if it is an act of power.
        fn act(topic: B256) -> Option<&'static str> {
            match topic {
                $($(topic if topic == $interface::$event::SIGNATURE_HASH => {
                    Some(stringify!($event))
                })*)*
                _ => None,
            }
        }

        #[cfg(test)]
        const TOPICS: &[B256] = &[$($($interface::$event::SIGNATURE_HASH),*),*];
    };
}

// What two modules name alike with the same arguments stands once: the contract in the log says which it was.
acts! {
    IToken: RoleGranted, RoleRevoked, RoleSeparationSet, SupplyCapChanged, Paused, Unpaused, AddressFrozen, TokensFrozen,
        TokensUnfrozen, OrderIssued, OrderEnded, HoldSeized, Seized, PolicyChanged, BackingSet, IssuerQuotaSet,
        NoticeTimeChanged, RuleChangePublished;
    IPermission: AdminProposed, AdminChanged, AccessChanged, ListingChanged, RolesChanged, NodeAdded, NodeUpdated,
        NodeRemoved;
    IPolicy: AdminProposed, AdminChanged, MemberAdded, MemberRemoved, RuleChanged;
    IIdentity: RegistrarSet, AccreditorSet, VerifierSet;
    IFactory: TokenCreated;
    IGovernance: ProposalCreated, ProposalVetoed, ProposalExecuted, SeatChanged, GuardianChanged, ParametersChanged, PauseBegun, PauseEnded;
    IExchange: ProviderRegistered, ProviderRetired;
    ISettlement: OperatorProposed, OperatorChanged, ParticipantStatusChanged, DayOpened, DayClosing, CreditLineSet, CollateralSet;
}

/// Follows the final blocks from the head on, until the task is dropped.
pub(crate) async fn follow(ledger: Ledger) {
    let mut blocks = ledger.subscribe_from(ledger.head().block.height().saturating_add(1));
    loop {
        match blocks.next().await {
            Ok(Some(block)) => tell(&block),
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, "acts of power over the ledger are no longer looked for");
                return;
            }
        }
    }
}

fn tell(block: &FinalizedBlock) {
    let height = block.block.height();
    let acts = || {
        block.block.transactions().iter().zip(block.receipts.iter()).flat_map(|(tx, receipt)| {
            receipt.logs().iter().filter_map(move |log| Some((named(log)?, tx.tx_hash(), log)))
        })
    };
    for (act, hash, log) in acts().take(ACTS_PER_BLOCK_MAX) {
        let about: Vec<String> = log.topics().iter().skip(1).map(ToString::to_string).collect();
        let (contract, transaction, about) = (log.address, hash, about.join(" "));
        tracing::warn!(target: INTRUSION, code = "admin_act", act, height, %contract, %transaction, about, "a power over the ledger was used");
    }
    let more = acts().skip(ACTS_PER_BLOCK_MAX).count();
    if more > 0 {
        tracing::warn!(target: INTRUSION, code = "admin_act", act = "more", height, count = more, "more of them in this block");
    }
}

/// The act that a log shows, if a module wrote it: contracts of others may write what they like.
fn named(log: &Log) -> Option<&'static str> {
    Module::at(log.address)?;
    act(*log.topics().first()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy_primitives::{Address, Bytes};
    use std::collections::BTreeSet;

    #[test]
    fn acts_are_known_by_their_module_and_event() {
        let log = |address, topic| Log::new(address, vec![topic, B256::repeat_byte(1)], Bytes::new()).unwrap();
        let token = florin_modules::token_address(1);
        assert_eq!(named(&log(token, IToken::Seized::SIGNATURE_HASH)), Some("Seized"));
        assert_eq!(named(&log(token, IToken::Transfer::SIGNATURE_HASH)), None, "a payment is no act of power");
        assert_eq!(
            named(&log(Address::repeat_byte(9), IToken::Seized::SIGNATURE_HASH)),
            None,
            "a contract's own event"
        );
        assert_eq!(named(&Log::new(token, Vec::new(), Bytes::new()).unwrap()), None);
    }

    #[test]
    fn no_event_stands_twice() {
        let topics: BTreeSet<_> = TOPICS.iter().collect();
        assert_eq!(topics.len(), TOPICS.len());
    }
}
