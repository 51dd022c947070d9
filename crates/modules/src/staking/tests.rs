//! Scenarios of bonds and elections.

mod choice;
mod elections;
mod model;
mod precedence;
mod slashing;

use super::{IStaking::*, *};
use crate::{
    PERMISSION_ADDRESS, STAKING_ADDRESS,
    governance::{
        IGovernance,
        committee::{frozen_at, led, validators_for},
        punishment::note_genesis,
    },
    permission::IPermission,
    testing::{ADMIN, COURT, FREEZER, GOVERNOR, Ledger, PAUSER, accuse, genesis_file, public_node_key, units},
    token::{self, IToken},
    token_address,
};
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use florin_types::{Election, Genesis, GenesisGovernance, GenesisNode, GenesisSeat, GenesisStake, NodeRole};
use std::num::NonZeroU64;

const TO: Address = STAKING_ADDRESS;
const GOV: Address = crate::GOVERNANCE_ADDRESS;
/// Long enough for ten validators.
const BLOCKS: u64 = 64;
const BOND_MIN: u128 = 100;
const UNBONDING: u64 = 6;
/// Five percent.
const SLASH: u16 = 500;
/// What each bank has.
const WEALTH: u128 = 10_000;
const SEAT: Address = Address::repeat_byte(0x11);
const TREASURY: Address = Address::repeat_byte(0x22);
const STRANGER: Address = Address::repeat_byte(0x66);
const GENESIS_HASH: B256 = B256::repeat_byte(0xbe);
/// Nodes in the registry; the first four are validators of genesis.
const NODES: u8 = 8;

/// The token that is bonded.
fn eur() -> Address {
    token_address(1)
}

/// The institution of a node.
fn bank(number: u8) -> Address {
    Address::repeat_byte(0x30 + number)
}

fn node(number: u8) -> B256 {
    public_node_key(number)
}

fn stake_genesis() -> Genesis {
    let mut genesis = genesis_file();
    let entry = |number: u8| GenesisNode {
        name: format!("Bank {number}"),
        public_key: node(number),
        address: format!("bank{number}.example:9000"),
        role: if number < 5 { NodeRole::Validator } else { NodeRole::Follower },
    };
    genesis.nodes = (1..=NODES).map(entry).collect();
    genesis.epoch_blocks = NonZeroU64::new(BLOCKS);
    genesis.tokens[0].policy = None;
    genesis.tokens[0].balances = (1..=NODES).map(|number| (bank(number), WEALTH)).collect();
    genesis.governance = Some(GenesisGovernance {
        seats: vec![GenesisSeat { account: SEAT, name: "Seat".into(), weight: 1 }],
        election: Election::Stake,
        stake: Some(GenesisStake {
            token: 0,
            validators_max: 5,
            bond_min_minor: BOND_MIN,
            unbonding_epochs: u16::try_from(UNBONDING).unwrap(),
            slash_basis_points: SLASH,
            slashed_to: TREASURY,
            institutions: (1..=NODES).map(|number| (node(number), bank(number))).collect(),
        }),
        ..GenesisGovernance::default()
    });
    genesis
}

/// A network in its first block, whose validators all led just now.
fn network() -> Ledger {
    let genesis = stake_genesis();
    genesis.validate().unwrap();
    let mut ledger = Ledger::bare();
    ledger.storage.slots = crate::genesis(&genesis).unwrap().slots;
    ledger.height = 1;
    ledger.run(STRANGER, |context| note_genesis(context, GENESIS_HASH)).unwrap();
    lead(&mut ledger, &[1, 2, 3, 4]);
    ledger
}

/// These nodes lead a block at this height.
fn lead(ledger: &mut Ledger, numbers: &[u8]) {
    for number in numbers {
        ledger.run(Address::ZERO, |context| led(context, node(*number))).unwrap();
    }
}

fn declare_ready(ledger: &mut Ledger, numbers: &[u8]) {
    for number in numbers {
        ledger.ok(SEAT, PERMISSION_ADDRESS, IPermission::declareNodeReadyCall { publicKey: node(*number) });
    }
}

fn bond(ledger: &mut Ledger, number: u8, amount: u128) {
    ledger.ok(bank(number), TO, bondCall { node: node(number), amount: units(amount) });
}

/// Goes to the block that fixes the list of an epoch; everybody but these leads just before; elects.
fn elect_for(ledger: &mut Ledger, epoch: u64, silent: &[u8]) {
    ledger.height = frozen_at(BLOCKS, epoch);
    let leaders: Vec<u8> = (1..=NODES).filter(|number| !silent.contains(number)).collect();
    lead(ledger, &leaders);
    ledger.run(Address::ZERO, elect).unwrap();
}

