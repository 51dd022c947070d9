//! Operations that the first scenario has no place for, on a ledger of their own: rare ones, and changes of terms.

use alloy_primitives::{B256, U256};

use super::{ADMIN, ALICE, BOB, CAROL, COMBINATION, LIST, Meter, NODE_KEY, TEN, order, reservation};
use crate::{
    CHANNEL_ADDRESS, ESCROW_ADDRESS, EXCHANGE_ADDRESS, IDENTITY_ADDRESS, PAYMENT_ADDRESS, PERMISSION_ADDRESS,
    POLICY_ADDRESS, SETTLEMENT_ADDRESS, channel::IChannel, escrow::IEscrow, fx::IExchange, identity::IIdentity,
    payment::IPayment, permission::IPermission, policy, policy::IPolicy, settlement::ISettlement, token, token::IToken,
    token_address,
};

const ANY: &str = "any";
const NONE: U256 = U256::MAX;

impl Meter {
    pub(super) fn rest(&mut self) {
        self.rest_of_token();
        self.rest_of_policy();
        self.rest_of_permission();
        self.rest_of_identity();
        self.rest_of_payment();
        self.rest_of_escrow();
        self.rest_of_channel();
        self.rest_of_fx();
        self.rest_of_settlement();
        self.rest_of_windows();
        self.governance();
    }

    fn rest_of_token(&mut self) {
        let (eur, folder) = (token_address(1), "token");
        let role = token::PAUSER_ROLE;
        self.note(folder, ANY, ADMIN, eur, IToken::grantRoleCall { role, account: BOB });
        self.note(folder, ANY, ADMIN, eur, IToken::revokeRoleCall { role, account: BOB });
        self.note(folder, ANY, ADMIN, eur, IToken::renounceRoleCall { role, callerConfirmation: ADMIN });
        self.note(folder, ANY, ADMIN, eur, IToken::grantRoleCall { role, account: ADMIN });
        self.note(folder, ANY, ADMIN, eur, IToken::pauseCall {});
        self.note(folder, ANY, ADMIN, eur, IToken::unpauseCall {});
        let cap = U256::from(u64::MAX);
        self.note(folder, ANY, ADMIN, eur, IToken::setSupplyCapCall { newCap: cap });
        self.note(folder, ANY, ADMIN, eur, IToken::freezePartialTokensCall { userAddress: ALICE, amount: TEN });
        self.note(folder, ANY, ADMIN, eur, IToken::unfreezePartialTokensCall { userAddress: ALICE, amount: TEN });
        let hundred = U256::from(100);
        self.quietly(ALICE, eur, IToken::approveCall { spender: ADMIN, amount: hundred });
        let call = IToken::transferFromWithMemoCall {
            from: ALICE,
            to: CAROL,
            amount: TEN,
            memo: B256::ZERO,
            paymentReference: "4c9b63f2-1d1c-4b54-9f0e-6d3e2f6f1f10".into(),
        };
        self.note(folder, "to a new holder, UETR as reference", ADMIN, eur, call);
        self.note(folder, "within an allowance", ADMIN, eur, IToken::burnFromCall { from: ALICE, amount: TEN });
        self.note(folder, "first", CAROL, eur, IToken::setLinkedAccountCall { linkedAccount: BOB });
        self.note(folder, "a list", ADMIN, eur, IToken::setPolicyCall { newPolicyId: LIST });
        let limit = IPolicy::createHoldingLimitCall { admin: ADMIN, exemptPolicyId: 1, limit: hundred, outcome: 2 };
        self.quietly(ADMIN, POLICY_ADDRESS, limit);
        self.quietly(ADMIN, eur, IToken::setPolicyCall { newPolicyId: COMBINATION + 1 });
        self.quietly(ALICE, eur, IToken::transferCall { to: CAROL, amount: hundred });
        self.note(folder, "parked by a holding limit", ALICE, eur, IToken::releaseParkedCall { holdId: 1 });
        self.quietly(ADMIN, eur, IToken::setPolicyCall { newPolicyId: policy::OPEN });
    }

