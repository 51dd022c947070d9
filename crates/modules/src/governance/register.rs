//! Registers of those who vote: seats, and guardians with a weight of 1 each.
//!
//! Every change of a weight is kept with the number of the first proposal for which it counts: the next one. So the
//! weight for a proposal never changes once the proposal is there, and finding it takes a bounded number of steps.

use alloy_primitives::{Address, U256};

use super::{
    IGovernance,
    layout::{Member, MemberPlace, Register, Snapshot, layout},
};
use crate::{
    GOVERNANCE_ADDRESS, can_hold,
    context::{Context, Failure, ensure, revert},
};

impl Register {
    fn place(&self, context: &mut Context<'_>, account: Address) -> Result<MemberPlace, Failure> {
        self.members.at(context, &account)
    }

    /// Weight of an account now; zero if it is no member.
    pub(super) fn weight(&self, context: &mut Context<'_>, account: Address) -> Result<u64, Failure> {
        Ok(self.place(context, account)?.member.read(context)?.weight)
    }

    /// Name of a member.
    pub(super) fn name(&self, context: &mut Context<'_>, account: Address) -> Result<String, Failure> {
        self.place(context, account)?.name.read(context)
    }

    /// Names a member.
    pub(super) fn set_name(&self, context: &mut Context<'_>, account: Address, name: &str) -> Result<(), Failure> {
        self.place(context, account)?.name.write(context, name)
    }

    /// Weight of an account for a proposal: that of its last snapshot that is not younger.
    pub(super) fn weight_at(&self, context: &mut Context<'_>, account: Address, proposal: u64) -> Result<u64, Failure> {
        let place = self.place(context, account)?;
        let (mut low, mut high) = (0, place.member.read(context)?.snapshots);
        let mut weight = 0;
        while low < high {
            let middle = low.midpoint(high);
            let snapshot = place.snapshots.at(context, &middle)?.read(context)?;
            if snapshot.from_proposal <= proposal {
                (low, weight) = (middle.saturating_add(1), snapshot.weight);
            } else {
                high = middle;
            }
        }
        Ok(weight)
    }

    /// Sets the weight of an account: adds, reweighs or, with zero, removes it. Answers the weight before.
    pub(super) fn set_weight(
        &self,
        context: &mut Context<'_>,
        account: Address,
        weight: u64,
        count_max: u64,
    ) -> Result<u64, Failure> {
        let place = self.place(context, account)?;
        let mut member = place.member.read(context)?;
        let before = member.weight;
        if before == 0 && weight > 0 {
            let count = self.accounts.len(context)?;
            ensure(count < count_max, || IGovernance::MembersFull { countMax: count_max })?;
            member.index = count;
            self.accounts.push(context, account)?;
        } else if before > 0 && weight == 0 {
            self.leave(context, member.index)?;
            member.index = 0;
        }
        self.change_total(context, before, weight)?;
        if before != weight {
            snapshot(context, &place, &mut member, weight)?;
        }
        place.member.write(context, Member { weight, ..member })?;
        Ok(before)
    }

    /// The last member takes the place of the one that leaves.
    fn leave(&self, context: &mut Context<'_>, index: u64) -> Result<(), Failure> {
        let last = self.accounts.len(context)?.saturating_sub(1);
        if let Some(moved) = self.accounts.get(context, last)?.filter(|_| last != index) {
            self.accounts.set(context, index, moved)?;
            let place = self.place(context, moved)?;
            let member = place.member.read(context)?;
            place.member.write(context, Member { index, ..member })?;
        }
        self.accounts.pop(context)
    }

    fn change_total(&self, context: &mut Context<'_>, before: u64, weight: u64) -> Result<(), Failure> {
        let total = self.weight_total.read(context)?;
        let others = total.saturating_sub(before);
        let after = others.checked_add(weight).ok_or_else(|| weight_out_of_range(weight, others))?;
        self.weight_total.write(context, after)
    }
}

/// The error of a weight that has no room beside the others.
pub(super) fn weight_out_of_range(weight: u64, others: u64) -> Failure {
    let total = U256::from(others).saturating_add(U256::from(weight));
    revert(IGovernance::WeightOutOfRange {
        weight: U256::from(weight),
        weightTotal: total,
        weightTotalMax: U256::from(u64::MAX),
    })
}

/// Keeps a weight for the proposals that are made from now on.
fn snapshot(context: &mut Context<'_>, place: &MemberPlace, member: &mut Member, weight: u64) -> Result<(), Failure> {
    let from_proposal = layout().proposals_made.read(context)?.saturating_add(1);
    let last = member.snapshots.saturating_sub(1);
    let last_from = place.snapshots.at(context, &last)?.read(context)?.from_proposal;
    // Proposals begin at 1, so that a snapshot which was never taken is not one.
    let number = if last_from == from_proposal { last } else { member.snapshots };
    member.snapshots = number.saturating_add(1);
    place.snapshots.at(context, &number)?.write(context, Snapshot { from_proposal, weight })
}

/// Refuses members that could never act.
pub(super) fn ensure_can_act(account: Address) -> Result<(), Failure> {
    let can_act = can_hold(account) && account != GOVERNANCE_ADDRESS;
    ensure(can_act, || IGovernance::MemberInvalid { account })
}
