//! Bounds: of actions, members, weights and parameters, one below, at and above.

use super::*;
use crate::{POLICY_ADDRESS, testing::genesis_file};

#[test]
fn actions_are_bounded_in_number_and_length() {
    let mut ledger = governed();
    let filled = |length: usize| Action { target: STRANGER, data: vec![0xab; length].into() };
    for (actions, sound) in [
        (vec![], false),
        (vec![filled(0)], true),
        (vec![filled(31), filled(32), filled(33)], true),
        (vec![filled(1); 8], true),
        (vec![filled(1); 9], false),
        (vec![filled(8_192)], true),
        (vec![filled(4_096); 2], true),
        (vec![filled(4_096), filled(4_097)], false),
    ] {
        let result = ledger.call(A, GOV, proposeCall { actions: actions.clone(), descriptionHash: WHY });
        assert_eq!(result.is_ok(), sound, "{} actions: {result:?}", actions.len());
        let Ok(proposal) = result else { continue };
        for (index, action) in (0u64..).zip(&actions) {
            let kept = ledger.ok(STRANGER, GOV, actionOfCall { proposalId: proposal, index });
            assert_eq!((kept.target, kept.data), (action.target, action.data.clone()));
        }
        let index = actions.len() as u64;
        let error = ActionUnknown { proposalId: proposal, index };
        ledger.reverts(STRANGER, GOV, actionOfCall { proposalId: proposal, index }, error);
    }
}

#[test]
fn only_acts_on_itself_are_actions_of_governance() {
    let mut ledger = governed();
    let forbidden: Vec<Action> = vec![
        action(GOV, beginExecutionCall { proposalId: 1 }),
        action(GOV, nextActionCall {}),
        action(GOV, executeCall { proposalId: 1 }),
        action(GOV, proposeCall { actions: vec![], descriptionHash: WHY }),
        action(GOV, castVoteCall { proposalId: 1, support: FOR }),
        action(GOV, cancelCall { proposalId: 1 }),
        action(GOV, vetoCall { proposalId: 1 }),
        action(GOV, emergencyPauseCall { module: POLICY_ADDRESS, descriptionHash: WHY }),
        action(GOV, seatCountCall {}),
        Action { target: GOV, data: Bytes::new() },
        Action { target: GOV, data: removeSeatCall::SELECTOR.into() },
        Action { target: Address::ZERO, data: Bytes::new() },
    ];
    for bad in forbidden {
        let mut selector = [0u8; 4];
        selector.iter_mut().zip(&bad.data).for_each(|(to, from)| *to = *from);
        let error = ActionForbidden { index: U256::ONE, target: bad.target, selector: selector.into() };
        let actions = vec![listing(STRANGER), bad];
        ledger.reverts(A, GOV, proposeCall { actions, descriptionHash: WHY }, error);
    }
}

#[test]
fn members_can_act() {
    let mut ledger = governed();
    for account in [Address::ZERO, GOV, POLICY_ADDRESS, token_address(1)] {
        let seat = action(GOV, setSeatCall { account, weight: 1, name: "Nobody".into() });
        reverted(pass(&mut ledger, vec![seat]), MemberInvalid { account });
        let guardian = action(GOV, setGuardianCall { account, guardian: true });
        reverted(pass(&mut ledger, vec![guardian]), MemberInvalid { account });
    }
    let unknown = MemberUnknown { account: STRANGER };
    reverted(pass(&mut ledger, vec![action(GOV, removeSeatCall { account: STRANGER })]), unknown.clone());
    let strike = action(GOV, setGuardianCall { account: STRANGER, guardian: false });
    reverted(pass(&mut ledger, vec![strike]), unknown);
    let again = action(GOV, setGuardianCall { account: GUARDIANS[0], guardian: true });
    reverted(pass(&mut ledger, vec![again]), GuardianExists { account: GUARDIANS[0] });
}

