//! The order in which the leader meets pending transactions.

use crate::{price::Bid, sender::Sender};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256};
use florin_execution::{Disposition, Lane, Rejection};
use florin_types::{Rules, VerifiedTx};
use std::{cmp::Reverse, collections::VecDeque};

/// Pending transactions in the order for a block, taken from the pool at one moment; iterating needs no lock.
///
/// Two passes. First payments, until what they used fills the reserved lane or the leader's time for them is over
/// ([`Self::end_payments`]); a payment behind another kind of transaction of its sender has to wait for that. Then
/// everything. Within a pass senders take turns:
/// in each round everyone gives one transaction, who bids more (then who came earlier) first. So a price buys an
/// earlier place in a round, and nobody's second transaction comes before everybody's first.
///
/// A sender whose transaction the builder rejects has no more turns in this block, because its later nonces cannot be
/// included before; unless the nonce was too low, which says only that an undecided ancestor has used it.
#[derive(Debug)]
pub struct Candidates {
    /// In rising order; the position is the sender's index in `queues`.
    addresses: Vec<Address>,
    queues: Vec<VecDeque<Candidate>>,
    /// Senders that have their turn in this round, the next one last.
    round: Vec<usize>,
    /// Senders that take part in the next round of this pass.
    next_round: Vec<usize>,
    /// Senders whose next transaction is not for this pass.
    parked: Vec<usize>,
    payments_only: bool,
    lane_gas_left: u64,
    invalid: Vec<B256>,
    blocked: Vec<Address>,
}

#[derive(Debug)]
struct Candidate {
    tx: VerifiedTx,
    lane: Lane,
    tip_wei: u128,
    sequence: u64,
}

impl Candidates {
    pub(crate) fn snapshot<'a>(
        senders: impl Iterator<Item = (&'a Address, &'a Sender)>,
        rules: &Rules,
        skip: impl Fn(&B256) -> bool,
    ) -> Self {
        let base_fee_wei = u128::from(rules.base_fee_wei);
        let (mut addresses, mut queues) = (Vec::new(), Vec::new());
        for (address, sender) in senders {
            let mut queue = VecDeque::new();
            for (_, entry) in sender.pending().filter(|(_, entry)| !skip(&entry.tx.hash())) {
                let bid = Bid::of(&entry.tx);
                let tip_wei = bid.priority_fee_wei.min(bid.fee_wei.saturating_sub(base_fee_wei));
                queue.push_back(Candidate {
                    tx: entry.tx.clone(),
                    lane: entry.lane,
                    tip_wei,
                    sequence: entry.sequence,
                });
            }
            if !queue.is_empty() {
                addresses.push(*address);
                queues.push(queue);
            }
        }
        let mut candidates = Self {
            next_round: Vec::with_capacity(queues.len()),
            round: Vec::new(),
            parked: Vec::new(),
            payments_only: true,
            lane_gas_left: rules.payment_lane_gas,
            invalid: Vec::new(),
            blocked: Vec::new(),
            addresses,
            queues,
        };
        (0..candidates.queues.len()).for_each(|index| candidates.enlist(index));
        candidates
    }

    /// Transactions that no waiting can make valid, as far as the builder's state tells: for [`crate::Pool::discard`].
    pub fn invalid(&self) -> &[B256] {
        &self.invalid
    }

    /// Senders whose next transaction cannot be included for now, whatever the room: for [`crate::Pool::defer`].
    pub fn blocked(&self) -> &[Address] {
        &self.blocked
    }

    /// Puts a sender where its next transaction belongs.
    fn enlist(&mut self, index: usize) {
        match self.queues.get(index).and_then(VecDeque::front) {
            Some(head) if self.payments_only && head.lane != Lane::Payment => self.parked.push(index),
            Some(_) => self.next_round.push(index),
            None => {}
        }
    }

    fn begin_round(&mut self) {
        let mut round = std::mem::take(&mut self.next_round);
        let queues = &self.queues;
        round.sort_by_key(|index| {
            let head = queues.get(*index).and_then(VecDeque::front);
            // Reversed as a whole: turns are taken from the end.
            Reverse(head.map(|head| (Reverse(head.tip_wei), head.sequence)))
        });
        self.round = round;
    }

    /// Ends the pass of payments, if it has not ended: all senders take part again.
    pub fn end_payments(&mut self) {
        if !std::mem::take(&mut self.payments_only) {
            return;
        }
        self.next_round.append(&mut self.round);
        self.next_round.append(&mut self.parked);
    }
}

impl florin_execution::Candidates for Candidates {
    fn next(&mut self) -> Option<VerifiedTx> {
        loop {
            if self.round.is_empty() {
                self.begin_round();
            }
            let Some(index) = self.round.pop() else {
                if !self.payments_only {
                    return None;
                }
                self.end_payments();
                continue;
            };
            let Some(queue) = self.queues.get_mut(index) else { continue };
            let Some(gas) = queue.front().map(|head| head.tx.tx().gas_limit()) else { continue };
            if self.payments_only && gas > self.lane_gas_left {
                self.round.push(index);
                self.end_payments();
                continue;
            }
            let taken = queue.pop_front().map(|head| head.tx);
            self.enlist(index);
            return taken;
        }
    }

    fn taken(&mut self, _: &VerifiedTx, gas_used: u64) {
        if self.payments_only {
            self.lane_gas_left = self.lane_gas_left.saturating_sub(gas_used);
        }
    }

    fn rejected(&mut self, tx: &VerifiedTx, rejection: &Rejection) {
        if matches!(rejection, Rejection::NonceTooLow { .. }) {
            return;
        }
        if rejection.disposition() == Disposition::Drop {
            self.invalid.push(tx.hash());
        } else if !rejection.is_for_want_of_room() {
            self.blocked.push(tx.sender());
        }
        let queue = self.addresses.binary_search(&tx.sender()).ok().and_then(|index| self.queues.get_mut(index));
        if let Some(queue) = queue {
            queue.clear();
        }
    }
}