/// Numbers of the nodes on the list of an epoch.
fn listed(ledger: &mut Ledger, epoch: u64) -> Vec<u8> {
    let list = ledger.run(STRANGER, |context| validators_for(context, epoch)).unwrap();
    (1..=NODES).filter(|number| list.iter().any(|entry| entry.node == node(*number))).collect()
}

/// Bonded, unbonding and due of a node.
fn stands(ledger: &mut Ledger, number: u8) -> (u128, u128, u128) {
    let bond = ledger.ok(STRANGER, TO, bondOfCall { node: node(number) });
    (bond.bonded.to(), bond.unbonding.to(), bond.due.to())
}

fn evidence(number: u8, epoch: u64) -> IGovernance::punishCall {
    IGovernance::punishCall { evidence: accuse(number, epoch, 1337, GENESIS_HASH).encode().into() }
}

fn balance(ledger: &mut Ledger, account: Address) -> u128 {
    ledger.ok(STRANGER, eur(), IToken::balanceOfCall { account }).to()
}

/// What governance does when a pardon was voted for.
fn pardon(ledger: &mut Ledger, number: u8) {
    let epoch = ledger.height / BLOCKS;
    ledger
        .run(GOV, |context| {
            let place = crate::governance::layout::layout().convictions.at(context, &node(number))?.record;
            let record = place.read(context)?;
            place.write(
                context,
                crate::governance::layout::Conviction { stands: false, counts_from: epoch + 1, ..record },
            )
        })
        .unwrap();
}

/// Every invariant that bonds touch.
fn sound(ledger: &mut Ledger) {
    let holders: Vec<Address> = (1..=NODES).map(bank).chain([TREASURY, COURT, ADMIN]).collect();
    let violations = ledger
        .run(STRANGER, |context| {
            let mut violations = invariants::check(context)?;
            violations.extend(crate::governance::invariants::check(context)?);
            violations.extend(token::invariants::check(context, eur(), holders)?);
            Ok(violations)
        })
        .unwrap();
    assert!(violations.is_empty(), "{violations:?}");
}

#[test]
fn terms_are_those_of_the_genesis_file() {
    let mut ledger = network();
    let terms = ledger.ok(STRANGER, TO, stakeTermsCall {});
    let expected = StakeTerms {
        token: eur(),
        validatorsMax: 5,
        bondMin: units(BOND_MIN),
        unbondingEpochs: UNBONDING,
        slashBasisPoints: SLASH.into(),
        slashedTo: TREASURY,
    };
    assert_eq!(terms, expected);
    assert_eq!(ledger.ok(STRANGER, TO, institutionOfCall { node: node(3) }), bank(3));
    assert_eq!(ledger.ok(STRANGER, TO, bondCountCall {}), 0);
    let state = crate::genesis(&stake_genesis()).unwrap();
    assert!(state.marked.contains(&STAKING_ADDRESS));
    assert!(!crate::genesis(&genesis_file()).unwrap().marked.contains(&STAKING_ADDRESS), "only where bonds elect");
}

