//! Calls of every native module, drawn at random.
//!
//! Identifiers and references come from small ranges, so that calls meet what earlier ones have made: a reserved payment is
//! posted, a queue settles, a voucher is spent twice. Many are refused, as they must be; invariants hold either way.

use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256, keccak256};
use alloy_sol_types::SolCall;
use florin_client::transfer_input;
use florin_modules::{
    CHANNEL_ADDRESS, ESCROW_ADDRESS, EXCHANGE_ADDRESS, FACTORY_ADDRESS, GOVERNANCE_ADDRESS, IDENTITY_ADDRESS,
    PAYMENT_ADDRESS, PERMISSION_ADDRESS, POLICY_ADDRESS, SETTLEMENT_ADDRESS, VOUCHER_ADDRESS, channel::IChannel,
    escrow::IEscrow, fx::IExchange, governance::IGovernance, identity::IIdentity, payment::IPayment,
    permission::IPermission, policy::IPolicy, settlement::ISettlement, token::BatchItem, token::IToken,
    voucher::IVoucher,
};
use rand::{RngExt as _, rngs::ChaCha8Rng};

/// UETRs that one account uses.
const UETRS: u64 = 400;
const DAY_MS: u64 = 86_400_000;

/// Who calls, when, and who else there is.
pub(crate) struct Caller<'a> {
    pub(crate) dice: &'a mut ChaCha8Rng,
    pub(crate) accounts: &'a [Address],
    /// The one who signs.
    pub(crate) from: usize,
    pub(crate) now_ms: u64,
    /// Currencies.
    pub(crate) tokens: [Address; 2],
    /// Calls made so far: no module has more objects than this.
    pub(crate) made: u64,
}

