use super::*;
use crate::Rules;

fn node(key: u8, role: NodeRole) -> GenesisNode {
    GenesisNode {
        name: format!("Bank {key}"),
        public_key: B256::repeat_byte(key),
        address: format!("127.0.0.1:{}", 30_000 + u16::from(key)),
        role,
    }
}

fn genesis() -> Genesis {
    let holder = Address::repeat_byte(1);
    Genesis {
        chain_id: 4242,
        network: "test".into(),
        timestamp_ms: 1_700_000_000_000,
        rules: RulesSchedule::constant(Rules::default()).unwrap(),
        threshold_public: Bytes::from_static(&[1, 2, 3]),
        dealt_for_development: true,
        nodes: vec![node(1, NodeRole::Validator), node(2, NodeRole::Follower)],
        permission_admin: Address::repeat_byte(9),
        transact: Access::Open,
        deploy: Access::Listed,
        connect: Access::Listed,
        transactors: BTreeSet::new(),
        deployers: BTreeSet::from([holder]),
        accounts: BTreeMap::from([(holder, GenesisAccount { balance: U256::MAX, ..Default::default() })]),
        policies: vec![GenesisPolicy::Allow { admin: holder, members: BTreeSet::from([holder]) }],
        tokens: vec![GenesisToken {
            name: "Digital Euro".into(),
            currency: Currency::new("DEUR", 2).unwrap(),
            supply_cap_minor: Some(1_000),
            policy: Some(0),
            roles: GenesisTokenRoles { admin: vec![holder], ..Default::default() },
            balances: BTreeMap::from([(holder, 1_000)]),
        }],
        governance: None,
        epoch_blocks: None,
    }
}

/// Applies a change to a valid genesis and gives the field that the check names.
fn field_refused(change: impl FnOnce(&mut Genesis)) -> String {
    let mut changed = genesis();
    change(&mut changed);
    match changed.validate() {
        Err(GenesisError::Field { field, .. }) => field,
        other => panic!("expected a refused field, got {other:?}"),
    }
}

#[test]
fn a_genesis_survives_its_json() {
    let text = genesis().to_json().unwrap();
    assert_eq!(Genesis::from_json(&text).unwrap(), genesis());
}

#[test]
fn unknown_and_missing_fields_are_refused() {
    let text = genesis().to_json().unwrap();
    let unknown = text.replacen("\"chain_id\"", "\"chainid\"", 1);
    assert!(matches!(Genesis::from_json(&unknown), Err(GenesisError::Json(reason)) if reason.contains("chainid")));
    assert!(matches!(Genesis::from_json("{}"), Err(GenesisError::Json(_))));
    assert!(matches!(Genesis::from_json("not json"), Err(GenesisError::Json(_))));
}

#[test]
fn every_broken_rule_names_its_field() {
    assert_eq!(field_refused(|g| g.chain_id = 0), "chain_id");
    assert_eq!(field_refused(|g| g.chain_id = u64::MAX), "chain_id");
    assert_eq!(field_refused(|g| g.nodes.clear()), "nodes");
    assert_eq!(field_refused(|g| g.nodes[0].role = NodeRole::Follower), "nodes");
    assert_eq!(field_refused(|g| g.nodes[1].public_key = g.nodes[0].public_key), "nodes");
    assert_eq!(field_refused(|g| g.nodes = (0..=128).map(|key| node(key, NodeRole::Validator)).collect()), "nodes");
    assert_eq!(field_refused(|g| g.tokens[0].policy = Some(1)), "tokens[0]");
    assert_eq!(field_refused(|g| g.tokens[0].supply_cap_minor = Some(999)), "tokens[0]");
    let over = |g: &mut Genesis| {
        g.tokens[0].supply_cap_minor = None;
        g.tokens[0].balances = BTreeMap::from([(Address::ZERO, u128::MAX), (Address::repeat_byte(1), 1)]);
    };
    assert_eq!(field_refused(over), "tokens[0]");
}

#[test]
fn epochs_are_long_enough_for_their_validators() {
    let with = |validators: u8, blocks: u64| {
        let mut genesis = genesis();
        genesis.nodes = (1..=validators).map(|key| node(key, NodeRole::Validator)).collect();
        genesis.epoch_blocks = NonZeroU64::new(blocks);
        genesis.validate()
    };
    let short = [(1, 15), (4, 23), (64, 383), (4, (1 << 20) + 1)];
    let sound = [(1, 16), (4, 24), (64, 384), (4, 1 << 20)];
    for (validators, blocks) in short {
        let refused = with(validators, blocks).unwrap_err();
        assert!(matches!(&refused, GenesisError::Field { field, .. } if field == "epoch_blocks"), "{refused}");
    }
    for (validators, blocks) in sound {
        assert_eq!(with(validators, blocks), Ok(()), "{validators} validators, {blocks} blocks");
    }
    assert!(!genesis().to_json().unwrap().contains("epoch_blocks"), "a file without epochs reads as ever");
}

