//! Scenarios of a token, precedence of its errors, and events that rebuild every balance.

use super::{IToken::*, invariants::EventBook, *};
use crate::{
    Failure, POLICY_ADDRESS,
    policy::IPolicy::{addMembersCall, createListCall},
    testing::{ADMIN, COMPLIANCE, FREEZER, ISSUER, Ledger, PAUSER, account, key, sign, units, world},
    token_address,
};
use alloy_primitives::{Address, B256, U256, keccak256};

mod authorization;
mod holds;
mod issuance;
mod model;
mod notice;
mod orders;
mod orders_model;
mod redemption;

fn eur() -> Address {
    token_address(1)
}

fn balance(ledger: &mut Ledger, who: Address) -> u128 {
    ledger.ok(who, eur(), balanceOfCall { account: who }).to()
}

fn freeze(ledger: &mut Ledger, who: Address, freeze: bool) {
    ledger.ok(FREEZER, eur(), setAddressFrozenCall { userAddress: who, freeze });
}

// ----- metadata and identity -----------------------------------------------------------------------------------------

#[test]
fn metadata_is_what_genesis_says() {
    let mut ledger = world();
    let anyone = account(9);
    assert_eq!(ledger.ok(anyone, eur(), nameCall {}), "Euro");
    assert_eq!(ledger.ok(anyone, eur(), symbolCall {}), "EUR");
    assert_eq!(ledger.ok(anyone, eur(), decimalsCall {}), 2);
    assert_eq!(ledger.ok(anyone, eur(), totalSupplyCall {}), units(1_500));
    assert_eq!(ledger.ok(anyone, eur(), supplyCapCall {}), units(1_000_000));
    assert_eq!(ledger.ok(anyone, eur(), policyIdCall {}), 2);
    assert!(!ledger.ok(anyone, eur(), pausedCall {}));
    let currency = ledger.run(anyone, |context| currency(context, eur())).unwrap();
    assert_eq!((currency.symbol(), currency.digits()), ("EUR", 2));
}

#[test]
fn a_token_that_was_never_created_answers_nothing() {
    let mut ledger = world();
    let token = token_address(2);
    ledger.reverts(account(1), token, nameCall {}, TokenUnknown { token });
    ledger.reverts(account(1), token, transferCall { to: account(2), amount: U256::ZERO }, TokenUnknown { token });
}

#[test]
fn identities_are_the_published_ones() {
    assert_eq!(ISSUER_ROLE, keccak256("ISSUER_ROLE"));
    assert_eq!(PAUSER_ROLE, keccak256("PAUSER_ROLE"));
    assert_eq!(FREEZER_ROLE, keccak256("FREEZER_ROLE"));
    assert_eq!(SEIZER_ROLE, keccak256("SEIZER_ROLE"));
    let permit_type = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)";
    assert_eq!(permit::PERMIT_TYPE, keccak256(permit_type));
    let domain_type = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
    assert_eq!(crate::typed_data::DOMAIN_TYPE, keccak256(domain_type));
    let mut ledger = world();
    for (interface, expected) in
        [([0x01, 0xff, 0xc9, 0xa7], true), ([0x79, 0x65, 0xdb, 0x0b], true), ([0xff; 4], false), ([0; 4], false)]
    {
        let call = supportsInterfaceCall { interfaceId: interface.into() };
        assert_eq!(ledger.ok(account(1), eur(), call), expected, "{interface:?}");
    }
}

// ----- transfers -----------------------------------------------------------------------------------------------------

#[test]
fn a_transfer_moves_units_and_says_so() {
    let mut ledger = world();
    assert!(ledger.ok(account(1), eur(), transferCall { to: account(3), amount: units(400) }));
    assert_eq!((balance(&mut ledger, account(1)), balance(&mut ledger, account(3))), (600, 400));
    let (address, event) = ledger.last_event::<Transfer>();
    assert_eq!(address, eur());
    assert_eq!(event, Transfer { from: account(1), to: account(3), value: units(400) });
}

/// ERC-20: a transfer of zero is a normal one. OpenZeppelin: to oneself is one too, and needs the balance.
#[test]
fn zero_and_self_transfers_are_normal() {
    let mut ledger = world();
    ledger.ok(account(3), eur(), transferCall { to: account(1), amount: U256::ZERO });
    assert_eq!(ledger.last_event::<Transfer>().1.value, U256::ZERO);
    ledger.ok(account(1), eur(), transferCall { to: account(1), amount: units(1_000) });
    assert_eq!(balance(&mut ledger, account(1)), 1_000);
    let error = ERC20InsufficientBalance { sender: account(1), balance: units(1_000), needed: units(1_001) };
    ledger.reverts(account(1), eur(), transferCall { to: account(1), amount: units(1_001) }, error);
}

