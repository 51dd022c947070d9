//! What is wrong is said in the promised order.

use super::*;

fn amount_invalid(amount: U256) -> BondAmountInvalid {
    BondAmountInvalid { amount }
}

#[test]
fn where_bonds_elect_nobody_every_function_says_so() {
    let mut ledger = crate::testing::world();
    let node = node(1);
    ledger.reverts(bank(1), TO, bondCall { node, amount: U256::ZERO }, StakeAbsent {});
    ledger.reverts(bank(1), TO, unbondCall { node, amount: U256::ZERO }, StakeAbsent {});
    ledger.reverts(bank(1), TO, withdrawCall { node }, StakeAbsent {});
    ledger.reverts(bank(1), TO, collectCall { node }, StakeAbsent {});
    ledger.reverts(bank(1), TO, nameInstitutionCall { node, account: bank(1) }, StakeAbsent {});
    ledger.reverts(bank(1), TO, stakeTermsCall {}, StakeAbsent {});
    ledger.reverts(bank(1), TO, bondOfCall { node }, StakeAbsent {});
    ledger.reverts(bank(1), TO, unbondingOfCall { node }, StakeAbsent {});
    ledger.reverts(bank(1), TO, institutionOfCall { node }, StakeAbsent {});
    ledger.reverts(bank(1), TO, bondCountCall {}, StakeAbsent {});
    ledger.reverts(bank(1), TO, bondAtCall { index: 0 }, StakeAbsent {});
    ledger.reverts(bank(1), TO, lastElectionCall {}, StakeAbsent {});
    ledger.reverts(bank(1), TO, wouldElectCall {}, StakeAbsent {});
    let before = ledger.storage.slots.clone();
    ledger.height = 31;
    ledger.run(Address::ZERO, elect).unwrap();
    assert_eq!(ledger.storage.slots, before, "and nothing is elected");
    assert!(ledger.run(STRANGER, invariants::check).unwrap().is_empty());
}

#[test]
fn a_bond_s_faults_in_order() {
    let mut ledger = network();
    let call = |number: u8, amount: U256| bondCall { node: node(number), amount };
    ledger.reverts(STRANGER, TO, call(30, U256::ZERO), NodeUnregistered { node: node(30) });
    let required = InstitutionRequired { node: node(5), caller: STRANGER, institution: bank(5) };
    ledger.reverts(STRANGER, TO, call(5, U256::ZERO), required);
    ledger.reverts(bank(5), TO, call(5, U256::ZERO), amount_invalid(U256::ZERO));
    let huge = U256::from(u128::MAX) + U256::from(1);
    ledger.reverts(bank(5), TO, call(5, huge), amount_invalid(huge));
    let small = BondTooSmall { node: node(5), bonded: units(BOND_MIN - 1), bondMin: units(BOND_MIN) };
    ledger.reverts(bank(5), TO, call(5, units(BOND_MIN - 1)), small);
    let poor = IToken::ERC20InsufficientBalance { sender: bank(5), balance: units(WEALTH), needed: units(WEALTH + 1) };
    ledger.reverts(bank(5), TO, call(5, units(WEALTH + 1)), poor);
    // The maximum is what may be spent, and nothing is no amount.
    ledger.ok(bank(5), eur(), IToken::transferCall { to: bank(6), amount: units(WEALTH) });
    ledger.reverts(bank(5), TO, call(5, U256::MAX), amount_invalid(U256::MAX));
    ledger.ok(PAUSER, eur(), IToken::pauseCall {});
    ledger.reverts(bank(6), TO, call(6, units(100)), IToken::EnforcedPause {});
    ledger.ok(PAUSER, eur(), IToken::unpauseCall {});
    ledger.ok(FREEZER, eur(), IToken::setAddressFrozenCall { userAddress: bank(6), freeze: true });
    ledger.reverts(bank(6), TO, call(6, units(100)), IToken::AccountFrozen { account: bank(6) });
    // Who is convicted bonds no more, whatever the amount.
    ledger.ok(STRANGER, GOV, evidence(1, 0));
    let convicted = IGovernance::ValidatorConvicted { node: node(1) };
    ledger.reverts(bank(1), TO, call(1, U256::ZERO), convicted);
    sound(&mut ledger);
}

