//! What is written before the first transaction of a block, where the committee changes.

use super::*;
use florin_modules::{GOVERNANCE_ADDRESS, STAKING_ADDRESS, governance, staking::IStaking};
use florin_types::{Election, GenesisGovernance, GenesisSeat, GenesisStake};
use std::num::NonZeroU64;

const BLOCKS: u64 = 32;
/// Place of the hash of block 0 in governance's storage.
const GENESIS_HASH: u64 = 15;

/// A network with epochs, of which signer 1 decides alone.
fn with_epochs() -> Genesis {
    let mut file = genesis(Rules::default());
    file.epoch_blocks = NonZeroU64::new(BLOCKS);
    file.governance = Some(GenesisGovernance {
        seats: vec![GenesisSeat { account: signer(1).address(), name: "Bank".into(), weight: 1 }],
        ..GenesisGovernance::default()
    });
    file
}

/// The hash that a block's parent has in these tests.
fn parent_hash(height: u64) -> B256 {
    B256::with_last_byte(u8::try_from(height % 251).unwrap())
}

/// Executes an empty block of a leader on a state.
fn step(file: &Genesis, state: &mut Changeset, height: u64, leader: B256) -> Executed {
    step_with(file, state, height, leader, &[])
}

fn step_with(file: &Genesis, state: &mut Changeset, height: u64, leader: B256, txs: &[VerifiedTx]) -> Executed {
    let env = BlockEnv { leader, ..BlockEnv::new(height, parent_hash(height), height * 1_000) };
    let executed = execute(state, CHAIN_ID, file.rules.at(height), &env, txs).unwrap();
    state.extend(executed.changeset.clone());
    executed
}

fn noted(state: &Changeset) -> U256 {
    state.slot(GOVERNANCE_ADDRESS, U256::from(GENESIS_HASH)).unwrap()
}

#[test]
fn the_hash_of_block_0_is_noted_before_block_1_and_never_again() {
    let file = with_epochs();
    let leader = file.nodes[0].public_key;
    let mut state = genesis_state(&file).unwrap();
    assert_eq!(noted(&state), U256::ZERO);
    for height in 1..2 * BLOCKS {
        step(&file, &mut state, height, leader);
        assert_eq!(noted(&state), U256::from_be_bytes(parent_hash(1).0), "height {height}");
    }
}

#[test]
fn nothing_is_noted_without_a_leader_or_without_epochs() {
    let file = with_epochs();
    let mut state = genesis_state(&file).unwrap();
    step(&file, &mut state, 1, B256::ZERO);
    assert_eq!(noted(&state), U256::ZERO, "a simulation of a call has no leader");
    let fixed = Genesis { epoch_blocks: None, ..with_epochs() };
    let plain = Genesis { governance: None, ..fixed.clone() };
    for file in [fixed, plain] {
        let mut state = genesis_state(&file).unwrap();
        let led = step(&file, &mut state.clone(), 1, file.nodes[0].public_key);
        let unled = step(&file, &mut state, 1, B256::ZERO);
        assert_eq!(led, unled, "where the committee is fixed nothing is written");
    }
}

/// Place of the last election in the storage of bonds, and of the epochs in governance's.
const ELECTION: u64 = 6;
const EPOCHS: u64 = 12;

/// The same network, whose validators bonds elect. Signer 1 bonds for its node.
fn with_stake() -> Genesis {
    let mut file = with_epochs();
    let institutions = [(file.nodes[0].public_key, signer(1).address())].into();
    if let Some(section) = &mut file.governance {
        section.election = Election::Stake;
        section.stake = Some(GenesisStake {
            token: 0,
            validators_max: 4,
            bond_min_minor: 100,
            unbonding_epochs: 6,
            slash_basis_points: 1_000,
            slashed_to: signer(4).address(),
            institutions,
        });
    }
    file.validate().unwrap();
    file
}

/// Epoch, result and version of the last election, and how many versions there are.
fn election(state: &Changeset) -> (u64, u8, u64, u64) {
    let last = state.slot(STAKING_ADDRESS, U256::from(ELECTION)).unwrap();
    let epochs = state.slot(GOVERNANCE_ADDRESS, U256::from(EPOCHS)).unwrap();
    let part = |word: U256, from: usize, bits: usize| (word >> from) & ((U256::from(1) << bits) - U256::from(1));
    (part(last, 0, 64).to(), part(last, 64, 8).to(), part(last, 120, 64).to(), part(epochs, 64, 64).to())
}

/// Elections are in the last block before the middle of an epoch and in no other; a bond of that very block counts for the
/// next one.
#[test]
fn one_block_of_an_epoch_elects_before_its_transactions() {
    let file = with_stake();
    let leader = file.nodes[0].public_key;
    let mut state = genesis_state(&file).unwrap();
    let (mut seen, mut last) = (Vec::new(), election(&state));
    assert_eq!(last, (0, 0, 0, 1));
    for height in 1..4 * BLOCKS {
        let call = IStaking::bondCall { node: leader, amount: U256::from(500) };
        let bond =
            TxEip1559 { to: TxKind::Call(STAKING_ADDRESS), input: call.abi_encode().into(), ..free(0, 2_000_000) };
        let txs = if height == BLOCKS / 2 - 1 { vec![signer(1).sign(bond)] } else { vec![] };
        let executed = step_with(&file, &mut state, height, leader, &txs);
        assert!(statuses(&executed).iter().all(|succeeded| *succeeded), "height {height}");
        let now = election(&state);
        if now != last {
            seen.push((height, now));
            last = now;
        }
    }
    // Too few at first; then the validator of genesis as its institution's; then the same.
    assert_eq!(seen, [(15, (2, 3, 0, 1)), (47, (3, 1, 1, 2)), (79, (4, 2, 1, 2)), (111, (5, 2, 1, 2))]);
}

/// A pause of the module is no reason for a network to stand still, nor to forget an election.
#[test]
fn elections_pass_a_pause() {
    let file = with_stake();
    let mut state = genesis_state(&file).unwrap();
    let pause = governance::layout::layout().pauses.of(&STAKING_ADDRESS).place();
    // Bit 12 of the modules that are paused, governance is established; until long after.
    let status = (U256::from(1) << 64) | (U256::from(1) << 12);
    state.slots.insert((GOVERNANCE_ADDRESS, U256::ZERO), status);
    state.slots.insert(pause, U256::from(u64::MAX) << 64);
    for height in 1..BLOCKS {
        step(&file, &mut state, height, file.nodes[0].public_key);
    }
    assert_eq!(election(&state), (2, 3, 0, 1));
}

#[test]
fn without_a_leader_nobody_is_elected() {
    let file = with_stake();
    let mut state = genesis_state(&file).unwrap();
    for height in 1..BLOCKS {
        step(&file, &mut state, height, B256::ZERO);
    }
    assert_eq!(election(&state), (0, 0, 0, 1));
}