#[test]
fn amounts_beyond_128_bits_are_simply_too_much() {
    let mut ledger = world();
    for amount in [units(u128::MAX), units(u128::MAX) + U256::ONE, U256::MAX] {
        let error = ERC20InsufficientBalance { sender: account(1), balance: units(1_000), needed: amount };
        ledger.reverts(account(1), eur(), transferCall { to: account(2), amount }, error);
        let error = SupplyCapExceeded { supply: units(1_500), amount, cap: units(1_000_000) };
        ledger.reverts(ISSUER, eur(), mintCall { to: account(2), amount }, error);
    }
}

#[test]
fn units_cannot_get_stuck_at_addresses_that_nobody_can_use() {
    let mut ledger = world();
    for receiver in [Address::ZERO, eur(), token_address(77), POLICY_ADDRESS] {
        let call = transferCall { to: receiver, amount: units(1) };
        ledger.reverts(account(1), eur(), call, ERC20InvalidReceiver { receiver });
        let call = mintCall { to: receiver, amount: units(1) };
        ledger.reverts(ISSUER, eur(), call, ERC20InvalidReceiver { receiver });
    }
}

#[test]
fn a_reference_travels_with_its_payment() {
    let mut ledger = world();
    let memo = B256::repeat_byte(5);
    let reference = "é".repeat(70);
    let call = |reference: String| transferWithMemoCall {
        to: account(2),
        amount: units(7),
        memo,
        paymentReference: reference,
    };
    ledger.ok(account(1), eur(), call(reference.clone()));
    let event = ledger.last_event::<TransferWithMemo>().1;
    let expected =
        TransferWithMemo { from: account(1), to: account(2), value: units(7), memo, paymentReference: reference };
    assert_eq!(event, expected);
    let before = &ledger.storage.logs[ledger.storage.logs.len() - 2];
    assert_eq!(before.topics()[0], <Transfer as alloy_sol_types::SolEvent>::SIGNATURE_HASH);
    let error = PaymentReferenceTooLong { length: units(141), lengthMax: units(140) };
    ledger.reverts(account(1), eur(), call("x".repeat(141)), error);
}

// ----- allowances ----------------------------------------------------------------------------------------------------

#[test]
fn an_allowance_is_used_up_unless_it_is_infinite() {
    let mut ledger = world();
    let pull = |amount: u128| transferFromCall { from: account(1), to: account(3), amount: units(amount) };
    ledger.ok(account(1), eur(), approveCall { spender: account(2), amount: units(100) });
    ledger.ok(account(2), eur(), pull(60));
    assert_eq!(ledger.ok(account(9), eur(), allowanceCall { owner: account(1), spender: account(2) }), units(40));
    let error = ERC20InsufficientAllowance { spender: account(2), allowance: units(40), needed: units(41) };
    ledger.reverts(account(2), eur(), pull(41), error);
    ledger.ok(account(1), eur(), approveCall { spender: account(2), amount: U256::MAX });
    ledger.ok(account(2), eur(), pull(500));
    assert_eq!(ledger.ok(account(9), eur(), allowanceCall { owner: account(1), spender: account(2) }), U256::MAX);
    assert_eq!(balance(&mut ledger, account(3)), 560);
}

#[test]
fn only_the_largest_number_is_an_infinite_allowance() {
    let mut ledger = world();
    let almost = U256::MAX - U256::ONE;
    ledger.ok(account(1), eur(), approveCall { spender: account(2), amount: almost });
    ledger.ok(account(2), eur(), transferFromCall { from: account(1), to: account(3), amount: units(7) });
    let left = ledger.ok(account(9), eur(), allowanceCall { owner: account(1), spender: account(2) });
    assert_eq!(left, almost - units(7));
}

#[test]
fn allowances_name_real_parties() {
    let mut ledger = world();
    let call = || approveCall { spender: Address::ZERO, amount: units(1) };
    ledger.reverts(account(1), eur(), call(), ERC20InvalidSpender { spender: Address::ZERO });
    ledger.reverts(Address::ZERO, eur(), call(), ERC20InvalidApprover { approver: Address::ZERO });
    let call = transferFromCall { from: Address::ZERO, to: account(1), amount: U256::ZERO };
    ledger.reverts(account(1), eur(), call, ERC20InvalidSender { sender: Address::ZERO });
    let error = ERC20InsufficientAllowance { spender: account(1), allowance: U256::ZERO, needed: units(1) };
    let call = transferFromCall { from: account(1), to: account(2), amount: units(1) };
    ledger.reverts(account(1), eur(), call, error);
}

// ----- precedence ----------------------------------------------------------------------------------------------------

