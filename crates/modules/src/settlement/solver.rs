//! The gridlock solver, without storage: which beginning of each bank's queue can settle together.
//!
//! **The algorithm** is that of Bech and Soramäki: begin with every queued payment, and from each bank that would end
//! below its bounds drop its *last* payment, until no bank does. A bank that is short with everyone else's payments in
//! the set is short in every smaller set that keeps its own, so each drop is forced: the set that is left is the largest
//! one, it is unique, and the order in which banks are looked at does not matter.
//!
//! **Cost.** Payments that stay are never looked at. A bank is looked at when the run begins and when a payment to it was
//! dropped, so the work is that of banks and of dropped payments: linear.
//!
//! [`settle_down`] is that loop over any [`Board`]. [`Table`] is a board in memory, for forecasts, bilateral offsets and
//! tests; the run's board (`board.rs`) reads and writes storage in bounded pieces.

use std::collections::BTreeMap;

/// Banks that one worklist can hold.
pub const BANKS_MAX: usize = 1_024;
const WORD_BITS: usize = 64;

/// Banks that must be looked at, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worklist([u64; BANKS_MAX / WORD_BITS]);

impl Worklist {
    /// Nothing to do.
    pub const fn empty() -> Self {
        Self([0; BANKS_MAX / WORD_BITS])
    }

    /// The list from words of 64 banks, the first bank in the lowest bit.
    pub fn from_words(words: [u64; BANKS_MAX / WORD_BITS]) -> Self {
        Self(words)
    }

    /// The list as words.
    pub fn words(&self) -> &[u64; BANKS_MAX / WORD_BITS] {
        &self.0
    }

    /// Notes a bank; beyond [`BANKS_MAX`] nothing is noted.
    pub fn insert(&mut self, bank: usize) {
        if let Some(word) = self.0.get_mut(bank.wrapping_div(WORD_BITS)) {
            *word |= bit(bank);
        }
    }

    /// Whether the bank is noted.
    pub fn contains(&self, bank: usize) -> bool {
        self.0.get(bank.wrapping_div(WORD_BITS)).is_some_and(|word| word & bit(bank) != 0)
    }

    /// Whether nothing is noted.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Takes the noted bank with the smallest number.
    pub fn take_first(&mut self) -> Option<usize> {
        let (index, word) = self.0.iter_mut().enumerate().find(|(_, word)| **word != 0)?;
        let low = usize::try_from(word.trailing_zeros()).ok()?;
        *word &= word.wrapping_sub(1);
        Some(index.wrapping_mul(WORD_BITS).wrapping_add(low))
    }
}

fn bit(bank: usize) -> u64 {
    1u64.wrapping_shl(u32::try_from(bank.wrapping_rem(WORD_BITS)).unwrap_or_default())
}

/// How much a call may still do.
#[derive(Clone, Copy, Debug)]
pub struct Steps(u32);

impl Steps {
    /// So many steps.
    pub fn new(steps: u32) -> Self {
        Self(steps)
    }

    /// Uses one step; false if none is left.
    pub fn take(&mut self) -> bool {
        let left = self.0.checked_sub(1);
        self.0 = left.unwrap_or_default();
        left.is_some()
    }

    /// Uses so many steps at once; false, and nothing used, if there are not enough.
    pub fn take_many(&mut self, steps: u32) -> bool {
        let left = self.0.checked_sub(steps);
        self.0 = left.unwrap_or(self.0);
        left.is_some()
    }

    /// Whether none is left.
    pub fn is_spent(self) -> bool {
        self.0 == 0
    }
}

/// Banks with a set of payments that can shrink.
pub trait Board {
    /// Why the board could not be read.
    type Error;
    /// Whether the bank has payments in the set and would end below one of its bounds.
    fn is_short(&mut self, bank: usize) -> Result<bool, Self::Error>;
    /// Drops the bank's last payment and answers its creditor; absent if the last place was empty and only that was
    /// passed. Called of banks that are short.
    fn drop_last(&mut self, bank: usize) -> Result<Option<usize>, Self::Error>;
}

/// Drops payments until no bank on the list, nor any that becomes so, is short. False if the steps did not suffice: then
/// the list still holds every bank that may be short.
pub fn settle_down<B: Board>(board: &mut B, list: &mut Worklist, steps: &mut Steps) -> Result<bool, B::Error> {
    // What comes next depends on the list and the board alone, so that the order of drops, which a run's proof commits to,
    // is the same however the work is cut into calls.
    while let Some(bank) = list.take_first() {
        if !board.is_short(bank)? {
            continue;
        }
        list.insert(bank);
        if !steps.take() {
            return Ok(false);
        }
        if let Some(creditor) = board.drop_last(bank)? {
            list.insert(creditor);
        }
    }
    Ok(true)
}

// ----- a board in memory ---------------------------------------------------------------------------------------------

/// A queued payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payment {
    /// Whom it pays.
    pub creditor: usize,
    /// Minor units.
    pub amount: u128,
}

/// A bank before anything settles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Most that it may pay, net.
    pub capacity: i128,
    /// Most that it may pay to single banks, net.
    pub bilateral: BTreeMap<usize, i128>,
    /// Whether it can neither pay nor be paid.
    pub barred: bool,
    /// Its payments in order.
    pub queue: Vec<Payment>,
}

/// What can settle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Solution {
    /// How many payments of each bank's queue settle.
    pub kept: Vec<usize>,
    /// Payments that settle.
    pub count: u64,
    /// Their value.
    pub value: u128,
    /// Payments dropped.
    pub dropped: u64,
}

