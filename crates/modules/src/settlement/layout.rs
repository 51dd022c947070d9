//! Where settlement keeps what it knows. Reading a queued instruction costs its own slot and a quarter of a lane's.
//!
//! Sums have 112 bits: an instruction is below 2^94 and a queue shorter than 2^18. Times of day take 48 bits.

use alloy_primitives::{Address, B256, U256};

use crate::{
    SETTLEMENT_ADDRESS,
    slots::{Located, Mapping, Slot, layout, packed},
};

packed! {
    /// What a scheme is.
    pub struct Terms {
        /// The token it settles in; zero where no scheme is.
        pub token: Address = 0..20,
        /// Seats given.
        pub seats: u32 = 20..24,
        /// Whether a covered instruction may pass a blocked one of its debtor.
        pub bypass: bool = 24..25,
        /// What happens to a window with an unfunded debit: 0 abort, 1 prefunded.
        pub default_rule: u8 = 25..26,
    }
}

packed! {
    /// The business day of a scheme.
    pub struct Day {
        /// Days opened so far.
        pub number: u32 = 0..4,
        /// Value date, YYYYMMDD.
        pub value_date: u32 = 4..8,
        /// 0 closed, 1 open, 2 closing.
        pub phase: u8 = 8..9,
        /// When it opened.
        pub opened_ms: u64 = 9..15,
        /// From when on nothing is submitted.
        pub cut_off_ms: u64 = 15..21,
        /// Instructions in lanes, on hold included, and those that wait for the end of a run.
        pub queued: u32 = 21..25,
        /// Windows without outcome.
        pub windows: u32 = 25..29,
        /// Whether a run is in progress.
        pub running: bool = 29..30,
        /// Next seat whose lanes are emptied at cut-off.
        pub cursor: u32 = 30..32,
    }
}

packed! {
    /// A multilateral run.
    pub struct Run {
        /// Runs started so far.
        pub number: u32 = 0..4,
        /// 0 ended, 1 prepare, 2 scan, 3 drop, 4 settle, 5 seal, 6 admit.
        pub phase: u8 = 4..5,
        /// 0 open, 1 settled, 2 deadlock, 3 nothing queued, 4 abandoned.
        pub outcome: u8 = 5..6,
        /// Whether someone with incoming instructions is barred.
        pub scan: bool = 6..7,
        /// Next seat of the phase.
        pub cursor: u32 = 7..11,
        /// Next lane of that seat, in the scan.
        pub lane: u8 = 11..12,
        /// Next position of that lane, in the scan.
        pub position: u32 = 12..16,
        /// When it started.
        pub started_ms: u64 = 16..22,
        /// When it settled.
        pub settled_ms: u64 = 22..28,
    }
}

packed! {
    /// What a run has in its set: everything queued at first, less what was dropped.
    pub struct RunSums {
        /// Value of the set.
        pub value: u128 = 0..16,
        /// Instructions in the set.
        pub count: u64 = 16..24,
        /// Instructions dropped.
        pub dropped: u64 = 24..32,
    }
}

packed! {
    /// Instructions submitted during runs.
    pub struct Arrivals {
        /// Instructions that ever arrived so.
        pub made: u64 = 0..8,
        /// How many of them were admitted to the queue.
        pub admitted: u64 = 8..16,
    }
}

packed! {
    /// Figures since the scheme was made.
    pub struct Value {
        /// Value settled.
        pub settled: u128 = 0..16,
        /// Units that moved for it.
        pub used: u128 = 16..32,
    }
}

packed! {
    /// Figures since the scheme was made.
    pub struct Counts {
        /// Milliseconds that settled instructions spent in the queue, added up.
        pub delay_ms: u128 = 0..16,
        /// Instructions settled.
        pub settled: u64 = 16..24,
    }
}

packed! {
    /// Who has a seat.
    pub struct Member {
        /// The account.
        pub account: Address = 0..20,
        /// 0 none, 1 admitted, 2 active, 3 suspended, 4 left.
        pub status: u8 = 20..21,
        /// Counterparties towards whom a limit was ever set.
        pub pairs: u32 = 21..25,
        /// Whether it has a reserve or a multilateral limit; only then are they read.
        pub bounded: bool = 25..26,
    }
}