/// Everything is wrong with this movement. The errors come in the order that `specs/token.md` promises, each healed
/// before the next is seen.
#[test]
fn errors_of_a_movement_come_in_the_promised_order() {
    let mut ledger = world();
    let (payer, payee, operator) = (account(1), account(2), account(3));
    ledger.ok(payer, eur(), approveCall { spender: operator, amount: units(10) });
    ledger.ok(FREEZER, eur(), freezePartialTokensCall { userAddress: payer, amount: units(300) });
    ledger.ok(PAUSER, eur(), pauseCall {});
    for party in [payer, payee, operator] {
        freeze(&mut ledger, party, true);
    }
    let accounts = vec![payer, payee, operator];
    ledger.ok(COMPLIANCE, POLICY_ADDRESS, addMembersCall { policyId: 2, accounts: accounts.clone() });

    let call = |to: Address, amount: u128, reference: &str| transferFromWithMemoCall {
        from: payer,
        to,
        amount: units(amount),
        memo: B256::ZERO,
        paymentReference: reference.into(),
    };
    let long = "x".repeat(141);
    let error = PaymentReferenceTooLong { length: units(141), lengthMax: units(140) };
    ledger.reverts(operator, eur(), call(eur(), 2_000, &long), error);
    ledger.reverts(operator, eur(), call(eur(), 2_000, ""), ERC20InvalidReceiver { receiver: eur() });
    let pull = |amount| call(payee, amount, "");
    ledger.reverts(operator, eur(), pull(2_000), EnforcedPause {});
    ledger.ok(PAUSER, eur(), unpauseCall {});
    for party in [payer, payee, operator] {
        ledger.reverts(operator, eur(), pull(2_000), AccountFrozen { account: party });
        freeze(&mut ledger, party, false);
    }
    for party in [payer, payee, operator] {
        ledger.reverts(operator, eur(), pull(2_000), PolicyForbids { policyId: 2, account: party });
        let call = crate::policy::IPolicy::removeMembersCall { policyId: 2, accounts: vec![party] };
        ledger.ok(COMPLIANCE, POLICY_ADDRESS, call);
    }
    let error = ERC20InsufficientAllowance { spender: operator, allowance: units(10), needed: units(2_000) };
    ledger.reverts(operator, eur(), pull(2_000), error);
    ledger.ok(payer, eur(), approveCall { spender: operator, amount: units(5_000) });
    let error = ERC20InsufficientBalance { sender: payer, balance: units(1_000), needed: units(2_000) };
    ledger.reverts(operator, eur(), pull(2_000), error);
    let error =
        InsufficientUnfrozenBalance { sender: payer, balance: units(1_000), frozen: units(300), needed: units(701) };
    ledger.reverts(operator, eur(), pull(701), error);
    ledger.ok(operator, eur(), pull(700));
    assert_eq!((balance(&mut ledger, payer), balance(&mut ledger, payee)), (300, 1_200));
}

#[test]
fn errors_of_minting_and_burning_come_in_the_promised_order() {
    let mut ledger = world();
    let (holder, huge) = (account(1), units(10_000_000));
    let no_role = AccessControlUnauthorizedAccount { account: holder, neededRole: ISSUER_ROLE };
    ledger.reverts(holder, eur(), mintCall { to: Address::ZERO, amount: huge }, no_role);
    let no_role = AccessControlUnauthorizedAccount { account: holder, neededRole: ISSUER_ROLE };
    ledger.reverts(holder, eur(), burnCall { amount: huge }, no_role);
    let no_role = AccessControlUnauthorizedAccount { account: holder, neededRole: ISSUER_ROLE };
    ledger.reverts(holder, eur(), burnFromCall { from: Address::ZERO, amount: huge }, no_role);

    ledger.ok(PAUSER, eur(), pauseCall {});
    freeze(&mut ledger, holder, true);
    ledger.ok(COMPLIANCE, POLICY_ADDRESS, addMembersCall { policyId: 2, accounts: vec![holder] });
    let mint = || mintCall { to: holder, amount: huge };
    let burn = || burnFromCall { from: holder, amount: huge };
    ledger.reverts(
        ISSUER,
        eur(),
        mintCall { to: Address::ZERO, amount: huge },
        ERC20InvalidReceiver { receiver: Address::ZERO },
    );
    ledger.reverts(
        ISSUER,
        eur(),
        burnFromCall { from: Address::ZERO, amount: huge },
        ERC20InvalidSender { sender: Address::ZERO },
    );
    ledger.reverts(ISSUER, eur(), mint(), EnforcedPause {});
    ledger.reverts(ISSUER, eur(), burn(), EnforcedPause {});
    ledger.ok(PAUSER, eur(), unpauseCall {});
    ledger.reverts(ISSUER, eur(), mint(), AccountFrozen { account: holder });
    ledger.reverts(ISSUER, eur(), burn(), AccountFrozen { account: holder });
    freeze(&mut ledger, holder, false);
    ledger.reverts(ISSUER, eur(), mint(), PolicyForbids { policyId: 2, account: holder });
    ledger.reverts(ISSUER, eur(), burn(), PolicyForbids { policyId: 2, account: holder });
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: 0 });
    let error = SupplyCapExceeded { supply: units(1_500), amount: huge, cap: units(1_000_000) };
    ledger.reverts(ISSUER, eur(), mint(), error);
    let error = ERC20InsufficientAllowance { spender: ISSUER, allowance: U256::ZERO, needed: huge };
    ledger.reverts(ISSUER, eur(), burn(), error);
    ledger.ok(holder, eur(), approveCall { spender: ISSUER, amount: U256::MAX });
    let error = ERC20InsufficientBalance { sender: holder, balance: units(1_000), needed: huge };
    ledger.reverts(ISSUER, eur(), burn(), error);
}

