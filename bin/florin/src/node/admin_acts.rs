//! Acts of power over the ledger, as final blocks show them: who may do what, whose money is frozen or seized, what stands
//! still, which rules hold. Each is an intrusion event with the code `admin_act`, on every node, so that no bank depends
//! on the actor to tell it.
//!
//! What is looked for is a table of the modules' events: those that only somebody with a power can cause. Anybody may have
//! power over things of their own, such as a list that they made. So where a block has more acts than are told one by one,
//! each kind has its share of the lines and the rest of it is counted: no number of acts of one kind hides another. Within
//! a kind every token, list or scheme has its turn before one has a second, and those that were made earlier come first.
//!
//! Blocks from before the node's start are not looked at again: they are in the index, by the same events.

use crate::node::intrusions::INTRUSION;
use alloy_primitives::{Address, B256, Log, hex};
use alloy_sol_types::SolEvent as _;
use florin_modules::{
    Module, factory::IFactory, governance::IGovernance, identity::IIdentity, permission::IPermission, policy::IPolicy,
    settlement::ISettlement, staking::IStaking, token::IToken,
};
use florin_state::{FinalizedBlock, Ledger};
use std::collections::BTreeMap;

/// Acts of one block that are told one by one, if there are more kinds one of each. The rest is counted by kind.
const ACTS_PER_BLOCK_MAX: usize = 64;
/// Units came into existence, or ceased to exist: what only an issuer can do. Their event is that of every movement.
const MINTED: &str = "Minted";
const BURNED: &str = "Burned";