packed! {
    /// Sums out of and into a participant.
    pub struct Flows {
        /// Out of it.
        pub outward: u128 = 0..16,
        /// Into it.
        pub inward: u128 = 16..32,
    }
}

packed! {
    /// What flowed in one day.
    pub struct DayFlows {
        /// Out of it.
        pub outward: u128 = 0..14,
        /// Into it.
        pub inward: u128 = 14..28,
        /// The day.
        pub day: u32 = 28..32,
    }
}

packed! {
    /// What a run's set has of a participant. The step that moves units reads this and the account, and nothing else.
    pub struct SetFlows {
        /// Out of it.
        pub outward: u128 = 0..14,
        /// Into it.
        pub inward: u128 = 14..28,
        /// The run of which this speaks; what another run left here is void.
        pub run: u32 = 28..32,
    }
}

packed! {
    /// Where each lane begins and ends. Positions never start again.
    pub struct Lanes {
        /// First position of what is urgent.
        pub head_0: u32 = 0..4,
        /// Position after its last.
        pub tail_0: u32 = 4..8,
        /// The same of what is high.
        pub head_1: u32 = 8..12,
        /// Position after its last.
        pub tail_1: u32 = 12..16,
        /// The same of what is normal.
        pub head_2: u32 = 16..20,
        /// Position after its last.
        pub tail_2: u32 = 20..24,
        /// The same of what is on hold.
        pub head_3: u32 = 24..28,
        /// Position after its last.
        pub tail_3: u32 = 28..32,
    }
}

packed! {
    /// How many instructions each lane really has: positions may be empty.
    pub struct Live {
        /// Urgent.
        pub lane_0: u32 = 0..4,
        /// High.
        pub lane_1: u32 = 4..8,
        /// Normal.
        pub lane_2: u32 = 8..12,
        /// On hold.
        pub lane_3: u32 = 12..16,
        /// Milliseconds from the opening of the day to submission, added up over the first three lanes.
        pub since_open_ms: u64 = 16..24,
    }
}

packed! {
    /// A participant's own bounds.
    pub struct Limits {
        /// Units for urgent instructions only.
        pub reserve: u128 = 0..12,
        /// Most net outflow in a day, plus 1; 0 if there is no limit.
        pub multilateral: u128 = 12..24,
    }
}

packed! {
    /// Where a participant's set ends in a run, and what it dropped.
    pub struct Marks {
        /// Position after the last urgent one in the set.
        pub tail_0: u32 = 0..4,
        /// Position after the last high one.
        pub tail_1: u32 = 4..8,
        /// Position after the last normal one.
        pub tail_2: u32 = 8..12,
        /// Urgent ones dropped.
        pub dropped_0: u32 = 12..15,
        /// High ones dropped.
        pub dropped_1: u32 = 15..18,
        /// Normal ones dropped.
        pub dropped_2: u32 = 18..21,
        /// The run of which this speaks; what another run left here is void.
        pub run: u32 = 21..25,
        /// Part of [`Live::since_open_ms`] that was dropped.
        pub since_open_ms: u64 = 25..32,
    }
}

packed! {
    /// Four instructions of a lane, by position modulo 4; 0 where a position is empty.
    pub struct Four {
        /// First.
        pub id_0: u64 = 0..8,
        /// Second.
        pub id_1: u64 = 8..16,
        /// Third.
        pub id_2: u64 = 16..24,
        /// Fourth.
        pub id_3: u64 = 24..32,
    }
}