// ----- supply --------------------------------------------------------------------------------------------------------

#[test]
fn minting_fills_the_cap_exactly_and_burning_frees_it() {
    let mut ledger = world();
    ledger.ok(ISSUER, eur(), mintCall { to: ISSUER, amount: units(998_500) });
    assert_eq!(ledger.ok(ISSUER, eur(), totalSupplyCall {}), units(1_000_000));
    let error = || SupplyCapExceeded { supply: units(1_000_000), amount: units(1), cap: units(1_000_000) };
    ledger.reverts(ISSUER, eur(), mintCall { to: ISSUER, amount: units(1) }, error());
    ledger.ok(ISSUER, eur(), burnCall { amount: units(1) });
    assert_eq!(ledger.last_event::<Transfer>().1, Transfer { from: ISSUER, to: Address::ZERO, value: units(1) });
    ledger.ok(ISSUER, eur(), mintCall { to: account(1), amount: units(1) });
    assert_eq!(ledger.last_event::<Transfer>().1, Transfer { from: Address::ZERO, to: account(1), value: units(1) });
}

#[test]
fn the_cap_stays_between_supply_and_128_bits() {
    let mut ledger = world();
    for cap in [units(1_499), units(u128::MAX) + U256::ONE, U256::MAX] {
        let error = SupplyCapInvalid { supply: units(1_500), cap };
        ledger.reverts(ADMIN, eur(), setSupplyCapCall { newCap: cap }, error);
    }
    ledger.ok(ADMIN, eur(), setSupplyCapCall { newCap: units(u128::MAX) });
    ledger.ok(ISSUER, eur(), mintCall { to: account(1), amount: units(u128::MAX - 1_500) });
    assert_eq!(balance(&mut ledger, account(1)), u128::MAX - 500);
    ledger.ok(account(2), eur(), transferCall { to: account(1), amount: units(500) });
    assert_eq!(balance(&mut ledger, account(1)), u128::MAX, "the largest balance there can be");
    ledger.ok(ISSUER, eur(), approveCall { spender: account(1), amount: units(1) });
    ledger.ok(ADMIN, eur(), setSupplyCapCall { newCap: units(u128::MAX) });
}

#[test]
fn burning_from_a_holder_takes_consent() {
    let mut ledger = world();
    ledger.ok(account(1), eur(), approveCall { spender: ISSUER, amount: units(250) });
    ledger.ok(ISSUER, eur(), burnFromCall { from: account(1), amount: units(250) });
    assert_eq!(ledger.ok(ISSUER, eur(), totalSupplyCall {}), units(1_250));
    let error = ERC20InsufficientAllowance { spender: ISSUER, allowance: U256::ZERO, needed: units(1) };
    ledger.reverts(ISSUER, eur(), burnFromCall { from: account(1), amount: units(1) }, error);
}

// ----- pause and freezing --------------------------------------------------------------------------------------------

#[test]
fn pausing_stops_movements_and_nothing_else() {
    let mut ledger = world();
    ledger.reverts(PAUSER, eur(), unpauseCall {}, ExpectedPause {});
    ledger.ok(PAUSER, eur(), pauseCall {});
    ledger.reverts(PAUSER, eur(), pauseCall {}, EnforcedPause {});
    ledger.reverts(ISSUER, eur(), burnCall { amount: U256::ZERO }, EnforcedPause {});
    ledger.ok(account(1), eur(), approveCall { spender: account(2), amount: units(5) });
    freeze(&mut ledger, account(2), true);
    ledger.ok(PAUSER, eur(), unpauseCall {});
    ledger.ok(account(1), eur(), transferCall { to: account(3), amount: units(1) });
}

