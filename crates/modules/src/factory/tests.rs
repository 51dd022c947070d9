//! Scenarios of the token factory and precedence of its errors.

use super::{IFactory::*, *};
use crate::{
    FACTORY_ADDRESS, MARKER_CODE, POLICY_ADDRESS,
    policy::IPolicy::PolicyUnknown,
    testing::{ADMIN, account, units, world},
    token::IToken::{RoleGranted, SupplyCapInvalid, balanceOfCall, hasRoleCall, mintCall},
    token_address,
};
use alloy_primitives::{Address, U256};

const TO: Address = FACTORY_ADDRESS;

fn usd() -> createTokenCall {
    createTokenCall {
        name: "Dollar".into(),
        symbol: "USD".into(),
        decimals: 2,
        admin: account(7),
        policyId: 2,
        supplyCap: units(u128::MAX),
    }
}

#[test]
fn a_new_token_is_found_by_number_and_symbol_and_governed_by_its_admin() {
    let mut ledger = world();
    let token = ledger.ok(ADMIN, TO, usd());
    assert_eq!(token, token_address(2));
    assert_eq!(ledger.ok(ADMIN, TO, tokenCountCall {}), 2);
    assert_eq!(ledger.ok(ADMIN, TO, tokenAtCall { index: 2 }), token);
    assert_eq!(ledger.ok(ADMIN, TO, addressOfCall { symbol: "USD".into() }), token);
    assert!(ledger.ok(ADMIN, TO, isTokenCall { account: token }));
    assert_eq!(ledger.storage.code[&token], MARKER_CODE);
    let admin_role = crate::token::ADMIN_ROLE;
    assert!(ledger.ok(ADMIN, token, hasRoleCall { role: admin_role, account: account(7) }));
    assert!(!ledger.ok(ADMIN, token, hasRoleCall { role: admin_role, account: ADMIN }));
    assert!(ledger.call(account(7), token, mintCall { to: account(1), amount: units(1) }).is_err(), "no issuer yet");
    assert_eq!(ledger.ok(ADMIN, token, balanceOfCall { account: account(1) }), U256::ZERO, "tokens share nothing");
    let (_, granted) = ledger.last_event::<RoleGranted>();
    assert_eq!((granted.account, granted.sender), (account(7), ADMIN));
    assert_eq!(ledger.run(ADMIN, invariants::check).unwrap(), []);
}

#[test]
fn what_does_not_exist_is_not_found() {
    let mut ledger = world();
    assert_eq!(ledger.ok(ADMIN, TO, addressOfCall { symbol: "XXX".into() }), Address::ZERO);
    assert_eq!(ledger.ok(ADMIN, TO, addressOfCall { symbol: "x".repeat(5_000) }), Address::ZERO);
    for index in [0, 2, u64::MAX] {
        ledger.reverts(ADMIN, TO, tokenAtCall { index }, TokenIndexUnknown { index, tokenCount: 1 });
    }
    for account in [Address::ZERO, TO, POLICY_ADDRESS, token_address(2), account(1)] {
        assert!(!ledger.ok(ADMIN, TO, isTokenCall { account }), "{account}");
    }
}

/// Everything is wrong with this token; each error is healed before the next is seen.
#[test]
fn errors_come_in_the_promised_order() {
    let mut ledger = world();
    let bad = createTokenCall {
        name: String::new(),
        symbol: "usd".into(),
        decimals: 19,
        admin: Address::ZERO,
        policyId: 99,
        supplyCap: U256::MAX,
    };
    ledger.reverts(account(1), TO, bad.clone(), CreatorNotPermitted { caller: account(1) });
    ledger.reverts(ADMIN, TO, bad.clone(), NameInvalid { length: units(0), lengthMax: units(64) });
    let bad = createTokenCall { name: "n".repeat(65), ..bad };
    ledger.reverts(ADMIN, TO, bad.clone(), NameInvalid { length: units(65), lengthMax: units(64) });
    let bad = createTokenCall { name: "Euro".into(), ..bad };
    ledger.reverts(ADMIN, TO, bad.clone(), SymbolInvalid { symbol: "usd".into() });
    let bad = createTokenCall { symbol: "EUR".into(), ..bad };
    ledger.reverts(ADMIN, TO, bad.clone(), DecimalsInvalid { decimals: 19, decimalsMax: 18 });
    let bad = createTokenCall { decimals: 18, ..bad };
    ledger.reverts(ADMIN, TO, bad.clone(), AdminInvalid { admin: Address::ZERO });
    let bad = createTokenCall { admin: account(7), ..bad };
    ledger.reverts(ADMIN, TO, bad.clone(), SymbolTaken { symbol: "EUR".into(), token: token_address(1) });
    let bad = createTokenCall { symbol: "EUR.2".into(), ..bad };
    ledger.reverts(ADMIN, TO, bad.clone(), PolicyUnknown { policyId: 99 });
    let bad = createTokenCall { policyId: 0, ..bad };
    ledger.reverts(ADMIN, TO, bad.clone(), SupplyCapInvalid { supply: U256::ZERO, cap: U256::MAX });
    assert_eq!(ledger.ok(ADMIN, TO, tokenCountCall {}), 1, "a refused token leaves no gap");
    ledger.ok(ADMIN, TO, createTokenCall { supplyCap: units(1), ..bad });
}

#[test]
fn invariants_notice_what_they_name() {
    let mut ledger = world();
    let lay = layout::layout();
    ledger.run(ADMIN, |context| lay.token_count.write(context, 2)).unwrap();
    let violations = ledger.run(ADMIN, invariants::check).unwrap();
    let names: Vec<_> = violations.iter().map(|violation| violation.invariant).collect();
    assert_eq!(names, ["factory.counted_tokens_exist", "factory.symbols_are_unique"]);
}