    fn rest_of_policy(&mut self) {
        let (to, folder) = (POLICY_ADDRESS, "policy");
        // The holding limit of the token's operations has the number before it.
        let (holding, payments, travelling) = (COMBINATION + 1, COMBINATION + 3, COMBINATION + 4);
        let codes = [*b"DE", *b"FR", *b"NL"].map(Into::into).to_vec();
        self.note(folder, "3 codes", ADMIN, to, IPolicy::createJurisdictionConditionCall { kind: 7, codes });
        let (per_transaction, threshold) = (U256::from(1_000), U256::from(500));
        let limit = IPolicy::createPaymentLimitCall {
            admin: ADMIN,
            exemptPolicyId: 1,
            perTransaction: NONE,
            perDay: NONE,
            perMonth: NONE,
        };
        self.quietly(ADMIN, to, limit);
        let travel = IPolicy::createTravelRuleCall { admin: ADMIN, exemptPolicyId: 1, threshold };
        self.quietly(ADMIN, to, travel);
        let limit = IPolicy::setPaymentLimitCall {
            policyId: payments,
            perTransaction: per_transaction,
            perDay: per_transaction,
            perMonth: per_transaction,
        };
        self.note(folder, ANY, ADMIN, to, limit);
        let call = IPolicy::setHoldingLimitCall { policyId: holding, limit: threshold, outcome: 1 };
        self.note(folder, ANY, ADMIN, to, call);
        let call = IPolicy::setTravelRuleCall { policyId: travelling, threshold: per_transaction };
        self.note(folder, ANY, ADMIN, to, call);
        let call = IPolicy::removeMembersCall { policyId: LIST + 1, accounts: vec![BOB] };
        self.note(folder, "1 account", ADMIN, to, call);
        self.note(folder, "first", ADMIN, to, IPolicy::proposeAdminCall { policyId: LIST + 1, newAdmin: BOB });
        self.note(folder, "offered", BOB, to, IPolicy::acceptAdminCall { policyId: LIST + 1 });
    }

    fn rest_of_permission(&mut self) {
        let (to, folder, key) = (PERMISSION_ADDRESS, "permission", NODE_KEY);
        let (name, endpoint) = (String::from("Bank B"), String::from("b.example:9000"));
        let call = IPermission::addNodeCall { publicKey: key, name: name.clone(), endpoint: endpoint.clone() };
        self.quietly(ADMIN, to, call);
        let call = IPermission::updateNodeCall { publicKey: key, name: "Bank BB".into(), endpoint };
        self.note(folder, "short name and endpoint", ADMIN, to, call);
        self.note(folder, ANY, ADMIN, to, IPermission::removeNodeCall { publicKey: key });
        self.note(folder, ANY, ADMIN, to, IPermission::setRolesCall { account: BOB, roles: 1 });
        self.note(folder, ANY, ADMIN, to, IPermission::setAccessCall { capability: 0, access: 1, roles: 1 });
        self.note(folder, "first", ADMIN, to, IPermission::proposeAdminCall { newAdmin: BOB });
        self.note(folder, "offered", BOB, to, IPermission::acceptAdminCall {});
    }

    fn rest_of_identity(&mut self) {
        let (to, folder) = (IDENTITY_ADDRESS, "identity");
        self.note(folder, "appoint", ADMIN, to, IIdentity::setRegistrarCall { account: BOB, appointed: true });
        self.note(folder, "appoint", ADMIN, to, IIdentity::setAccreditorCall { account: BOB, appointed: true });
        self.note(folder, "accredit", ADMIN, to, IIdentity::setVerifierCall { verifier: BOB, kind: 1, status: 1 });
        self.quietly(ADMIN, to, IIdentity::registerPersonCall { kind: 1, lei: String::new() });
        self.quietly(ADMIN, to, IIdentity::proposeLinkCall { personId: 1, account: CAROL });
        self.note(folder, "proposed", ADMIN, to, IIdentity::withdrawLinkCall { personId: 1, account: CAROL });
        self.note(folder, ANY, ADMIN, to, IIdentity::assignRegistrarCall { personId: 1, registrar: BOB });
        self.note(folder, "first", ADMIN, to, IIdentity::proposeAdminCall { newAdmin: BOB });
        self.note(folder, "offered", BOB, to, IIdentity::acceptAdminCall {});
    }