#[test]
fn node_addresses_can_be_dialled() {
    let with = |address: &str| {
        let mut genesis = genesis();
        genesis.nodes[1].address = address.into();
        genesis.validate()
    };
    let label = "a".repeat(63);
    for good in ["127.0.0.1:1", "[::1]:30300", "bank-four.example:65535", "localhost:9", &format!("{label}.b:1")] {
        assert_eq!(with(good), Ok(()), "{good}");
    }
    let long = format!("{}:1", "a.".repeat(127) + "a");
    let wrong =
        ["", "bank-four.example", "127.0.0.1", "::1", ":30300", "bank:0", "bank:65536", "bank:", "-a.b:1", "a..b:1"];
    for wrong in wrong.into_iter().chain(["a_b:1", "a b:1", "http://bank:1", &format!("{label}a:1"), &long]) {
        let GenesisError::Field { field, rule } = with(wrong).unwrap_err() else { panic!("{wrong}") };
        assert_eq!(field, "nodes[1].address");
        assert!(rule.contains("host:port"), "{rule}");
    }
}

/// A network with epochs whose validators bonds elect.
fn with_stake() -> Genesis {
    let stake = GenesisStake {
        token: 0,
        validators_max: 7,
        bond_min_minor: 1_000,
        unbonding_epochs: UNBONDING_EPOCHS_MIN,
        slash_basis_points: 500,
        slashed_to: Address::repeat_byte(3),
        institutions: BTreeMap::from([(B256::repeat_byte(1), Address::repeat_byte(4))]),
    };
    let governance =
        GenesisGovernance { election: Election::Stake, stake: Some(stake), ..GenesisGovernance::default() };
    Genesis { epoch_blocks: NonZeroU64::new(42), governance: Some(governance), ..genesis() }
}

#[test]
fn bonds_elect_where_the_file_says_so_has_their_terms_and_has_epochs() {
    let refused = |change: fn(&mut GenesisGovernance, &mut GenesisStake)| {
        let mut changed = with_stake();
        let mut governance = changed.governance.take().unwrap();
        let mut stake = governance.stake.take().unwrap();
        change(&mut governance, &mut stake);
        governance.stake = Some(stake);
        changed.governance = Some(governance);
        match changed.validate() {
            Err(GenesisError::Field { field, .. }) => field,
            other => panic!("expected a refused field, got {other:?}"),
        }
    };
    assert_eq!(with_stake().validate(), Ok(()));
    let text = with_stake().to_json().unwrap();
    assert!(text.contains("\"election\": \"stake\""), "{text}");
    assert_eq!(Genesis::from_json(&text).unwrap(), with_stake());
    assert_eq!(refused(|governance, _| governance.election = Election::Authority), "governance.stake");
    assert_eq!(refused(|_, stake| stake.token = 1), "governance.stake.token");
    assert_eq!(refused(|_, stake| stake.validators_max = 3), "governance.stake.validators_max");
    assert_eq!(refused(|_, stake| stake.validators_max = 65), "governance.stake.validators_max");
    assert_eq!(refused(|_, stake| stake.validators_max = 8), "governance.stake.validators_max", "48 blocks are needed");
    assert_eq!(refused(|_, stake| stake.bond_min_minor = 0), "governance.stake.bond_min_minor");
    assert_eq!(refused(|_, stake| stake.unbonding_epochs = 5), "governance.stake.unbonding_epochs");
    assert_eq!(refused(|_, stake| stake.slash_basis_points = 0), "governance.stake.slash_basis_points");
    assert_eq!(refused(|_, stake| stake.slash_basis_points = 10_001), "governance.stake.slash_basis_points");
    let stranger = |_: &mut GenesisGovernance, stake: &mut GenesisStake| {
        stake.institutions.insert(B256::repeat_byte(7), Address::repeat_byte(4));
    };
    assert_eq!(refused(stranger), "governance.stake.institutions");
    let mut absent = with_stake();
    absent.governance.as_mut().unwrap().stake = None;
    assert!(matches!(absent.validate(), Err(GenesisError::Field { field, .. }) if field == "governance.stake"));
    let fixed = Genesis { epoch_blocks: None, ..with_stake() };
    assert!(matches!(fixed.validate(), Err(GenesisError::Field { field, .. }) if field == "governance.election"));
}