#[test]
fn a_bond_from_its_first_unit_to_its_last() {
    let mut ledger = network();
    bond(&mut ledger, 1, 300);
    let told = ledger.last_event::<Bonded>().1;
    assert_eq!(told, Bonded { node: node(1), institution: bank(1), amount: units(300), bonded: units(300) });
    // The units stay the bank's and cannot be spent.
    assert_eq!(balance(&mut ledger, bank(1)), WEALTH);
    assert_eq!(ledger.ok(STRANGER, eur(), IToken::heldBalanceByCall { account: bank(1), keeper: 12 }), units(300));
    let spend = IToken::transferCall { to: STRANGER, amount: units(WEALTH - 299) };
    ledger.call(bank(1), eur(), spend).unwrap_err();
    bond(&mut ledger, 1, 200);
    assert_eq!(stands(&mut ledger, 1), (500, 0, 0));
    sound(&mut ledger);
    let until = ledger.ok(bank(1), TO, unbondCall { node: node(1), amount: units(150) });
    assert_eq!(until, UNBONDING);
    let told = ledger.last_event::<Unbonding>().1;
    assert_eq!((told.amount, told.bonded, told.untilEpoch), (units(150), units(350), UNBONDING));
    // The rest in the same epoch joins the part; in the next it is another.
    ledger.ok(bank(1), TO, unbondCall { node: node(1), amount: units(50) });
    ledger.height = BLOCKS;
    ledger.ok(bank(1), TO, unbondCall { node: node(1), amount: U256::MAX });
    let parts = ledger.ok(STRANGER, TO, unbondingOfCall { node: node(1) });
    assert_eq!(parts.amounts, [units(200), units(300)]);
    assert_eq!(parts.untilEpochs, [UNBONDING, UNBONDING + 1]);
    ledger.height = UNBONDING * BLOCKS - 1;
    let early = NothingToWithdraw { node: node(1), epoch: UNBONDING - 1, nextEpoch: UNBONDING };
    ledger.reverts(bank(1), TO, withdrawCall { node: node(1) }, early);
    ledger.height = UNBONDING * BLOCKS;
    assert_eq!(ledger.ok(bank(1), TO, withdrawCall { node: node(1) }), units(200));
    assert_eq!(stands(&mut ledger, 1), (0, 300, 0));
    sound(&mut ledger);
    // A validator of genesis still serves: the least bond stays.
    ledger.height = (UNBONDING + 1) * BLOCKS;
    assert_eq!(ledger.ok(bank(1), TO, withdrawCall { node: node(1) }), units(200));
    let serves = NodeServes { node: node(1), kept: units(100), bondMin: units(BOND_MIN) };
    ledger.reverts(bank(1), TO, withdrawCall { node: node(1) }, serves);
    sound(&mut ledger);
}

#[test]
fn a_bond_that_serves_nobody_ends_with_its_last_unit() {
    let mut ledger = network();
    for number in [5, 6, 7] {
        bond(&mut ledger, number, 100);
    }
    ledger.ok(bank(5), TO, unbondCall { node: node(5), amount: U256::MAX });
    ledger.height = UNBONDING * BLOCKS;
    assert_eq!(ledger.ok(bank(5), TO, withdrawCall { node: node(5) }), units(100));
    let told = ledger.last_event::<Withdrawn>().1;
    assert_eq!(told, Withdrawn { node: node(5), institution: bank(5), amount: units(100) });
    ledger.reverts(bank(5), TO, withdrawCall { node: node(5) }, BondAbsent { node: node(5) });
    // The last of the list took its place.
    assert_eq!(ledger.ok(STRANGER, TO, bondCountCall {}), 2);
    let rest = [0, 1].map(|index| ledger.ok(STRANGER, TO, bondAtCall { index }));
    assert_eq!(rest, [node(7), node(6)]);
    ledger.reverts(STRANGER, TO, bondAtCall { index: 2 }, BondUnknown { index: 2, count: 2 });
    sound(&mut ledger);
    // And the node may have another institution now.
    ledger.ok(GOVERNOR, TO, nameInstitutionCall { node: node(5), account: bank(8) });
    let told = ledger.last_event::<InstitutionNamed>().1;
    assert_eq!(told, InstitutionNamed { node: node(5), account: bank(8) });
    ledger.ok(bank(8), TO, bondCall { node: node(5), amount: U256::MAX });
    assert_eq!(stands(&mut ledger, 5), (WEALTH, 0, 0));
    let bound = InstitutionBound { node: node(5), institution: bank(8) };
    ledger.reverts(GOVERNOR, TO, nameInstitutionCall { node: node(5), account: bank(5) }, bound);
    sound(&mut ledger);
}