impl Caller<'_> {
    /// A call of some module.
    pub(crate) fn call(mut self) -> (Address, Bytes) {
        match self.dice.random_range(0..100) {
            0..30 => (self.tokens[0], transfer_input(self.other(), self.amount())),
            30..50 => (PAYMENT_ADDRESS, self.payment()),
            50..65 => (SETTLEMENT_ADDRESS, self.settlement()),
            65..72 => (ESCROW_ADDRESS, self.escrow()),
            72..79 => (VOUCHER_ADDRESS, self.voucher()),
            79..85 => (CHANNEL_ADDRESS, self.channel()),
            85..89 => (EXCHANGE_ADDRESS, self.exchange()),
            89..92 => (POLICY_ADDRESS, self.policy()),
            92..95 => (IDENTITY_ADDRESS, self.identity()),
            95..97 => (PERMISSION_ADDRESS, self.permission()),
            97 if self.dice.random() => (FACTORY_ADDRESS, self.garbage()),
            97 => (GOVERNANCE_ADDRESS, self.governance()),
            _ => (self.tokens[1], self.currency()),
        }
    }

    fn other(&mut self) -> Address {
        let step = self.dice.random_range(1..self.accounts.len());
        self.accounts[(self.from + step) % self.accounts.len()]
    }

    fn anyone(&mut self) -> Address {
        self.accounts[self.dice.random_range(0..self.accounts.len())]
    }

    /// Mostly small, now and then more than anybody has.
    fn amount(&mut self) -> U256 {
        let most = if self.dice.random_bool(0.02) { u64::MAX } else { 100_000 };
        U256::from(self.dice.random_range(0..=most))
    }

    /// Something that was made before, perhaps.
    fn id(&mut self) -> u64 {
        self.dice.random_range(1..=(self.made / 50 + 2))
    }

    fn uetr(&mut self, payer: Address) -> B256 {
        let number = self.dice.random_range(0..UETRS);
        keccak256([payer.as_slice(), &number.to_be_bytes()].concat())
    }

    fn hash(&mut self) -> B256 {
        B256::repeat_byte(self.dice.random())
    }

    /// Soon: within the next minutes.
    fn soon_ms(&mut self) -> u64 {
        self.now_ms + self.dice.random_range(1_000..=600_000)
    }

    fn token(&mut self) -> Address {
        self.tokens[usize::from(self.dice.random_bool(0.1))]
    }

    /// Bytes that name a function of nobody.
    fn garbage(&mut self) -> Bytes {
        let length = self.dice.random_range(0..200);
        (0..length).map(|_| self.dice.random::<u8>()).collect::<Vec<u8>>().into()
    }

    fn payment(&mut self) -> Bytes {
        let me = self.accounts[self.from];
        let (agent, purpose) = (FixedBytes(*b"BANKDEFFXXX"), FixedBytes(*b"SALA"));
        match self.dice.random_range(0..16) {
            0..5 => encoded(IPayment::payCall {
                token: self.token(),
                payee: self.other(),
                amount: self.amount(),
                uetr: self.uetr(me),
                debtorAgent: agent,
                creditorAgent: agent,
                endToEnd: self.hash(),
                purpose,
                remittance: B256::ZERO,
                priority: 0,
                parkUntilMs: 0,
            }),
            5 => encoded(IPayment::reserveCall {
                token: self.token(),
                payee: self.other(),
                amount: self.amount(),
                uetr: self.uetr(me),
                debtorAgent: agent,
                creditorAgent: agent,
                endToEnd: self.hash(),
                purpose,
                remittance: B256::ZERO,
                priority: 0,
                expiryMs: self.soon_ms(),
                poster: self.other(),
            }),
            6 => encoded(IPayment::postCall { payer: me, uetr: self.uetr(me), amount: self.amount() }),
            7 => encoded(IPayment::voidPaymentCall { payer: me, uetr: self.uetr(me) }),
            8 => {
                let payer = self.anyone();
                encoded(IPayment::expireCall { payer, uetr: self.uetr(payer) })
            }
            9 => {
                let payer = self.anyone();
                let (uetr, reference) = (self.uetr(payer), B256::with_last_byte(self.dice.random_range(0..3)));
                let (amount, reason) = (self.amount(), FixedBytes(*b"AC04"));
                encoded(IPayment::returnPaymentCall { payer, uetr, returnReference: reference, amount, reason })
            }
            10 => {
                let count = self.dice.random_range(1..40);
                let items = (0..count).filter_map(|_| {
                    BatchItem { to: self.other(), amount: self.dice.random_range(0..1_000), reference: [1; 8] }.encode()
                });
                let items: Vec<u8> = items.flatten().collect();
                let mode = self.dice.random_range(0..3);
                encoded(IPayment::payBatchCall { token: self.token(), uetr: self.uetr(me), mode, items: items.into() })
            }
            11 => encoded(IPayment::createStandingOrderCall {
                token: self.token(),
                payee: self.other(),
                amount: self.amount(),
                countMax: 3,
                everyDays: 1,
                everyMonths: 0,
                firstDueMs: self.soon_ms(),
                validUntilMs: self.now_ms + 30 * DAY_MS,
                mandateReference: self.hash(),
            }),
            12 => encoded(IPayment::executeCall { mandateId: self.id() }),
            13 => encoded(IPayment::requestPaymentCall {
                token: self.token(),
                debtor: self.other(),
                amount: self.amount(),
                expiryMs: self.soon_ms(),
                creditorAgent: agent,
                endToEnd: self.hash(),
                purpose,
                remittance: B256::ZERO,
                requestReference: self.hash(),
            }),
            14 => encoded(IPayment::acceptCall { requestId: self.id(), uetr: self.uetr(me), debtorAgent: agent }),
            _ => encoded(IPayment::refuseCall { requestId: self.id(), reason: FixedBytes(*b"AC04") }),
        }
    }

    fn settlement(&mut self) -> Bytes {
        let scheme = self.dice.random_range(1..=2);
        match self.dice.random_range(0..30) {
            0 => encoded(ISettlement::createSchemeCall {
                token: self.tokens[0],
                bypassFifo: self.dice.random(),
                defaultRule: self.dice.random_range(0..3),
            }),
            1 => encoded(ISettlement::admitParticipantCall { schemeId: scheme, account: self.anyone() }),
            2..4 => encoded(ISettlement::joinCall { schemeId: scheme }),
            4..6 => encoded(ISettlement::openDayCall {
                schemeId: scheme,
                valueDate: 20_250_616 + self.dice.random_range(0..10),
                cutOffMs: self.soon_ms(),
            }),
            6 => encoded(ISettlement::closeDayCall { schemeId: scheme, steps: 100 }),
            7..17 => encoded(ISettlement::submitCall {
                schemeId: scheme,
                creditor: self.other(),
                amount: U256::from(self.dice.random_range(1..=2_000_000_000u64)),
                priority: self.dice.random_range(0..4),
                instructionReference: B256::from(U256::from(self.made)),
            }),
            17 => encoded(ISettlement::cancelCall { instructionId: self.id() }),
            18 => encoded(ISettlement::releaseCall { schemeId: scheme, debtor: self.anyone(), steps: 50 }),
            19 => encoded(ISettlement::offsetCall { schemeId: scheme, first: self.anyone(), second: self.anyone() }),
            20 => encoded(ISettlement::startRunCall { schemeId: scheme }),
            21 => encoded(ISettlement::advanceRunCall { schemeId: scheme, steps: 500 }),
            22 => encoded(ISettlement::openWindowCall { schemeId: scheme }),
            23 => encoded(ISettlement::assignCall {
                windowId: self.id(),
                creditor: self.other(),
                amount: self.amount(),
                instructionReference: B256::from(U256::from(self.made)),
            }),
            24 => encoded(ISettlement::closeWindowCall { windowId: self.id() }),
            25 => encoded(ISettlement::startWindowSettlementCall { windowId: self.id(), fundBeforeMs: self.soon_ms() }),
            26 => encoded(ISettlement::settleWindowCall { windowId: self.id() }),
            27 => encoded(ISettlement::prefundCall { schemeId: scheme, amount: self.amount() }),
            28 => encoded(ISettlement::setReserveCall { schemeId: scheme, amount: self.amount() }),
            _ => encoded(ISettlement::setBilateralLimitCall {
                schemeId: scheme,
                counterparty: self.other(),
                amount: self.amount(),
            }),
        }
    }

    fn escrow(&mut self) -> Bytes {
        match self.dice.random_range(0..8) {
            0..3 => encoded(IEscrow::openCall {
                terms: IEscrow::Terms {
                    token: self.token(),
                    payee: self.other(),
                    amount: self.amount(),
                    deadlineMs: self.soon_ms(),
                    deadlineOutcome: self.dice.random_range(0..3),
                    hashLock: B256::ZERO,
                    approvers: Vec::new(),
                    approvalsNeeded: 0,
                    parts: Vec::new(),
                    arbiter: Address::ZERO,
                    rulingMs: 0,
                    silenceOutcome: 0,
                    agreementHash: self.hash(),
                },
            }),
            3 | 4 => encoded(IEscrow::releaseCall { escrowId: self.id(), amount: self.amount() }),
            5 => encoded(IEscrow::refundCall { escrowId: self.id(), amount: self.amount() }),
            6 => encoded(IEscrow::concludeCall { escrowId: self.id(), payNow: self.dice.random() }),
            _ => encoded(IEscrow::payOutCall { escrowId: self.id() }),
        }
    }

    fn voucher(&mut self) -> Bytes {
        match self.dice.random_range(0..8) {
            0..3 => encoded(IVoucher::createCall {
                terms: IVoucher::VoucherTerms {
                    token: self.token(),
                    payeePolicyId: self.dice.random_range(0..3),
                    spendFromMs: 0,
                    spendUntilMs: self.soon_ms(),
                    expiresMs: self.now_ms + 700_000,
                    transferable: self.dice.random(),
                    purposeHash: self.hash(),
                },
                beneficiary: self.other(),
                amount: self.amount(),
            }),
            3 | 4 => encoded(IVoucher::spendCall {
                voucherId: self.id(),
                payee: self.other(),
                amount: self.amount(),
                paymentReference: self.hash(),
            }),
            5 => encoded(IVoucher::handCall { voucherId: self.id(), to: self.other(), amount: self.amount() }),
            6 => encoded(IVoucher::giveBackCall { voucherId: self.id(), amount: self.amount() }),
            _ => encoded(IVoucher::expireCall { voucherId: self.id() }),
        }
    }

    fn channel(&mut self) -> Bytes {
        match self.dice.random_range(0..7) {
            0 | 1 => encoded(IChannel::openCall {
                token: self.token(),
                payee: self.other(),
                amount: self.amount(),
                challengeMs: self.dice.random_range(0..200_000),
            }),
            2 => encoded(IChannel::topUpCall { channelId: self.id(), amount: self.amount() }),
            3 => encoded(IChannel::closeByPayeeCall { channelId: self.id(), payNow: self.dice.random() }),
            4 => encoded(IChannel::startCloseCall { channelId: self.id(), cumulative: self.amount() }),
            5 => encoded(IChannel::finishCloseCall { channelId: self.id(), payNow: self.dice.random() }),
            _ => encoded(IChannel::payOutCall { channelId: self.id() }),
        }
    }

    /// Quotes are posted on the ledger, so that nobody has to sign them.
    fn exchange(&mut self) -> Bytes {
        let provider = if self.dice.random() { self.accounts[self.from] } else { self.anyone() };
        let quote = IExchange::Quote {
            provider,
            epoch: self.dice.random_range(0..2),
            nonce: B256::repeat_byte(self.dice.random_range(0..20)),
            taker: Address::ZERO,
            sellToken: self.tokens[0],
            buyToken: self.tokens[1],
            sellAmount: U256::from(1_000),
            buyAmount: U256::from(900),
            leastAmount: U256::ONE,
            side: 0,
            rounding: 0,
            fee: U256::ZERO,
            expiresAtMs: self.now_ms / DAY_MS * DAY_MS + DAY_MS,
        };
        match self.dice.random_range(0..5) {
            0 => encoded(IExchange::registerProviderCall {}),
            1 | 2 => encoded(IExchange::postQuoteCall { quote, requestId: 0 }),
            3 => {
                let me = self.accounts[self.from];
                let order = IExchange::Order {
                    amount: U256::from(self.dice.random_range(1..=1_000u64)),
                    maxSent: U256::from(2_000),
                    minReceived: U256::ZERO,
                    payee: self.other(),
                    uetr: self.uetr(me),
                    debtorAgent: B256::ZERO,
                    creditorAgent: B256::ZERO,
                    remittanceHash: B256::ZERO,
                };
                encoded(IExchange::executeCall { quote, signature: Bytes::new(), order })
            }
            _ => encoded(IExchange::cancelQuoteCall { nonce: quote.nonce }),
        }
    }

    fn policy(&mut self) -> Bytes {
        match self.dice.random_range(0..4) {
            0 => encoded(IPolicy::createListCall {
                kind: self.dice.random_range(0..3),
                admin: self.anyone(),
                members: vec![self.anyone()],
            }),
            1 => encoded(IPolicy::addMembersCall { policyId: self.id(), accounts: vec![self.anyone()] }),
            2 => encoded(IPolicy::removeMembersCall { policyId: self.id(), accounts: vec![self.anyone()] }),
            _ => encoded(IPolicy::createPaymentLimitCall {
                admin: self.anyone(),
                exemptPolicyId: 0,
                perTransaction: self.amount(),
                perDay: self.amount(),
                perMonth: self.amount(),
            }),
        }
    }

    fn identity(&mut self) -> Bytes {
        match self.dice.random_range(0..4) {
            0 => encoded(IIdentity::setRegistrarCall { account: self.anyone(), appointed: true }),
            1 => encoded(IIdentity::registerPersonCall { kind: self.dice.random_range(0..3), lei: String::new() }),
            2 => encoded(IIdentity::proposeLinkCall { personId: self.id(), account: self.anyone() }),
            _ => encoded(IIdentity::acceptLinkCall { personId: self.id() }),
        }
    }

    /// Modules other than the first currency's are paused for a minute, or a seat's weight changes.
    fn governance(&mut self) -> Bytes {
        let module = [ESCROW_ADDRESS, CHANNEL_ADDRESS, VOUCHER_ADDRESS, EXCHANGE_ADDRESS][self.dice.random_range(0..4)];
        match self.dice.random_range(0..8) {
            0 => {
                let data = if self.dice.random() {
                    encoded(IGovernance::pauseModuleCall { module, durationMs: 60_000 })
                } else {
                    let weight = self.dice.random_range(0..4);
                    encoded(IGovernance::setSeatCall { account: self.anyone(), weight, name: "seat".into() })
                };
                let action = IGovernance::Action { target: GOVERNANCE_ADDRESS, data };
                encoded(IGovernance::proposeCall { actions: vec![action], descriptionHash: self.hash() })
            }
            1..5 => encoded(IGovernance::castVoteCall {
                proposalId: self.id() % 8 + 1,
                support: self.dice.random_range(0..4),
            }),
            5 => encoded(IGovernance::executeCall { proposalId: self.id() % 8 + 1 }),
            6 => encoded(IGovernance::vetoCall { proposalId: self.id() % 8 + 1 }),
            _ => encoded(IGovernance::emergencyPauseCall { module, descriptionHash: self.hash() }),
        }
    }

    fn permission(&mut self) -> Bytes {
        encoded(IPermission::setRolesCall { account: self.anyone(), roles: self.dice.random_range(0..4) })
    }

    /// What its issuer and officers do with the second currency; the first one's supply stays, and is counted.
    fn currency(&mut self) -> Bytes {
        match self.dice.random_range(0..4) {
            0 => encoded(IToken::mintCall { to: self.anyone(), amount: self.amount() }),
            1 => encoded(IToken::burnCall { amount: self.amount() }),
            2 => encoded(IToken::approveCall { spender: self.anyone(), amount: self.amount() }),
            _ => {
                let from = self.anyone();
                encoded(IToken::transferFromCall { from, to: self.other(), amount: self.amount() })
            }
        }
    }
}

fn encoded(call: impl SolCall) -> Bytes {
    call.abi_encode().into()
}