#[test]
fn a_frozen_address_neither_sends_receives_nor_spends() {
    let mut ledger = world();
    let frozen = account(1);
    ledger.ok(account(2), eur(), approveCall { spender: frozen, amount: units(50) });
    freeze(&mut ledger, frozen, true);
    let error = || AccountFrozen { account: frozen };
    ledger.reverts(frozen, eur(), transferCall { to: account(2), amount: U256::ZERO }, error());
    ledger.reverts(account(2), eur(), transferCall { to: frozen, amount: U256::ZERO }, error());
    let pull = || transferFromCall { from: account(2), to: account(3), amount: units(1) };
    ledger.reverts(frozen, eur(), pull(), error());
    ledger.reverts(ISSUER, eur(), mintCall { to: frozen, amount: units(1) }, error());
    assert_eq!(balance(&mut ledger, frozen), 1_000, "frozen units are still there");
    let events = ledger.storage.logs.len();
    freeze(&mut ledger, frozen, true);
    assert_eq!(ledger.storage.logs.len(), events, "freezing twice changes nothing and says nothing");
    freeze(&mut ledger, frozen, false);
    ledger.ok(frozen, eur(), pull());
}

#[test]
fn a_partial_freeze_leaves_the_rest_spendable() {
    let mut ledger = world();
    let holder = account(1);
    let freeze = |amount: u128| freezePartialTokensCall { userAddress: holder, amount: units(amount) };
    let thaw = |amount: u128| unfreezePartialTokensCall { userAddress: holder, amount: units(amount) };
    ledger.ok(FREEZER, eur(), freeze(600));
    ledger.ok(FREEZER, eur(), freeze(200));
    let error = FreezeExceedsBalance { account: holder, available: units(200), amount: units(201) };
    ledger.reverts(FREEZER, eur(), freeze(201), error);
    assert_eq!(ledger.ok(holder, eur(), getFrozenTokensCall { userAddress: holder }), units(800));
    ledger.ok(holder, eur(), transferCall { to: account(2), amount: units(200) });
    let error =
        InsufficientUnfrozenBalance { sender: holder, balance: units(800), frozen: units(800), needed: units(1) };
    ledger.reverts(holder, eur(), transferCall { to: account(2), amount: units(1) }, error);
    ledger.ok(account(2), eur(), transferCall { to: holder, amount: units(30) });
    ledger.ok(holder, eur(), transferCall { to: account(2), amount: units(30) });
    let error = UnfreezeExceedsFrozen { account: holder, frozen: units(800), amount: units(801) };
    ledger.reverts(FREEZER, eur(), thaw(801), error);
    ledger.ok(FREEZER, eur(), thaw(800));
    ledger.ok(holder, eur(), transferCall { to: account(2), amount: units(800) });
}

#[test]
fn a_partial_freeze_is_bounded_by_its_place_beside_the_balance() {
    let mut ledger = world();
    let holder = account(1);
    ledger.ok(ADMIN, eur(), setSupplyCapCall { newCap: units(u128::MAX) });
    ledger.ok(ISSUER, eur(), mintCall { to: holder, amount: units(1 << 125) });
    let most = layout::FROZEN_MAX;
    let call = |amount: u128| freezePartialTokensCall { userAddress: holder, amount: units(amount) };
    let error = FreezeExceedsBalance { account: holder, available: units(most), amount: units(most + 1) };
    ledger.reverts(FREEZER, eur(), call(most + 1), error);
    ledger.ok(FREEZER, eur(), call(most));
    assert_eq!(balance(&mut ledger, holder), (1 << 125) + 1_000, "the balance beside it is untouched");
    assert!(!ledger.ok(holder, eur(), isFrozenCall { userAddress: holder }), "and so is the flag");
}

// ----- roles ---------------------------------------------------------------------------------------------------------

#[test]
fn each_power_needs_its_own_role() {
    let mut ledger = world();
    let stranger = account(1);
    let need = |role| AccessControlUnauthorizedAccount { account: stranger, neededRole: role };
    let (who, amount) = (account(2), units(1));
    ledger.reverts(stranger, eur(), mintCall { to: who, amount }, need(ISSUER_ROLE));
    ledger.reverts(stranger, eur(), burnCall { amount }, need(ISSUER_ROLE));
    ledger.reverts(stranger, eur(), burnFromCall { from: who, amount }, need(ISSUER_ROLE));
    ledger.reverts(stranger, eur(), pauseCall {}, need(PAUSER_ROLE));
    ledger.reverts(stranger, eur(), unpauseCall {}, need(PAUSER_ROLE));
    ledger.reverts(stranger, eur(), setAddressFrozenCall { userAddress: who, freeze: true }, need(FREEZER_ROLE));
    ledger.reverts(stranger, eur(), freezePartialTokensCall { userAddress: who, amount }, need(FREEZER_ROLE));
    ledger.reverts(stranger, eur(), unfreezePartialTokensCall { userAddress: who, amount }, need(FREEZER_ROLE));
    ledger.reverts(stranger, eur(), setSupplyCapCall { newCap: amount }, need(ADMIN_ROLE));
    ledger.reverts(stranger, eur(), setPolicyCall { newPolicyId: 0 }, need(ADMIN_ROLE));
    ledger.reverts(stranger, eur(), grantRoleCall { role: ISSUER_ROLE, account: who }, need(ADMIN_ROLE));
    ledger.reverts(stranger, eur(), revokeRoleCall { role: ISSUER_ROLE, account: ISSUER }, need(ADMIN_ROLE));
    let need = AccessControlUnauthorizedAccount { account: ADMIN, neededRole: ISSUER_ROLE };
    ledger.reverts(ADMIN, eur(), mintCall { to: ADMIN, amount }, need);
}