macro_rules! acts {
    ($($interface:ident: $($event:ident),*;)*) => {
        /// Name of the event, if it is always an act of power.
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
    IGovernance: ProposalCreated, ProposalVetoed, ProposalExecuted, SeatChanged, GuardianChanged, ParametersChanged, PauseBegun, PauseEnded,
        ValidatorsChanged, ValidatorPunished, ValidatorPardoned;
    ISettlement: OperatorProposed, OperatorChanged, ParticipantStatusChanged, DayOpened, CreditLineSet, CollateralSet;
    IStaking: InstitutionNamed, Slashed;
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

/// An act of power, and where it is.
#[derive(Clone, Copy, Debug)]
struct Act<'a> {
    name: &'static str,
    transaction: B256,
    log: &'a Log,
}

/// Acts that are told one by one, and how many more there are of a kind.
#[derive(Debug, Default)]
struct Telling<'a> {
    one_by_one: Vec<Act<'a>>,
    counted: Vec<(&'static str, usize)>,
}

fn tell(block: &FinalizedBlock) {
    let height = block.block.height();
    let transactions = block.block.transactions().iter().zip(block.receipts.iter());
    let acts = transactions.flat_map(|(tx, receipt)| {
        let act = |log| Some(Act { name: named(log)?, transaction: *tx.tx_hash(), log });
        receipt.logs().iter().filter_map(act)
    });
    let telling = Telling::of(acts.collect());
    for Act { name: act, transaction, log } in telling.one_by_one {
        let (contract, about) = (log.address, about(log));
        tracing::warn!(target: INTRUSION, code = "admin_act", act, height, %contract, %transaction, about, "a power over the ledger was used");
    }
    for (act, count) in telling.counted {
        tracing::warn!(target: INTRUSION, code = "admin_act", act, height, count, "a power over the ledger was used so many times more in this block");
    }
}

impl<'a> Telling<'a> {
    fn of(acts: Vec<Act<'a>>) -> Self {
        if acts.len() <= ACTS_PER_BLOCK_MAX {
            return Self { one_by_one: acts, counted: Vec::new() };
        }
        let mut kinds: BTreeMap<&'static str, Vec<Act<'a>>> = BTreeMap::new();
        for act in acts {
            kinds.entry(act.name).or_default().push(act);
        }
        let share = ACTS_PER_BLOCK_MAX.checked_div(kinds.len()).unwrap_or_default().max(1);
        let mut telling = Self::default();
        for (name, acts) in kinds {
            let more = acts.len().saturating_sub(share);
            telling.one_by_one.extend(in_turns(acts).into_iter().take(share));
            telling.counted.extend((more > 0).then_some((name, more)));
        }
        telling
    }
}

/// The first act about every thing, then the second about each; things in the order in which they were made, which is that
/// of their addresses and numbers.
fn in_turns(acts: Vec<Act<'_>>) -> Vec<Act<'_>> {
    let mut turns: BTreeMap<(Address, B256), usize> = BTreeMap::new();
    let mut ordered: Vec<_> = acts
        .into_iter()
        .map(|act| {
            let turn = turns.entry(thing(act.log)).or_default();
            *turn = turn.saturating_add(1);
            ((*turn, thing(act.log)), act)
        })
        .collect();
    ordered.sort_by_key(|(order, _)| *order);
    ordered.into_iter().map(|(_, act)| act).collect()
}

/// What an act is about: a token, or what a module names by the first topic of its event.
fn thing(log: &Log) -> (Address, B256) {
    match Module::at(log.address) {
        Some(Module::Token(token)) => (token, B256::ZERO),
        _ => (log.address, log.topics().get(1).copied().unwrap_or_default()),
    }
}

/// The act that a log shows, if a module wrote it: contracts of others may write what they like. What failed has no logs.
fn named(log: &Log) -> Option<&'static str> {
    let module = Module::at(log.address)?;
    let topics = log.topics();
    let is_movement = matches!(module, Module::Token(_)) && topics.first() == Some(&IToken::Transfer::SIGNATURE_HASH);
    match topics {
        [_, from, _] if is_movement && from.is_zero() => Some(MINTED),
        [_, _, to] if is_movement && to.is_zero() => Some(BURNED),
        topics => act(*topics.first()?),
    }
}

/// The indexed arguments, and of a movement of units the amount.
fn about(log: &Log) -> String {
    let mut parts: Vec<String> = log.topics().iter().skip(1).map(ToString::to_string).collect();
    if log.topics().first() == Some(&IToken::Transfer::SIGNATURE_HASH) {
        parts.push(hex::encode_prefixed(&log.data.data));
    }
    parts.join(" ")
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

    fn transfer(token: Address, from: Address, to: Address) -> Log {
        let event = IToken::Transfer { from, to, value: alloy_primitives::U256::from(7) };
        Log { address: token, data: event.encode_log_data() }
    }

    #[test]
    fn units_that_issuers_make_and_destroy_are_acts_and_payments_are_none() {
        let (token, someone, other) =
            (florin_modules::token_address(1), Address::repeat_byte(1), Address::repeat_byte(2));
        let minted = transfer(token, Address::ZERO, someone);
        assert_eq!(named(&minted), Some(MINTED));
        assert!(about(&minted).ends_with("0007"), "{}", about(&minted));
        assert_eq!(named(&transfer(token, someone, Address::ZERO)), Some(BURNED));
        assert_eq!(named(&transfer(token, someone, other)), None);
        assert_eq!(named(&transfer(other, Address::ZERO, someone)), None, "a contract's own event");
        assert_eq!(named(&transfer(florin_modules::POLICY_ADDRESS, Address::ZERO, someone)), None);
    }

    #[test]
    fn no_number_of_acts_hides_another() {
        let log = |address, topic, about: u64| {
            Log::new(address, vec![topic, B256::left_padding_from(&about.to_be_bytes())], Bytes::new()).unwrap()
        };
        let token = florin_modules::token_address;
        // Somebody with lists and tokens of their own makes a great many.
        let mut logs = vec![log(florin_modules::POLICY_ADDRESS, IPolicy::MemberAdded::SIGNATURE_HASH, 900); 500];
        logs.extend((100..400).map(|number| log(token(number), IToken::Seized::SIGNATURE_HASH, number)));
        logs.extend(vec![log(token(99), IToken::Seized::SIGNATURE_HASH, 1); 300]);
        logs.push(log(florin_modules::POLICY_ADDRESS, IPolicy::MemberAdded::SIGNATURE_HASH, 3));
        logs.push(log(token(1), IToken::Seized::SIGNATURE_HASH, 5));
        logs.push(transfer(token(1), Address::ZERO, Address::repeat_byte(1)));
        let acts: Vec<Act<'_>> =
            logs.iter().map(|log| Act { name: named(log).unwrap(), transaction: B256::ZERO, log }).collect();
        let telling = Telling::of(acts);
        let told: Vec<_> = telling.one_by_one.iter().map(|act| (act.name, act.log.address, thing(act.log).1)).collect();
        assert!(told.len() <= ACTS_PER_BLOCK_MAX, "{}", told.len());
        let listed = (B256::left_padding_from(&[3]), florin_modules::POLICY_ADDRESS);
        for act in
            [("MemberAdded", listed.1, listed.0), ("Seized", token(1), B256::ZERO), (MINTED, token(1), B256::ZERO)]
        {
            assert!(told.contains(&act), "{act:?} is hidden: {told:?}");
        }
        let told_of = |kind| told.iter().filter(|(name, ..)| *name == kind).count();
        let counted: BTreeMap<_, _> = telling.counted.into_iter().collect();
        assert_eq!(counted.get(MINTED), None);
        assert_eq!(counted["MemberAdded"] + told_of("MemberAdded"), 501);
        assert_eq!(counted["Seized"] + told_of("Seized"), 601);
        // Few are told as they came.
        let few = logs.iter().rev().take(ACTS_PER_BLOCK_MAX);
        let few: Vec<_> = few.map(|log| Act { name: named(log).unwrap(), transaction: B256::ZERO, log }).collect();
        let telling = Telling::of(few);
        assert_eq!((telling.one_by_one.len(), telling.counted.len()), (ACTS_PER_BLOCK_MAX, 0));
        assert_eq!(telling.one_by_one[0].name, MINTED);
    }

    #[test]
    fn no_event_stands_twice() {
        let topics: BTreeSet<_> = TOPICS.iter().collect();
        assert_eq!(topics.len(), TOPICS.len());
    }
}