#[test]
fn what_comes_after_has_its_order_too() {
    let mut ledger = network();
    let call = |amount: U256| unbondCall { node: node(5), amount };
    ledger.reverts(STRANGER, TO, call(U256::ZERO), BondAbsent { node: node(5) });
    bond(&mut ledger, 5, 300);
    let required = || InstitutionRequired { node: node(5), caller: STRANGER, institution: bank(5) };
    ledger.reverts(STRANGER, TO, call(U256::ZERO), required());
    ledger.reverts(bank(5), TO, call(U256::ZERO), amount_invalid(U256::ZERO));
    let exceeded = BondExceeded { node: node(5), bonded: units(300), amount: units(301) };
    ledger.reverts(bank(5), TO, call(units(301)), exceeded);
    let small = BondTooSmall { node: node(5), bonded: units(99), bondMin: units(BOND_MIN) };
    ledger.reverts(bank(5), TO, call(units(201)), small);
    ledger.ok(bank(5), TO, call(units(300)));
    ledger.reverts(bank(5), TO, call(U256::MAX), amount_invalid(U256::MAX));

    ledger.reverts(STRANGER, TO, withdrawCall { node: node(6) }, BondAbsent { node: node(6) });
    ledger.reverts(STRANGER, TO, withdrawCall { node: node(5) }, required());
    let early = NothingToWithdraw { node: node(5), epoch: 0, nextEpoch: UNBONDING };
    ledger.reverts(bank(5), TO, withdrawCall { node: node(5) }, early);
    bond(&mut ledger, 6, 300);
    let nothing = NothingToWithdraw { node: node(6), epoch: 0, nextEpoch: 0 };
    ledger.reverts(bank(6), TO, withdrawCall { node: node(6) }, nothing);
    ledger.reverts(STRANGER, TO, collectCall { node: node(5) }, NothingDue { node: node(5) });

    let name = |node, account| nameInstitutionCall { node, account };
    let admin = StakeAdminRequired { caller: STRANGER, admin: GOVERNOR };
    ledger.reverts(STRANGER, TO, name(node(30), TO), admin);
    ledger.reverts(GOVERNOR, TO, name(node(30), TO), NodeUnregistered { node: node(30) });
    ledger.reverts(GOVERNOR, TO, name(node(5), TO), InstitutionInvalid { account: TO });
    ledger.reverts(GOVERNOR, TO, name(node(5), TREASURY), InstitutionInvalid { account: TREASURY });
    let bound = InstitutionBound { node: node(5), institution: bank(5) };
    ledger.reverts(GOVERNOR, TO, name(node(5), STRANGER), bound);
}

/// Governance's own way to change the list is closed.
#[test]
fn governance_does_not_change_what_bonds_elect() {
    let mut ledger = network();
    let call = IGovernance::changeValidatorsCall { joining: vec![], leaving: vec![node(1)] };
    let action = IGovernance::Action { target: GOV, data: call.abi_encode().into() };
    let propose = IGovernance::proposeCall { actions: vec![action], descriptionHash: B256::ZERO };
    ledger.reverts(SEAT, GOV, propose, IGovernance::ElectedByStake {});
}

/// A file that the module refuses names the field.
#[test]
fn genesis_names_the_field_that_is_refused() {
    let refused = |change: fn(&mut GenesisStake)| {
        let mut genesis = stake_genesis();
        change(genesis.governance.as_mut().unwrap().stake.as_mut().unwrap());
        crate::genesis(&genesis).unwrap_err().field
    };
    assert_eq!(refused(|stake| stake.token = 1), "governance.stake.token");
    assert_eq!(refused(|stake| stake.token = u64::MAX), "governance.stake.token");
    assert_eq!(refused(|stake| stake.slashed_to = TO), "governance.stake.slashed_to");
    assert_eq!(refused(|stake| stake.slashed_to = Address::ZERO), "governance.stake.slashed_to");
    let field = refused(|stake| _ = stake.institutions.insert(node(1), TREASURY));
    assert_eq!(field, format!("governance.stake.institutions.{}", node(1)));
}