#[test]
fn roles_are_given_taken_and_given_up() {
    let mut ledger = world();
    let clerk = account(7);
    let held = |ledger: &mut Ledger, role| ledger.ok(clerk, eur(), hasRoleCall { role, account: clerk });
    ledger.ok(ADMIN, eur(), grantRoleCall { role: ISSUER_ROLE, account: clerk });
    let event = ledger.last_event::<RoleGranted>().1;
    assert_eq!(event, RoleGranted { role: ISSUER_ROLE, account: clerk, sender: ADMIN });
    let events = ledger.storage.logs.len();
    ledger.ok(ADMIN, eur(), grantRoleCall { role: ISSUER_ROLE, account: clerk });
    assert_eq!(ledger.storage.logs.len(), events);
    assert!(held(&mut ledger, ISSUER_ROLE) && !held(&mut ledger, PAUSER_ROLE));
    ledger.reverts(
        clerk,
        eur(),
        renounceRoleCall { role: ISSUER_ROLE, callerConfirmation: ADMIN },
        AccessControlBadConfirmation {},
    );
    ledger.ok(clerk, eur(), renounceRoleCall { role: ISSUER_ROLE, callerConfirmation: clerk });
    assert!(!held(&mut ledger, ISSUER_ROLE));
    ledger.ok(ADMIN, eur(), grantRoleCall { role: PAUSER_ROLE, account: clerk });
    ledger.ok(ADMIN, eur(), revokeRoleCall { role: PAUSER_ROLE, account: clerk });
    let event = ledger.last_event::<RoleRevoked>().1;
    assert_eq!(event, RoleRevoked { role: PAUSER_ROLE, account: clerk, sender: ADMIN });
    let role = B256::repeat_byte(9);
    ledger.reverts(ADMIN, eur(), grantRoleCall { role, account: clerk }, RoleUnknown { role });
    for account in [Address::ZERO, eur()] {
        ledger.reverts(ADMIN, eur(), grantRoleCall { role: ISSUER_ROLE, account }, RoleHolderInvalid { account });
    }
}

#[test]
fn the_last_admin_cannot_leave() {
    let mut ledger = world();
    let leave = || renounceRoleCall { role: ADMIN_ROLE, callerConfirmation: ADMIN };
    let error = || LastAdmin { account: ADMIN };
    ledger.reverts(ADMIN, eur(), leave(), error());
    ledger.reverts(ADMIN, eur(), revokeRoleCall { role: ADMIN_ROLE, account: ADMIN }, error());
    ledger.ok(ADMIN, eur(), revokeRoleCall { role: ADMIN_ROLE, account: account(9) });
    assert_eq!(ledger.ok(ADMIN, eur(), adminCountCall {}), units(1), "revoking from a stranger counts nobody out");
    ledger.ok(ADMIN, eur(), grantRoleCall { role: ADMIN_ROLE, account: account(7) });
    ledger.ok(ADMIN, eur(), grantRoleCall { role: ADMIN_ROLE, account: account(7) });
    assert_eq!(ledger.ok(ADMIN, eur(), adminCountCall {}), units(2));
    ledger.ok(ADMIN, eur(), leave());
    let call = revokeRoleCall { role: ADMIN_ROLE, account: account(7) };
    ledger.reverts(account(7), eur(), call, LastAdmin { account: account(7) });
}

// ----- policy --------------------------------------------------------------------------------------------------------