    fn rest_of_payment(&mut self) {
        let (to, folder, usd) = (PAYMENT_ADDRESS, "payment", token_address(2));
        let numbers = [1, 2, 3];
        for number in numbers {
            self.quietly(ALICE, to, reservation(usd, number));
        }
        self.timestamp_ms = 1_000;
        let uetrs = numbers.map(B256::with_last_byte).to_vec();
        self.note(folder, "3 of 3 expire", BOB, to, IPayment::sweepCall { payers: vec![ALICE; 3], uetrs });
        let mandate = IPayment::createMandateCall {
            token: usd,
            creditor: ADMIN,
            collectionMax: TEN,
            periodMax: TEN,
            totalMax: TEN,
            countMax: 12,
            everyDays: 0,
            everyMonths: 1,
            validFromMs: 0,
            validUntilMs: u64::from(u32::MAX),
            mandateReference: B256::with_last_byte(1),
        };
        self.quietly(ALICE, to, mandate);
        self.note(folder, ANY, ALICE, to, IPayment::cancelMandateCall { mandateId: 1 });
        let payment = order(usd, 4);
        for reference in 1..=2 {
            let request = IPayment::requestPaymentCall {
                token: usd,
                debtor: ALICE,
                amount: TEN,
                expiryMs: 2_000,
                creditorAgent: payment.creditorAgent,
                endToEnd: payment.endToEnd,
                purpose: payment.purpose,
                remittance: payment.remittance,
                requestReference: B256::with_last_byte(reference),
            };
            self.quietly(ADMIN, to, request);
        }
        let refuse = IPayment::refuseCall { requestId: 1, reason: (*b"CUST").into() };
        self.note(folder, ANY, ALICE, to, refuse);
        self.note(folder, ANY, ADMIN, to, IPayment::cancelRequestCall { requestId: 2 });
        self.timestamp_ms = 0;
    }

    fn rest_of_escrow(&mut self) {
        let (to, folder) = (ESCROW_ADDRESS, "escrow");
        let plain = IEscrow::Terms {
            token: token_address(2),
            payee: ADMIN,
            amount: U256::from(100),
            deadlineMs: 1_000,
            deadlineOutcome: 1,
            hashLock: B256::ZERO,
            approvers: Vec::new(),
            approvalsNeeded: 0,
            parts: Vec::new(),
            arbiter: CAROL,
            rulingMs: 1_000,
            silenceOutcome: 1,
            agreementHash: B256::ZERO,
        };
        self.quietly(ALICE, to, IEscrow::openCall { terms: plain.clone() });
        self.note(folder, "a part", ADMIN, to, IEscrow::refundCall { escrowId: 1, amount: TEN });
        self.note(folder, ANY, ALICE, to, IEscrow::disputeCall { escrowId: 1, reasonHash: B256::repeat_byte(1) });
        let rule = IEscrow::ruleCall { escrowId: 1, toPayee: TEN, payNow: false };
        self.note(folder, "both get a part", CAROL, to, rule);
        self.note(folder, "after a ruling", BOB, to, IEscrow::payOutCall { escrowId: 1 });
        let parts = vec![U256::from(50); 2];
        let milestones = IEscrow::Terms { approvers: vec![BOB], approvalsNeeded: 1, parts, ..plain };
        self.quietly(ALICE, to, IEscrow::openCall { terms: milestones });
        let evidence = B256::repeat_byte(1);
        let call = IEscrow::submitEvidenceCall { escrowId: 2, part: 0, evidenceHash: evidence };
        self.note(folder, "first", ADMIN, to, call);
    }

    fn rest_of_channel(&mut self) {
        let (to, folder) = (CHANNEL_ADDRESS, "channel");
        let (token, amount, challenge_ms) = (token_address(2), U256::from(100), 60_000);
        for _ in 0..2 {
            let open = IChannel::openCall { token, payee: ADMIN, amount, challengeMs: challenge_ms };
            self.quietly(ALICE, to, open);
        }
        let (signature, none): (_, alloy_primitives::Bytes) = ([0u8; 65].into(), Default::default());
        let state = IChannel::submitStateCall { channelId: 1, cumulative: TEN, signature, payNow: false };
        self.quietly(ADMIN, to, state);
        self.note(folder, "a state", BOB, to, IChannel::payOutCall { channelId: 1 });
        self.quietly(ALICE, to, IChannel::startCloseCall { channelId: 1, cumulative: TEN });
        self.timestamp_ms = challenge_ms;
        self.note(folder, "nothing due", BOB, to, IChannel::finishCloseCall { channelId: 1, payNow: true });
        self.timestamp_ms = 0;
        let together = IChannel::closeTogetherCall {
            channelId: 2,
            cumulative: TEN,
            validUntilMs: 1_000,
            payerSignature: [0u8; 65].into(),
            payeeSignature: none,
            payNow: true,
        };
        self.note(folder, "by the payee, and pay", ADMIN, to, together);
    }

    fn rest_of_fx(&mut self) {
        let (to, folder) = (EXCHANGE_ADDRESS, "fx");
        self.quietly(ALICE, to, IExchange::registerProviderCall {});
        let (sell, buy) = (token_address(1), token_address(2));
        let request =
            IExchange::requestQuoteCall { sellToken: sell, buyToken: buy, amount: TEN, side: 1, answerByMs: 1_000 };
        self.note(folder, "first", ADMIN, to, request);
        self.note(folder, ANY, ALICE, to, IExchange::revokeQuotesCall {});
        self.note(folder, ANY, ALICE, to, IExchange::retireProviderCall {});
    }