#[test]
fn names_and_weights_have_bounds() {
    let mut ledger = governed();
    let seat = |weight, name: &str| vec![action(GOV, setSeatCall { account: D, weight, name: name.into() })];
    for length in [0, 65] {
        let error = SeatNameInvalid { length: U256::from(length), lengthMax: U256::from(64) };
        reverted(pass(&mut ledger, seat(1, &"n".repeat(length))), error);
    }
    pass(&mut ledger, seat(1, &"n".repeat(64))).unwrap();
    let out = |weight: u64, others: u64| WeightOutOfRange {
        weight: U256::from(weight),
        weightTotal: U256::from(weight) + U256::from(others),
        weightTotalMax: U256::from(u64::MAX),
    };
    reverted(pass(&mut ledger, seat(0, "D")), out(0, 91));
    // The other three weigh 90.
    reverted(pass(&mut ledger, seat(u64::MAX - 89, "D")), out(u64::MAX - 89, 90));
    pass(&mut ledger, seat(u64::MAX - 90, "D")).unwrap();
    assert_eq!(ledger.run(STRANGER, seat_count).unwrap(), (4, u64::MAX));
    sound(&mut ledger);
    // Nothing overflows where the whole weight is the largest number: votes, quorum and shares.
    pass(&mut ledger, seat(1, "D")).unwrap();
    sound(&mut ledger);
}

#[test]
fn seats_and_guardians_are_bounded_in_number() {
    let mut ledger = governed();
    let numbered = |number: u64| Address::from_word(U256::from(0xabc_0000 + number).into());
    let seat = |number| action(GOV, setSeatCall { account: numbered(number), weight: 1, name: "Seat".into() });
    let guardian = |number| action(GOV, setGuardianCall { account: numbered(number), guardian: true });
    let seats: Vec<Action> = (0..SEATS_MAX - 4).map(seat).collect();
    for chunk in seats.chunks(8) {
        pass(&mut ledger, chunk.to_vec()).unwrap();
    }
    reverted(pass(&mut ledger, vec![seat(999)]), MembersFull { countMax: 128 });
    let guardians: Vec<Action> = (0..GUARDIANS_MAX - 3).map(guardian).collect();
    for chunk in guardians.chunks(8) {
        pass(&mut ledger, chunk.to_vec()).unwrap();
    }
    reverted(pass(&mut ledger, vec![guardian(999)]), MembersFull { countMax: 32 });
    // One leaves from the middle, and there is room for another.
    pass(&mut ledger, vec![action(GOV, removeSeatCall { account: B }), seat(999)]).unwrap();
    let guardians = ledger.run(STRANGER, guardian_count).unwrap();
    assert_eq!((ledger.run(STRANGER, seat_count).unwrap().0, guardians), (128, 32));
    sound(&mut ledger);
}