packed! {
    /// A payment that was handed in.
    pub struct Instruction {
        /// Minor units.
        pub amount: u128 = 0..12,
        /// Seat of the debtor.
        pub debtor: u32 = 12..14,
        /// Seat of the creditor.
        pub creditor: u32 = 14..16,
        /// Position in its lane, number of its window, or the value date for which it waits.
        pub position: u32 = 16..20,
        /// 0 urgent, 1 high, 2 normal.
        pub priority: u8 = 20..21,
        /// 1 queued, 2 on hold, 3 settled, 4 cancelled, 5 rejected, 6 in a window, 7 waiting for the end of a run, 8 for
        /// its value date. "Queued" before its lane's head means settled, "in a window" what the window became, and
        /// "waiting for its value date" after that date rejected.
        pub status: u8 = 21..22,
        /// When it was submitted; for what waits for its value date, when it may be presented.
        pub submitted_ms: u64 = 22..28,
        /// The scheme.
        pub scheme: u32 = 28..32,
    }
}

packed! {
    /// A window of net settlement.
    pub struct Window {
        /// The scheme; zero where no window is.
        pub scheme: u32 = 0..4,
        /// 0 open, 1 closed, 2 pending settlement, 3 settled, 4 aborted.
        pub state: u8 = 4..5,
        /// Instructions in it.
        pub count: u32 = 5..9,
        /// From when on an unfunded debit aborts it.
        pub fund_before_ms: u64 = 9..15,
        /// Value of the instructions.
        pub value: u128 = 15..31,
    }
}

packed! {
    /// Who lends intraday credit in a scheme, and to how many.
    pub struct Lending {
        /// The operator who set the line; zero while none was set.
        pub lender: Address = 0..20,
        /// Participants that owe something.
        pub borrowers: u32 = 20..24,
        /// Next seat whose credit is collected at the close.
        pub cursor: u32 = 24..28,
    }
}

packed! {
    /// How much intraday credit a scheme has.
    pub struct CreditSums {
        /// Most units that may be lent at once.
        pub line: u128 = 0..12,
        /// Units that are lent.
        pub lent: u128 = 12..24,
    }
}

packed! {
    /// What a participant borrowed.
    pub struct Credit {
        /// Units that it owes.
        pub outstanding: u128 = 0..12,
        /// Whether they fell due and were not paid.
        pub overdue: bool = 12..13,
        /// Pledges ever used; their numbers are below.
        pub pledges: u8 = 13..14,
    }
}

packed! {
    /// What a token is worth as collateral.
    pub struct Collateral {
        /// Billionths of a minor unit of the scheme's token for one minor unit; 0 if it is not eligible.
        pub price: u128 = 0..12,
        /// Part of the value that does not count, in basis points.
        pub haircut: u32 = 12..14,
        /// From when on the price values nothing.
        pub expires_ms: u64 = 14..20,
    }
}

packed! {
    /// Units pledged.
    pub struct Pledge {
        /// The token; zero where nothing was pledged.
        pub token: Address = 0..20,
        /// The token's number of the hold.
        pub hold: u64 = 20..28,
    }
}

packed! {
    /// A bilateral limit.
    pub struct PairLimit {
        /// Most net outflow in a day, plus 1; 0 if there is no limit.
        pub limit: u128 = 0..12,
        /// Whether a limit was ever set: from then on the sums are kept.
        pub kept: bool = 12..13,
        /// The run of which [`Pair::dropped`] speaks.
        pub run: u32 = 13..17,
    }
}

layout! {
    /// What a participant knows of a counterparty towards whom it set a limit.
    pub struct Pair {
        /// The limit.
        pub limit: Slot<PairLimit> = 0,
        /// Queued to and from the counterparty.
        pub queued: Slot<Flows> = 1,
        /// Flowed to and from it today.
        pub flowed: Slot<DayFlows> = 2,
        /// Dropped in the run.
        pub dropped: Slot<Flows> = 3,
    }
}