    /// A scheme with these participants; the next day is open.
    fn scheme(&mut self, scheme: u64, rule: u8) {
        let (to, token) = (SETTLEMENT_ADDRESS, token_address(1));
        self.quietly(ADMIN, to, ISettlement::createSchemeCall { token, bypassFifo: false, defaultRule: rule });
        for account in [ALICE, ADMIN, CAROL] {
            self.quietly(ADMIN, to, ISettlement::admitParticipantCall { schemeId: scheme, account });
            self.quietly(account, to, ISettlement::joinCall { schemeId: scheme });
        }
    }

    fn rest_of_settlement(&mut self) {
        let (to, folder) = (SETTLEMENT_ADDRESS, "settlement");
        self.scheme(1, 0);
        let amount = U256::from(5_000_000);
        let limit = |amount| ISettlement::setBilateralLimitCall { schemeId: 1, counterparty: ADMIN, amount };
        self.note(folder, "first", ALICE, to, limit(amount));
        let day = ISettlement::openDayCall { schemeId: 1, valueDate: 20_231_114, cutOffMs: 1_000 };
        self.quietly(ADMIN, to, day);
        self.note(folder, "in the day", ALICE, to, limit(NONE));
        self.note(folder, ANY, ALICE, to, ISettlement::setReserveCall { schemeId: 1, amount: TEN });
        self.note(folder, ANY, ALICE, to, ISettlement::setMultilateralLimitCall { schemeId: 1, amount });
        for (debtor, creditor, number) in [(ALICE, ADMIN, 1u64), (ALICE, ADMIN, 2), (ADMIN, ALICE, 3)] {
            let submit = ISettlement::submitCall {
                schemeId: 1,
                creditor,
                amount: U256::from(number.saturating_add(2_000_000)),
                priority: 2,
                instructionReference: B256::from(U256::from(number)),
            };
            self.quietly(debtor, to, submit);
            if number == 1 {
                // Out of the queue, so that the payment towards it does not settle with it at once.
                self.note(folder, "queued", ALICE, to, ISettlement::holdInstructionCall { instructionId: 1 });
            }
            if number == 2 {
                self.note(folder, "on hold", ALICE, to, ISettlement::unholdInstructionCall { instructionId: 1 });
                self.note(folder, "of one queue", ALICE, to, ISettlement::swapCall { instructionId: 1, otherId: 2 });
                let call = ISettlement::reprioritiseCall { instructionId: 1, priority: 0 };
                self.note(folder, "to urgent", ALICE, to, call);
                self.quietly(ALICE, to, ISettlement::holdInstructionCall { instructionId: 1 });
                self.quietly(ALICE, to, ISettlement::holdInstructionCall { instructionId: 2 });
            }
        }
        self.quietly(ALICE, to, ISettlement::unholdInstructionCall { instructionId: 2 });
        let offset = ISettlement::offsetCall { schemeId: 1, first: ALICE, second: ADMIN };
        self.note(folder, "2 of 2 settle", BOB, to, offset);
        self.quietly(ADMIN, to, ISettlement::startRunCall { schemeId: 1 });
        self.note(folder, "before its first step", ADMIN, to, ISettlement::abandonRunCall { schemeId: 1 });
        self.quietly(ADMIN, to, ISettlement::advanceRunCall { schemeId: 1, steps: 100 });
        self.note(folder, ANY, ADMIN, to, ISettlement::suspendCall { schemeId: 1, account: CAROL });
        self.note(folder, ANY, ADMIN, to, ISettlement::resumeCall { schemeId: 1, account: CAROL });
        self.quietly(ADMIN, to, ISettlement::closeDayCall { schemeId: 1, steps: 100 });
        self.note(folder, ANY, CAROL, to, ISettlement::leaveCall { schemeId: 1 });
        self.note(folder, "first", ADMIN, to, ISettlement::proposeOperatorCall { schemeId: 1, newOperator: BOB });
        self.note(folder, "offered", BOB, to, ISettlement::acceptOperatorCall { schemeId: 1 });
    }

    fn rest_of_windows(&mut self) {
        let (to, folder) = (SETTLEMENT_ADDRESS, "settlement");
        self.scheme(2, 1);
        self.note(folder, "first", ALICE, to, ISettlement::prefundCall { schemeId: 2, amount: TEN });
        self.note(folder, ANY, ALICE, to, ISettlement::withdrawPrefundCall { schemeId: 2 });
    }
}