#[test]
fn a_policy_changed_once_is_in_force_in_every_token() {
    let mut ledger = world();
    ledger.ok(
        ADMIN,
        crate::FACTORY_ADDRESS,
        crate::factory::IFactory::createTokenCall {
            name: "Dollar".into(),
            symbol: "USD".into(),
            decimals: 2,
            admin: ADMIN,
            policyId: 2,
            supplyCap: units(100),
        },
    );
    let suspect = account(1);
    ledger.ok(suspect, eur(), transferCall { to: account(2), amount: units(1) });
    ledger.ok(COMPLIANCE, POLICY_ADDRESS, addMembersCall { policyId: 2, accounts: vec![suspect] });
    for token in [eur(), token_address(2)] {
        let error = PolicyForbids { policyId: 2, account: suspect };
        ledger.reverts(suspect, token, transferCall { to: account(2), amount: U256::ZERO }, error);
        let error = PolicyForbids { policyId: 2, account: suspect };
        ledger.reverts(account(2), token, transferCall { to: suspect, amount: U256::ZERO }, error);
    }
}

#[test]
fn a_policy_must_exist_before_it_is_referenced() {
    let mut ledger = world();
    let error = crate::policy::IPolicy::PolicyUnknown { policyId: 4 };
    ledger.reverts(ADMIN, eur(), setPolicyCall { newPolicyId: 4 }, error);
    let call = createListCall { kind: 1, admin: COMPLIANCE, members: vec![account(1)] };
    assert_eq!(ledger.ok(COMPLIANCE, POLICY_ADDRESS, call), 4);
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: 4 });
    let error = PolicyForbids { policyId: 4, account: account(2) };
    ledger.reverts(account(1), eur(), transferCall { to: account(2), amount: units(1) }, error);
    ledger.ok(ADMIN, eur(), setPolicyCall { newPolicyId: 1 });
    let error = PolicyForbids { policyId: 1, account: account(1) };
    ledger.reverts(account(1), eur(), transferCall { to: account(1), amount: units(1) }, error);
}

// ----- permit --------------------------------------------------------------------------------------------------------

fn signed(ledger: &mut Ledger, number: u8, permit: Permit, nonce: u64) -> permitCall {
    let (secret, _) = key(number);
    let digest = ledger.run(account(9), |x| permit_digest(x, eur(), permit, U256::from(nonce))).unwrap();
    let (v, r, s) = sign(&secret, digest);
    let Permit { owner, spender, value, deadline } = permit;
    permitCall { owner, spender, value, deadline, v, r, s }
}

#[test]
fn a_permit_works_once_until_its_deadline() {
    let mut ledger = world();
    let (_, owner) = key(1);
    let second = U256::from(ledger.timestamp_ms / 1_000);
    let permit = Permit { owner, spender: account(2), value: units(70), deadline: second };
    let call = signed(&mut ledger, 1, permit, 0);
    ledger.ok(account(9), eur(), call.clone());
    assert_eq!(ledger.ok(owner, eur(), allowanceCall { owner, spender: account(2) }), units(70));
    assert_eq!(ledger.ok(owner, eur(), noncesCall { owner }), units(1));
    assert_eq!(ledger.last_event::<Approval>().1, Approval { owner, spender: account(2), value: units(70) });
    let replay = ledger.call(account(9), eur(), call);
    assert!(matches!(replay, Err(Failure::Revert(_))), "a permit is used once");

    let next = signed(&mut ledger, 1, permit, 1);
    ledger.timestamp_ms = (second.to::<u64>() + 1) * 1_000;
    ledger.reverts(account(9), eur(), next, ERC2612ExpiredSignature { deadline: second });
}

#[test]
fn a_permit_of_anyone_else_is_refused() {
    let mut ledger = world();
    let ((_, owner), (_, thief)) = (key(1), key(2));
    let permit = Permit { owner, spender: thief, value: units(70), deadline: U256::MAX };
    let call = signed(&mut ledger, 2, permit, 0);
    ledger.reverts(thief, eur(), call, ERC2612InvalidSigner { signer: thief, owner });

    let good = signed(&mut ledger, 1, permit, 0);
    for (what, call) in [
        ("value", permitCall { value: units(71), ..good.clone() }),
        ("spender", permitCall { spender: account(5), ..good.clone() }),
        ("v", permitCall { v: good.v ^ 7, ..good.clone() }),
        ("v of 0", permitCall { v: good.v - 27, ..good.clone() }),
        ("r", permitCall { r: B256::ZERO, ..good.clone() }),
        ("s", permitCall { s: B256::repeat_byte(0xff), ..good.clone() }),
    ] {
        let failure = ledger.call(thief, eur(), call).unwrap_err();
        let Failure::Revert(data) = failure else { panic!("{what}: {failure:?}") };
        assert_eq!(crate::explain(&data).unwrap().code, "ERC2612InvalidSigner", "{what}");
    }
    let zero = permitCall { owner: Address::ZERO, r: B256::ZERO, ..good.clone() };
    let error = ERC2612InvalidSigner { signer: Address::ZERO, owner: Address::ZERO };
    ledger.reverts(thief, eur(), zero, error);
    ledger.ok(thief, eur(), good);
}