layout! {
    /// A participant of a scheme.
    pub struct Bank {
        /// Who it is.
        pub member: Slot<Member> = 0,
        /// Queued, on hold not included.
        pub queued: Slot<Flows> = 1,
        /// Where its lanes are.
        pub lanes: Slot<Lanes> = 2,
        /// How many are in them.
        pub live: Slot<Live> = 3,
        /// What flowed today.
        pub flowed: Slot<DayFlows> = 4,
        /// Its bounds.
        pub limits: Slot<Limits> = 5,
        /// What the run's set has of it.
        pub set: Slot<SetFlows> = 6,
        /// Where its set ends in the run.
        pub marks: Slot<Marks> = 7,
        /// Hold of the token with what it reserved for windows; 0 if it did not.
        pub prefund: Slot<u64> = 8,
        /// What it borrowed.
        pub credit: Slot<Credit> = 9,
    }
}

layout! {
    /// A scheme.
    pub struct Scheme {
        /// What it is.
        pub terms: Slot<Terms> = 0,
        /// Who governs it.
        pub operator: Slot<Address> = 1,
        /// To whom it was offered.
        pub pending_operator: Slot<Address> = 2,
        /// Its business day.
        pub day: Slot<Day> = 3,
        /// Its latest run.
        pub run: Slot<Run> = 4,
        /// What that run has in its set.
        pub run_sums: Slot<RunSums> = 5,
        /// Units that moved in that run.
        pub run_net_debits: Slot<u128> = 6,
        /// What that run's proof is so far.
        pub run_proof: Slot<B256> = 7,
        /// Seats that must be looked at, a bit each.
        pub worklist: Mapping<u8, Slot<U256>> = 8,
        /// Seats that can neither pay nor be paid in the run, a bit each.
        pub barred: Mapping<u8, Slot<U256>> = 9,
        /// How many were submitted during runs.
        pub arrivals: Slot<Arrivals> = 10,
        /// Those instructions, in order.
        pub arrived: Mapping<u64, Slot<u64>> = 11,
        /// Value settled and units used.
        pub value: Slot<Value> = 12,
        /// Number settled and delay.
        pub counts: Slot<Counts> = 13,
        /// Seat of an account, plus 1.
        pub seats: Mapping<Address, Slot<u32>> = 14,
        /// Participants by seat.
        pub banks: Mapping<u32, Bank> = 15,
        /// Lanes: instructions by seat, lane and a quarter of the position, as seat * 2^40 + lane * 2^32 + quarter.
        pub places: Mapping<u64, Slot<Four>> = 16,
        /// Bilateral limits, by seats of who set it and of the counterparty, as seat * 2^32 + counterparty.
        pub pairs: Mapping<u64, Pair> = 17,
        /// Counterparties of a participant, by seat and number, as seat * 2^32 + number.
        pub counterparties: Mapping<u64, Slot<u32>> = 18,
        /// Who lends intraday credit.
        pub lending: Slot<Lending> = 19,
        /// How much of it.
        pub credit_sums: Slot<CreditSums> = 20,
        /// What tokens are worth as collateral.
        pub collaterals: Mapping<Address, Slot<Collateral>> = 21,
        /// Pledges of a participant, by seat and number, as seat * 2^32 + number.
        pub pledges: Mapping<u64, Slot<Pledge>> = 22,
    }
}

layout! {
    /// Storage of settlement.
    pub struct Layout {
        /// Schemes made; the next one gets this number plus 1.
        pub schemes_made: Slot<u64> = 0,
        /// Instructions submitted; the next one gets this number plus 1.
        pub instructions_made: Slot<u64> = 1,
        /// Windows opened; the next one gets this number plus 1.
        pub windows_made: Slot<u64> = 2,
        /// Schemes by number.
        pub schemes: Mapping<u64, Scheme> = 3,
        /// Instructions by number.
        pub instructions: Mapping<u64, Slot<Instruction>> = 4,
        /// Instructions by debtor and reference.
        pub references: Mapping<Address, Mapping<B256, Slot<u64>>> = 5,
        /// Windows by number.
        pub windows: Mapping<u64, Slot<Window>> = 6,
        /// What participants give and get, by window and seat.
        pub positions: Mapping<u64, Mapping<u32, Slot<Flows>>> = 7,
    }
}

/// The module's storage.
#[inline]
pub fn layout() -> Layout {
    Layout::locate(SETTLEMENT_ADDRESS, U256::ZERO)
}