#[test]
fn every_parameter_has_bounds() {
    type Set = fn(&mut Parameters, u64);
    fn small(value: u64) -> u16 {
        value.try_into().unwrap()
    }
    let day = 24 * HOUR_MS;
    let rows: [(&str, Set, u64, u64); 7] = [
        ("quorumBasisPoints", |p, v| p.quorumBasisPoints = small(v), 1, 65_535),
        ("thresholdBasisPoints", |p, v| p.thresholdBasisPoints = small(v), 5_000, 10_000),
        ("vetoBasisPoints", |p, v| p.vetoBasisPoints = small(v), 1, 10_000),
        ("votingPeriodMs", |p, v| p.votingPeriodMs = v, 60_000, 90 * day),
        ("delayMs", |p, v| p.delayMs = v, 0, 90 * day),
        ("executionWindowMs", |p, v| p.executionWindowMs = v, 60_000, 90 * day),
        ("emergencyPauseMs", |p, v| p.emergencyPauseMs = v, 60_000, 90 * day),
    ];
    for (name, set, minimum, maximum) in rows {
        let outside =
            [minimum.checked_sub(1), maximum.checked_add(1).filter(|value| name.ends_with("Ms") || *value <= 65_535)];
        for value in outside.into_iter().flatten() {
            let mut ledger = governed();
            let mut parameters = ledger.ok(STRANGER, GOV, parametersCall {});
            set(&mut parameters, value);
            let error = ParameterOutOfRange {
                parameter: name.into(),
                value: U256::from(value),
                valueMin: U256::from(minimum),
                valueMax: U256::from(maximum),
            };
            reverted(pass(&mut ledger, vec![action(GOV, setParametersCall { parameters })]), error);
        }
    }
    // The bounds themselves are possible, together.
    for extreme in [
        Parameters {
            quorumBasisPoints: 1,
            thresholdBasisPoints: 5_000,
            vetoBasisPoints: 1,
            guardianQuorum: 1,
            votingPeriodMs: 60_000,
            delayMs: 0,
            executionWindowMs: 60_000,
            emergencyPauseMs: 60_000,
        },
        Parameters {
            quorumBasisPoints: 10_000,
            thresholdBasisPoints: 10_000,
            vetoBasisPoints: 10_000,
            guardianQuorum: 3,
            votingPeriodMs: 60 * day,
            delayMs: 30 * day,
            executionWindowMs: 90 * day,
            emergencyPauseMs: 90 * day,
        },
    ] {
        let mut ledger = governed();
        pass(&mut ledger, vec![action(GOV, setParametersCall { parameters: extreme.clone() })]).unwrap();
        assert_eq!(ledger.ok(STRANGER, GOV, parametersCall {}), extreme);
        // If every seat votes for a proposal it is accepted under any of them.
        let proposal = accept(&mut ledger, vec![listing(STRANGER)]);
        ledger.timestamp_ms += extreme.delayMs;
        execute(&mut ledger, proposal).unwrap();
        sound(&mut ledger);
    }
}

#[test]
fn a_genesis_section_that_cannot_decide_names_its_field() {
    let refused = |change: fn(&mut Genesis)| {
        let mut genesis = governed_genesis();
        change(&mut genesis);
        crate::genesis(&genesis).unwrap_err()
    };
    fn section_of(genesis: &mut Genesis) -> &mut GenesisGovernance {
        genesis.governance.as_mut().unwrap()
    }
    let error = refused(|genesis| section_of(genesis).seats.clear());
    assert!(error.field == "governance" && error.rule.starts_with("QuorumUnreachable(seats: 0"), "{error}");
    let error = refused(|genesis| section_of(genesis).seats[1].account = A);
    assert_eq!(error.field, "governance.seats");
    let error = refused(|genesis| section_of(genesis).seats[2].weight = 0);
    assert!(error.field == "governance.seats[2]" && error.rule.starts_with("WeightOutOfRange("), "{error}");
    let error = refused(|genesis| section_of(genesis).seats[3].account = POLICY_ADDRESS);
    assert_eq!(error.field, "governance.seats[3]");
    let error = refused(|genesis| section_of(genesis).parameters.delay_ms = u64::MAX);
    assert!(error.field == "governance.parameters" && error.rule.starts_with("ParameterOutOfRange("), "{error}");
    let error = refused(|genesis| section_of(genesis).guardians.clear());
    assert!(error.rule.starts_with("GuardianQuorumUnreachable(guardians: 0, guardianQuorum: 2)"), "{error}");
    let error = refused(|genesis| _ = section_of(genesis).guardians.insert(GOV));
    assert_eq!(error.field, format!("governance.guardians.{GOV}"));
    // Nobody acts for governance where there is none.
    let error = refused(|genesis| genesis.governance = None);
    assert_eq!(error.field, "governance");
    let mut plain = genesis_file();
    plain.tokens[0].roles.issuer.push(GOV);
    assert_eq!(crate::genesis(&plain).unwrap_err().field, "governance");
}