/// The mirror image of a signature (EIP-2) must not pass as a second one.
#[test]
fn a_malleated_permit_is_refused() {
    let mut ledger = world();
    let (_, owner) = key(1);
    let permit = Permit { owner, spender: account(2), value: units(1), deadline: U256::MAX };
    let call = signed(&mut ledger, 1, permit, 0);
    let order = U256::from_str_radix("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16).unwrap();
    let mirrored = permitCall { s: (order - U256::from_be_bytes(call.s.0)).into(), v: 27 + 28 - call.v, ..call };
    let error = ERC2612InvalidSigner { signer: Address::ZERO, owner };
    ledger.reverts(account(9), eur(), mirrored, error);
}

#[test]
fn the_domain_is_the_one_that_wallets_build() {
    let mut ledger = world();
    let domain = ledger.ok(account(1), eur(), eip712DomainCall {});
    assert_eq!((domain.fields.0, domain.name.as_str(), domain.version.as_str()), ([0x0f], "Euro", "1"));
    assert_eq!((domain.chainId, domain.verifyingContract), (units(1337), eur()));
    assert!(domain.salt.is_zero() && domain.extensions.is_empty());
    let built = alloy_sol_types::Eip712Domain::new(
        Some("Euro".into()),
        Some("1".into()),
        Some(U256::from(1337)),
        Some(eur()),
        None,
    );
    assert_eq!(ledger.ok(account(1), eur(), DOMAIN_SEPARATORCall {}), built.separator());
}

// ----- storage and events --------------------------------------------------------------------------------------------

/// What an external reader finds with eth_getStorageAt.
#[test]
fn a_holding_lies_where_the_layout_says() {
    let mut ledger = world();
    let holder = account(1);
    ledger.ok(FREEZER, eur(), freezePartialTokensCall { userAddress: holder, amount: units(0x55) });
    freeze(&mut ledger, holder, true);
    let preimage = [B256::left_padding_from(holder.as_slice()).0, U256::from(4).to_be_bytes()].concat();
    let word = ledger.storage.slots[&(eur(), keccak256(preimage).into())];
    assert_eq!(word, units(1_000) | units(0x55) << 128 | U256::ONE << 240);
    let supply = ledger.storage.slots[&(eur(), U256::from(3))];
    assert_eq!(supply, units(1_500) | units(1_000_000) << 128);
}

#[test]
fn events_alone_give_every_balance() {
    let mut ledger = world();
    ledger.ok(account(1), eur(), transferCall { to: account(3), amount: units(400) });
    ledger.ok(ISSUER, eur(), mintCall { to: ISSUER, amount: units(50) });
    ledger.ok(ISSUER, eur(), burnCall { amount: units(20) });
    let mut book = EventBook::default();
    book.credit_genesis(eur(), account(1), 1_000);
    book.credit_genesis(eur(), account(2), 500);
    ledger.storage.logs.iter().try_for_each(|log| book.apply(log)).unwrap();
    assert_eq!(ledger.run(account(9), |context| book.check(context)).unwrap(), []);
    assert_eq!(book.holders(eur()), [account(1), account(2), account(3), ISSUER]);
}

/// The checkers are checked: each tampering is named.
#[test]
fn invariants_notice_what_they_name() {
    let mut book = EventBook::default();
    book.credit_genesis(eur(), account(1), 1_000);
    book.credit_genesis(eur(), account(2), 500);
    let holding = layout::layout(eur()).holdings.of(&account(1)).place();
    let check = |slot: (Address, U256), word: U256| -> Vec<&'static str> {
        let mut ledger = world();
        ledger.storage.slots.insert(slot, word);
        let found = ledger.run(account(9), |context| book.check(context)).unwrap();
        found.iter().map(|violation| violation.invariant).collect()
    };
    assert_eq!(check(holding, units(1_000)), Vec::<&str>::new());
    assert_eq!(check(holding, units(999)), ["token.events_give_balances", "token.supply_is_sum"]);
    assert_eq!(check(holding, units(1_000) | units(1_001) << 128), ["token.frozen_within_balance"]);
    let supply = (eur(), U256::from(3));
    assert_eq!(check(supply, units(1_500) | units(1_499) << 128), ["token.supply_within_cap"]);
    let terms = (eur(), U256::from(2));
    assert_eq!(check(terms, U256::ONE << 144), ["token.has_admin"]);

    let overdrawn =
        alloy_sol_types::SolEvent::encode_log_data(&Transfer { from: account(5), to: account(1), value: units(1) });
    let log = alloy_primitives::Log { address: eur(), data: overdrawn };
    assert_eq!(book.clone().apply(&log).unwrap_err().invariant, "token.events_give_balances");
}