/// Who registered a node where connecting is open bonds for it, unless another was named.
#[test]
fn the_owner_of_a_node_is_its_institution() {
    let mut ledger = network();
    let (open, own) = (IPermission::setAccessCall { capability: 2, access: 0, roles: 0 }, node(20));
    ledger.ok(GOVERNOR, PERMISSION_ADDRESS, open);
    ledger.ok(
        GOVERNOR,
        PERMISSION_ADDRESS,
        IPermission::setListedCall { capability: 0, accounts: vec![bank(8)], listed: true },
    );
    let call = IPermission::addNodeCall { publicKey: own, name: "own".into(), endpoint: "own.example:1".into() };
    ledger.ok(bank(8), PERMISSION_ADDRESS, call);
    assert_eq!(ledger.ok(STRANGER, TO, institutionOfCall { node: own }), bank(8));
    ledger.ok(bank(8), TO, bondCall { node: own, amount: units(100) });
    assert_eq!(ledger.ok(STRANGER, TO, institutionOfCall { node: node(21) }), Address::ZERO);
    // What was named goes before, and zero takes it back.
    ledger.ok(GOVERNOR, TO, nameInstitutionCall { node: node(8), account: Address::ZERO });
    assert_eq!(ledger.ok(STRANGER, TO, institutionOfCall { node: node(8) }), Address::ZERO);
    let nobody = InstitutionRequired { node: node(8), caller: bank(8), institution: Address::ZERO };
    ledger.reverts(bank(8), TO, bondCall { node: node(8), amount: units(100) }, nobody);
    // A node that left the registry is bonded for no more; what is on hold goes back.
    ledger.ok(bank(8), PERMISSION_ADDRESS, IPermission::removeNodeCall { publicKey: own });
    ledger.reverts(bank(8), TO, bondCall { node: own, amount: units(100) }, NodeUnregistered { node: own });
    ledger.ok(bank(8), TO, unbondCall { node: own, amount: U256::MAX });
    ledger.height = UNBONDING * BLOCKS;
    ledger.ok(bank(8), TO, withdrawCall { node: own });
    sound(&mut ledger);
}

/// Parts are bounded, and withdrawing makes room.
#[test]
fn parts_are_bounded() {
    let mut ledger = network();
    bond(&mut ledger, 5, 1_000);
    for epoch in 0..u64::from(PARTS_MAX) {
        ledger.height = epoch * BLOCKS + 1;
        ledger.ok(bank(5), TO, unbondCall { node: node(5), amount: units(10) });
    }
    ledger.height = u64::from(PARTS_MAX) * BLOCKS;
    let full = UnbondingFull { node: node(5), partsMax: PARTS_MAX.into() };
    ledger.reverts(bank(5), TO, unbondCall { node: node(5), amount: units(10) }, full);
    assert_eq!(ledger.ok(bank(5), TO, withdrawCall { node: node(5) }), units(30), "three of eight are ripe");
    ledger.ok(bank(5), TO, unbondCall { node: node(5), amount: units(10) });
    assert_eq!(stands(&mut ledger, 5), (910, 60, 0));
    sound(&mut ledger);
}

/// A court's order takes from what is bonded first, then from what was unbonded last.
#[test]
fn a_seizure_shortens_a_bond() {
    let mut ledger = network();
    bond(&mut ledger, 5, 1_000);
    ledger.ok(bank(5), TO, unbondCall { node: node(5), amount: units(300) });
    ledger.height = BLOCKS;
    ledger.ok(bank(5), TO, unbondCall { node: node(5), amount: units(200) });
    let hold = ledger.ok(STRANGER, TO, bondOfCall { node: node(5) }).holdId;
    let seize = |ledger: &mut Ledger, amount: u128| {
        crate::testing::seize_from_hold(ledger, eur(), hold, amount).unwrap();
        sound(ledger);
        stands(ledger, 5)
    };
    assert_eq!(seize(&mut ledger, 100), (400, 500, 0));
    assert_eq!(seize(&mut ledger, 450), (0, 450, 0));
    assert_eq!(seize(&mut ledger, 200), (0, 250, 0));
    let parts = ledger.ok(STRANGER, TO, unbondingOfCall { node: node(5) });
    assert_eq!((parts.amounts, parts.untilEpochs), (vec![units(250)], vec![UNBONDING]));
    // What is bonded anew is bonded, and makes up for nothing that was seized.
    bond(&mut ledger, 5, 400);
    assert_eq!(stands(&mut ledger, 5), (400, 250, 0));
    let hold = ledger.ok(STRANGER, TO, bondOfCall { node: node(5) }).holdId;
    crate::testing::seize_from_hold(&mut ledger, eur(), hold, 650).unwrap();
    assert_eq!(stands(&mut ledger, 5), (0, 0, 0));
    assert_eq!(ledger.ok(bank(5), TO, withdrawCall { node: node(5) }), U256::ZERO, "and the bond ends");
    assert_eq!(ledger.ok(STRANGER, TO, bondCountCall {}), 0);
    sound(&mut ledger);
}

#[test]
fn shares_are_rounded_up_and_never_more_than_the_whole() {
    use super::bond::share;
    assert_eq!([share(0, 500), share(1, 500), share(20, 500), share(21, 500), share(7, 10_000)], [0, 1, 1, 2, 7]);
    assert_eq!(share(u128::MAX, 10_000), u128::MAX);
    assert_eq!(share(u128::MAX, u16::MAX), u128::MAX);
    assert_eq!(share(10_000, 1), 1);
}
