//! What is written before the first transaction of a block, where the committee changes.

use super::*;
use florin_modules::GOVERNANCE_ADDRESS;
use florin_types::{GenesisGovernance, GenesisSeat};
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
        guardians: Default::default(),
        parameters: Default::default(),
    });
    file
}

/// The hash that a block's parent has in these tests.
fn parent_hash(height: u64) -> B256 {
    B256::with_last_byte(u8::try_from(height % 251).unwrap())
}

/// Executes an empty block of a leader on a state.
fn step(file: &Genesis, state: &mut Changeset, height: u64, leader: B256) -> Executed {
    let env = BlockEnv { leader, ..BlockEnv::new(height, parent_hash(height), height * 1_000) };
    let executed = execute(state, CHAIN_ID, file.rules.at(height), &env, &[]).unwrap();
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
