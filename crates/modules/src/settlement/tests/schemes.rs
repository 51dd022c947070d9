//! Schemes, their government and their participants.

use super::*;
use crate::policy::IPolicy::addMembersCall;

#[test]
fn a_scheme_is_what_its_maker_says() {
    let mut scheme = Scheme::closed(&[1, 2], true, 1);
    let found = scheme.ledger.ok(account(9), TO, schemeOfCall { schemeId: 1 });
    assert_eq!((found.token, found.operator, found.bypassFifo, found.defaultRule), (eur(), OPERATOR, true, 1));
    assert_eq!((found.participants, found.pendingOperator), (2, Address::ZERO));
    assert_eq!(scheme.ledger.ok(account(9), TO, participantAtCall { schemeId: 1, seat: 1 }), account(2));
    assert_eq!(scheme.ledger.ok(account(9), TO, participantAtCall { schemeId: 1, seat: 2 }), Address::ZERO);
    let second = createSchemeCall { token: eur(), bypassFifo: false, defaultRule: 0 };
    assert_eq!(scheme.ledger.ok(account(7), TO, second), 2);
    // Two schemes share nothing but the module.
    let stranger = ParticipantRequired { schemeId: 2, account: account(1), status: 0 };
    scheme.ledger.reverts(account(1), TO, leaveCall { schemeId: 2 }, stranger);
}

#[test]
fn a_scheme_is_handed_over_in_two_steps() {
    let mut scheme = Scheme::closed(&[], false, 0);
    let heir = account(7);
    let not_offered = |pending| SchemeOperatorNotProposed { schemeId: 1, caller: heir, pendingOperator: pending };
    scheme.ledger.reverts(heir, TO, acceptOperatorCall { schemeId: 1 }, not_offered(Address::ZERO));
    scheme.ledger.ok(OPERATOR, TO, proposeOperatorCall { schemeId: 1, newOperator: heir });
    scheme.ledger.ok(OPERATOR, TO, proposeOperatorCall { schemeId: 1, newOperator: Address::ZERO });
    scheme.ledger.reverts(heir, TO, acceptOperatorCall { schemeId: 1 }, not_offered(Address::ZERO));
    scheme.ledger.ok(OPERATOR, TO, proposeOperatorCall { schemeId: 1, newOperator: heir });
    scheme.ledger.ok(heir, TO, acceptOperatorCall { schemeId: 1 });
    let error = SchemeOperatorRequired { schemeId: 1, caller: OPERATOR, operator: heir };
    scheme.ledger.reverts(OPERATOR, TO, proposeOperatorCall { schemeId: 1, newOperator: heir }, error);
    let nobody = SchemeOperatorNotProposed { schemeId: 1, caller: Address::ZERO, pendingOperator: Address::ZERO };
    scheme.ledger.reverts(Address::ZERO, TO, acceptOperatorCall { schemeId: 1 }, nobody);
}

#[test]
fn nobody_is_in_a_scheme_without_its_own_consent_and_the_operator_s() {
    let mut scheme = Scheme::closed(&[10], false, 0);
    let (operator, bank) = (OPERATOR, account(2));
    let unknown = ParticipantNotAdmitted { schemeId: 1, account: bank, status: 0 };
    scheme.ledger.reverts(bank, TO, joinCall { schemeId: 1 }, unknown);
    scheme.ledger.ok(operator, TO, admitParticipantCall { schemeId: 1, account: bank });
    scheme.open(20_231_114);
    let call = scheme.submission(2, 5, 2);
    let silent = ParticipantRequired { schemeId: 1, account: bank, status: 1 };
    scheme.ledger.reverts(account(1), TO, call, silent);
    scheme.ledger.ok(bank, TO, joinCall { schemeId: 1 });
    assert_eq!(scheme.pay(1, 2, 5).1, 3);
    let again = ParticipantNotAdmitted { schemeId: 1, account: bank, status: 2 };
    scheme.ledger.reverts(bank, TO, joinCall { schemeId: 1 }, again);
    let known = ParticipantKnown { schemeId: 1, account: bank, status: 2 };
    scheme.ledger.reverts(operator, TO, admitParticipantCall { schemeId: 1, account: bank }, known);

    scheme.ledger.reverts(bank, TO, leaveCall { schemeId: 1 }, DayNotClosed { schemeId: 1, phase: 1 });
    assert!(scheme.close(10));
    scheme.ledger.ok(bank, TO, leaveCall { schemeId: 1 });
    scheme.ledger.reverts(
        bank,
        TO,
        joinCall { schemeId: 1 },
        ParticipantNotAdmitted { schemeId: 1, account: bank, status: 4 },
    );
    scheme.ledger.ok(operator, TO, admitParticipantCall { schemeId: 1, account: bank });
    scheme.ledger.ok(bank, TO, joinCall { schemeId: 1 });
    let found = scheme.ledger.ok(bank, TO, participantOfCall { schemeId: 1, account: bank });
    assert_eq!((found.seat, found.status), (1, 2), "the same seat");
    assert_eq!(scheme.ledger.ok(bank, TO, schemeOfCall { schemeId: 1 }).participants, 2);
}

#[test]
fn the_policy_of_the_token_bars_too() {
    use crate::{POLICY_ADDRESS, testing::COMPLIANCE};
    let mut scheme = Scheme::bypass(&[10, 0, 0]);
    let call = addMembersCall { policyId: 2, accounts: vec![account(2)] };
    scheme.ledger.ok(COMPLIANCE, POLICY_ADDRESS, call);
    scheme.queue(1, 2, 5);
    assert_eq!((scheme.pay(1, 3, 5).1, scheme.release(1)), (3, 0));
}

#[test]
fn there_are_as_many_bilateral_limits_as_the_bound() {
    let mut scheme = Scheme::closed(&[0; 18], false, 0);
    let limit = |bank: u8| setBilateralLimitCall { schemeId: 1, counterparty: account(bank), amount: units(5) };
    (2..=17).for_each(|bank| _ = scheme.ledger.ok(account(1), TO, limit(bank)));
    let error = BilateralLimitsExhausted { schemeId: 1, limitsMax: units(16) };
    scheme.ledger.reverts(account(1), TO, limit(18), error);
    scheme.ledger.ok(account(1), TO, limit(17));
    scheme.ledger.ok(account(18), TO, limit(1));
}

#[test]
fn there_are_as_many_participants_as_the_bound() {
    use crate::settlement::{PARTICIPANTS_MAX, layout::layout};
    let mut scheme = Scheme::closed(&[], false, 0);
    scheme
        .ledger
        .run(OPERATOR, |context| {
            let place = layout().schemes.at(context, &1)?.terms;
            let terms = place.read(context)?;
            place.write(context, crate::settlement::layout::Terms { seats: PARTICIPANTS_MAX - 1, ..terms })
        })
        .unwrap();
    scheme.ledger.ok(OPERATOR, TO, admitParticipantCall { schemeId: 1, account: account(1) });
    let error = ParticipantsExhausted { schemeId: 1, participantsMax: units(1_024) };
    scheme.ledger.reverts(OPERATOR, TO, admitParticipantCall { schemeId: 1, account: account(2) }, error);
}
