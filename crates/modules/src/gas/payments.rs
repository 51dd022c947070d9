//! Payments, batches, mandates and requests.

use super::*;

impl Meter {
    /// Alice pays the admin, who holds units and governs list 2 of the dollar.
    pub(super) fn payment(&mut self) {
        let usd = token_address(2);
        let uetr = B256::with_last_byte;
        self.note("payment", "at once, policy of 1 list", ALICE, PAYMENT_ADDRESS, order(usd, 1));
        let (payer, reference) = (ALICE, B256::repeat_byte(7));
        let reason = (*b"CUST").into();
        let back = returnPaymentCall { payer, uetr: uetr(1), returnReference: reference, amount: TEN, reason };
        self.note("payment", "first", ADMIN, PAYMENT_ADDRESS, back);
        for number in 2..5 {
            self.note("payment", "no poster, policy of 1 list", ALICE, PAYMENT_ADDRESS, reservation(usd, number));
        }
        let post = |number, amount| postCall { payer: ALICE, uetr: uetr(number), amount };
        self.note("payment", "in full", ADMIN, PAYMENT_ADDRESS, post(2, U256::MAX));
        self.note("payment", "in part", ADMIN, PAYMENT_ADDRESS, post(3, U256::ONE));
        self.note("payment", "pending", ADMIN, PAYMENT_ADDRESS, voidPaymentCall { payer: ALICE, uetr: uetr(4) });
        self.parked(usd);
        self.note("payment", "settled", BOB, PAYMENT_ADDRESS, paymentOfCall { payer: ALICE, uetr: uetr(1) });
        let returned = returnOfCall { payer, uetr: uetr(1), returnReference: reference };
        self.note("payment", "used reference", BOB, PAYMENT_ADDRESS, returned);
        self.batches();
        self.agreements(usd);
    }

    /// Two payments that the policy refuses at first; one is released, the other runs out of time.
    fn parked(&mut self, usd: Address) {
        let members = || vec![ADMIN];
        let change = |meter: &mut Self, admitted: bool| {
            let changed = meter.run(ADMIN, |context| match admitted {
                true => policy::add_members(context, LIST, &members()),
                false => policy::remove_members(context, LIST, &members()),
            });
            changed.is_ok()
        };
        if !change(self, false) {
            return;
        }
        for number in 5..7 {
            let call = payCall { parkUntilMs: 1_000, ..order(usd, number) };
            self.note("payment", "parked", ALICE, PAYMENT_ADDRESS, call);
        }
        if !change(self, true) {
            return;
        }
        let uetr = B256::with_last_byte;
        self.note("payment", "parked", BOB, PAYMENT_ADDRESS, releaseParkedCall { payer: ALICE, uetr: uetr(5) });
        self.timestamp_ms = 1_000;
        self.note("payment", "parked", BOB, PAYMENT_ADDRESS, expireCall { payer: ALICE, uetr: uetr(6) });
        self.timestamp_ms = 0;
    }

    /// Batches of the euro, which has no policy, and of the dollar, whose policy is a list of some of the payees.
    fn batches(&mut self) {
        let batch = |token, number, count: usize| {
            let payees = (0x1_0000_u32..).take(count).map(|index| Address::left_padding_from(&index.to_be_bytes()));
            let items = payees.filter_map(|to| token::BatchItem { to, amount: 1, reference: *b"salary01" }.encode());
            let items: Vec<u8> = items.flatten().collect();
            payBatchCall { token, uetr: B256::with_last_byte(number), mode: 1, items: items.into() }
        };
        let (eur, usd) = (token_address(1), token_address(2));
        self.note("payment", "1 item, new holder", ALICE, PAYMENT_ADDRESS, batch(eur, 10, 1));
        self.note("payment", "1,000 items, new holders", ALICE, PAYMENT_ADDRESS, batch(eur, 11, 1_000));
        self.note("payment", "1,000 items, holders", ALICE, PAYMENT_ADDRESS, batch(eur, 12, 1_000));
        self.note("payment", "1,000 items, refused by a list", ALICE, PAYMENT_ADDRESS, batch(usd, 13, 1_000));
    }

    fn agreements(&mut self, usd: Address) {
        let to = PAYMENT_ADDRESS;
        let limit = U256::from(1_000);
        let mandate = createMandateCall {
            token: usd,
            creditor: ADMIN,
            collectionMax: limit,
            periodMax: limit,
            totalMax: limit,
            countMax: 12,
            everyDays: 0,
            everyMonths: 1,
            validFromMs: 0,
            validUntilMs: u64::from(u32::MAX),
            mandateReference: B256::with_last_byte(1),
        };
        let standing = createStandingOrderCall {
            token: usd,
            payee: ADMIN,
            amount: TEN,
            countMax: 12,
            everyDays: 1,
            everyMonths: 0,
            firstDueMs: 0,
            validUntilMs: u64::from(u32::MAX),
            mandateReference: B256::with_last_byte(2),
        };
        self.note("payment", "any", ALICE, to, mandate);
        self.note("payment", "any", ALICE, to, standing);
        let (end_to_end, remittance) = (B256::ZERO, B256::ZERO);
        let collect = collectCall { mandateId: 1, dueMs: 0, amount: TEN, endToEnd: end_to_end, remittance };
        self.note("payment", "first", ADMIN, to, collect);
        self.note("payment", "first", BOB, to, executeStandingOrderCall { mandateId: 2 });
        let request = requestPaymentCall {
            token: usd,
            debtor: ALICE,
            amount: TEN,
            expiryMs: 1_000,
            creditorAgent: Default::default(),
            endToEnd: end_to_end,
            purpose: Default::default(),
            remittance,
            requestReference: B256::with_last_byte(1),
        };
        self.note("payment", "any", ADMIN, to, request);
        let accept = acceptCall { requestId: 1, uetr: B256::with_last_byte(20), debtorAgent: Default::default() };
        self.note("payment", "any", ALICE, to, accept);
    }
}
