//! Where the payment module keeps what it knows. A payment at once costs two slots, a pending one a third and, with a
//! poster, a fourth, and each return one more; all else that an order says is in its event.

use alloy_primitives::{Address, B256, U256};

use crate::{
    PAYMENT_ADDRESS,
    slots::{Located, Mapping, Slot, layout, packed},
};

packed! {
    /// What every operation on a payment must know.
    pub struct Head {
        /// To whom; zero for a batch.
        pub payee: Address = 0..20,
        /// Index of the token.
        pub token: u64 = 20..28,
        /// Returns made.
        pub returns: u32 = 28..31,
        /// A [`super::State`]; 0 where the UETR was never used.
        pub state: u8 = 31..32,
    }
}

packed! {
    /// What was paid and what came back.
    pub struct Amounts {
        /// Units that the payee received.
        pub received: u128 = 0..16,
        /// Units that the payee returned.
        pub returned: u128 = 16..32,
    }
}

packed! {
    /// A return of a payment.
    pub struct Returned {
        /// Units that went back.
        pub amount: u128 = 0..16,
        /// From 1; 0 where the reference was never used.
        pub number: u32 = 16..20,
    }
}

packed! {
    /// What a payment waits with.
    pub struct Pending {
        /// The token's number of the hold.
        pub hold: u64 = 0..8,
        /// Block time in milliseconds from which the payment is late.
        pub expiry_ms: u64 = 8..16,
        /// Units ordered.
        pub amount: u128 = 16..32,
    }
}

layout! {
    /// A payment.
    pub struct PaymentRecord {
        /// What every operation must know.
        pub head: Slot<Head> = 0,
        /// What was paid and what came back.
        pub amounts: Slot<Amounts> = 1,
        /// What it waits with; never written for a payment at once.
        pub pending: Slot<Pending> = 2,
        /// Who may post instead of the payee; zero where nobody is named.
        pub poster: Slot<Address> = 3,
        /// Its returns, by their references.
        pub returns: Mapping<B256, Slot<Returned>> = 4,
    }
}

packed! {
    /// Whose mandate, over which token.
    pub struct Terms {
        /// Who pays.
        pub payer: Address = 0..20,
        /// Index of the token.
        pub token: u64 = 20..28,
        /// 1 mandate, 2 standing order; 0 where none was created.
        pub kind: u8 = 28..29,
        /// Whether it was cancelled.
        pub cancelled: bool = 29..30,
        /// Unit of the period: 1 days, 2 months.
        pub unit: u8 = 30..31,
    }
}

packed! {
    /// Who collects, from when on, and how long a period is.
    pub struct Beneficiary {
        /// Who receives.
        pub creditor: Address = 0..20,
        /// Begin of the validity and of the first period; first due date of a standing order.
        pub from_ms: u64 = 20..28,
        /// Units in a period.
        pub every: u32 = 28..32,
    }
}

packed! {
    /// Limits of amounts.
    pub struct Limits {
        /// Most units of one collection; the amount of a standing order.
        pub collection_max: u128 = 0..16,
        /// Most units in a period.
        pub period_max: u128 = 16..32,
    }
}

packed! {
    /// Limits of the whole.
    pub struct Bounds {
        /// Most units in all.
        pub total_max: u128 = 0..16,
        /// End of the validity: late already.
        pub until_ms: u64 = 16..24,
        /// Most collections.
        pub count_max: u32 = 24..28,
    }
}

packed! {
    /// What was used of a mandate.
    pub struct Usage {
        /// Units in all.
        pub total: u128 = 0..16,
        /// Last due date that was paid.
        pub last_due_ms: u64 = 16..24,
        /// Collections.
        pub count: u32 = 24..28,
    }
}

packed! {
    /// What was used in one period.
    pub struct PeriodUsage {
        /// Units.
        pub total: u128 = 0..16,
        /// Number of the period, from 0.
        pub period: u64 = 16..24,
    }
}

layout! {
    /// A mandate or a standing order.
    pub struct MandateRecord {
        /// Whose, over which token.
        pub terms: Slot<Terms> = 0,
        /// Who collects, from when on.
        pub beneficiary: Slot<Beneficiary> = 1,
        /// Limits of amounts.
        pub limits: Slot<Limits> = 2,
        /// Limits of the whole.
        pub bounds: Slot<Bounds> = 3,
        /// What was used.
        pub usage: Slot<Usage> = 4,
        /// What was used in the period of the last collection.
        pub period: Slot<PeriodUsage> = 5,
    }
}

packed! {
    /// Who asks, in which token.
    pub struct Asker {
        /// Who asks.
        pub creditor: Address = 0..20,
        /// Index of the token.
        pub token: u64 = 20..28,
        /// 1 open, 2 accepted, 3 refused, 4 withdrawn; 0 where none was made.
        pub state: u8 = 28..29,
    }
}

packed! {
    /// Who is asked, until when.
    pub struct Asked {
        /// Who is asked.
        pub debtor: Address = 0..20,
        /// Block time in milliseconds from which the request is late.
        pub expiry_ms: u64 = 20..28,
    }
}

layout! {
    /// A request to pay.
    pub struct RequestRecord {
        /// Who asks, in which token.
        pub asker: Slot<Asker> = 0,
        /// Who is asked, until when.
        pub asked: Slot<Asked> = 1,
        /// Units.
        pub amount: Slot<u128> = 2,
    }
}

layout! {
    /// Storage of the payment module.
    pub struct Layout {
        /// Payments by payer and UETR.
        pub payments: Mapping<Address, Mapping<B256, PaymentRecord>> = 0,
        /// Batches paid; the next one gets this number plus 1.
        pub batches_made: Slot<u64> = 1,
        /// Mandates and standing orders created; the next one gets this number plus 1.
        pub mandates_made: Slot<u64> = 2,
        /// Mandates and standing orders by number.
        pub mandates: Mapping<u64, MandateRecord> = 3,
        /// Requests made; the next one gets this number plus 1.
        pub requests_made: Slot<u64> = 4,
        /// Requests by number.
        pub requests: Mapping<u64, RequestRecord> = 5,
        /// Numbers of mandates and standing orders, by payer and reference; 0 where none was created.
        pub mandate_references: Mapping<Address, Mapping<B256, Slot<u64>>> = 6,
        /// Numbers of requests, by creditor and reference; 0 where none was made.
        pub request_references: Mapping<Address, Mapping<B256, Slot<u64>>> = 7,
    }
}

/// The module's storage.
#[inline]
pub fn layout() -> Layout {
    Layout::locate(PAYMENT_ADDRESS, U256::ZERO)
}