/// What kind of queue this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueState {
    /// Nothing is queued.
    Empty = 0,
    /// Some payment at the head of a queue is covered by itself.
    Flowing = 1,
    /// None is, but some settle together.
    Gridlock = 2,
    /// No set can settle: only liquidity helps.
    Deadlock = 3,
}

/// Banks in memory.
#[derive(Clone, Debug)]
pub struct Table {
    banks: Vec<Position>,
    kept: Vec<usize>,
    outward: Vec<u128>,
    inward: Vec<u128>,
    /// What limited pairs have in the set, by payer and payee.
    pairs: BTreeMap<(usize, usize), u128>,
    dropped: u64,
}

impl Table {
    /// The table with every payment in the set, but each queue ends before its first payment to a barred bank or to one
    /// that is not in the table.
    pub fn new(banks: Vec<Position>) -> Self {
        let count = banks.len();
        let mut table = Self {
            kept: vec![0; count],
            outward: vec![0; count],
            inward: vec![0; count],
            pairs: BTreeMap::new(),
            banks,
            dropped: 0,
        };
        for bank in 0..count {
            table.include(bank);
        }
        table
    }

    fn include(&mut self, bank: usize) {
        let queue = &self.banks[bank].queue;
        let barred = |creditor: usize| self.banks.get(creditor).is_none_or(|position| position.barred);
        let end = queue.iter().position(|payment| barred(payment.creditor)).unwrap_or(queue.len());
        self.dropped = self.dropped.saturating_add(u64::try_from(queue.len().saturating_sub(end)).unwrap_or(u64::MAX));
        self.kept[bank] = end;
        for place in 0..end {
            let Payment { creditor, amount } = self.banks[bank].queue[place];
            self.outward[bank] = self.outward[bank].saturating_add(amount);
            self.inward[creditor] = self.inward[creditor].saturating_add(amount);
            if self.is_limited(bank, creditor) {
                let sum = self.pairs.entry((bank, creditor)).or_default();
                *sum = sum.saturating_add(amount);
            }
        }
    }

    /// Whether either of two banks has a limit towards the other: only then is their sum needed.
    fn is_limited(&self, bank: usize, other: usize) -> bool {
        self.banks[bank].bilateral.contains_key(&other) || self.banks[other].bilateral.contains_key(&bank)
    }

    fn pair(&self, payer: usize, payee: usize) -> u128 {
        self.pairs.get(&(payer, payee)).copied().unwrap_or_default()
    }

    /// The largest set that can settle together.
    pub fn solve(mut self) -> Solution {
        let mut list = Worklist::empty();
        (0..self.banks.len()).for_each(|bank| list.insert(bank));
        // A payment is dropped at most once, so the steps suffice.
        let total = self.kept.iter().fold(0usize, |sum, kept| sum.saturating_add(*kept));
        let mut steps = Steps::new(u32::try_from(total).unwrap_or(u32::MAX));
        let Ok(_) = settle_down(&mut self, &mut list, &mut steps);
        let count =
            self.kept.iter().fold(0u64, |sum, kept| sum.saturating_add(u64::try_from(*kept).unwrap_or(u64::MAX)));
        let value = self.outward.iter().fold(0u128, |sum, out| sum.saturating_add(*out));
        Solution { kept: self.kept, count, value, dropped: self.dropped }
    }

    /// What kind of queue the banks have.
    pub fn state(&self) -> QueueState {
        if self.banks.iter().all(|position| position.queue.is_empty()) {
            return QueueState::Empty;
        }
        if (0..self.banks.len()).any(|bank| self.head_is_covered(bank)) {
            return QueueState::Flowing;
        }
        if self.clone().solve().count > 0 { QueueState::Gridlock } else { QueueState::Deadlock }
    }

    fn head_is_covered(&self, bank: usize) -> bool {
        let position = &self.banks[bank];
        let Some(Payment { creditor, amount }) = position.queue.first().copied() else { return false };
        let bound = position.bilateral.get(&creditor).copied().unwrap_or(i128::MAX).min(position.capacity);
        let barred = position.barred || self.banks.get(creditor).is_none_or(|creditor| creditor.barred);
        !barred && signed(amount) <= bound
    }
}

impl Board for Table {
    type Error = std::convert::Infallible;

    fn is_short(&mut self, bank: usize) -> Result<bool, Self::Error> {
        let position = &self.banks[bank];
        if self.kept[bank] == 0 {
            return Ok(false);
        }
        let net = signed(self.outward[bank]).saturating_sub(signed(self.inward[bank]));
        let beyond = |(other, limit): (&usize, &i128)| {
            signed(self.pair(bank, *other)).saturating_sub(signed(self.pair(*other, bank))) > *limit
                && self.pair(bank, *other) > 0
        };
        Ok(position.barred || net > position.capacity || position.bilateral.iter().any(beyond))
    }

    fn drop_last(&mut self, bank: usize) -> Result<Option<usize>, Self::Error> {
        let Some(last) = self.kept[bank].checked_sub(1) else { return Ok(None) };
        let Payment { creditor, amount } = self.banks[bank].queue[last];
        self.kept[bank] = last;
        self.outward[bank] = self.outward[bank].saturating_sub(amount);
        self.inward[creditor] = self.inward[creditor].saturating_sub(amount);
        if let Some(sum) = self.pairs.get_mut(&(bank, creditor)) {
            *sum = sum.saturating_sub(amount);
        }
        self.dropped = self.dropped.saturating_add(1);
        Ok(Some(creditor))
    }
}

/// An amount as a signed number. Amounts and their sums are far below 2^127 by the bounds of the module.
pub fn signed(amount: u128) -> i128 {
    i128::try_from(amount).unwrap_or(i128::MAX)
}
