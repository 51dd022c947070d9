//! From selector to operation. No logic.

use alloy_primitives::{Bytes, U256};

use super::{
    Escrow,
    IEscrow::{IEscrowCalls as Call, *},
    ops,
};
use crate::{
    calls::{decode, mutate, view},
    context::{Context, Failure},
};

/// Answers a call to the module.
pub(crate) fn dispatch(context: &mut Context<'_>, input: &[u8]) -> Result<Bytes, Failure> {
    match decode::<Call>(context, input)? {
        Call::open(c) => mutate::<openCall, _>(context, |x| ops::open(x, &c.terms)),
        Call::release(c) => mutate::<releaseCall, _>(context, |x| ops::release(x, c.escrowId, c.amount)),
        Call::refund(c) => mutate::<refundCall, _>(context, |x| ops::refund(x, c.escrowId, c.amount)),
        Call::submitEvidence(c) => {
            mutate::<submitEvidenceCall, _>(context, |x| ops::submit_evidence(x, c.escrowId, c.part, c.evidenceHash))
        }
        Call::approve(c) => {
            mutate::<approveCall, _>(context, |x| ops::approve(x, c.escrowId, c.part, c.evidenceHash, c.payNow))
        }
        Call::reveal(c) => mutate::<revealCall, _>(context, |x| ops::reveal(x, c.escrowId, c.preimage, c.payNow)),
        Call::dispute(c) => mutate::<disputeCall, _>(context, |x| ops::dispute(x, c.escrowId, c.reasonHash)),
        Call::rule(c) => mutate::<ruleCall, _>(context, |x| ops::rule(x, c.escrowId, c.toPayee, c.payNow)),
        Call::conclude(c) => mutate::<concludeCall, _>(context, |x| ops::conclude(x, c.escrowId, c.payNow)),
        Call::payOut(c) => mutate::<payOutCall, _>(context, |x| ops::pay_out(x, c.escrowId)),

        Call::escrowCount(_) => view::<escrowCountCall>(ops::escrow_count(context)?),
        Call::escrowOf(c) => {
            let escrow = Escrow::read(context, c.escrowId)?;
            view::<escrowOfCall>(escrowOfReturn {
                payer: escrow.head.payer,
                payee: escrow.goal.payee,
                token: escrow.funds.token,
                holdId: escrow.funds.hold,
                status: escrow.status.number(),
                deadlineMs: escrow.goal.deadline_ms,
                amount: U256::from(escrow.amounts.amount),
                paid: U256::from(escrow.moved.paid),
                refunded: U256::from(escrow.moved.refunded),
                due: U256::from(escrow.due()),
                undecided: U256::from(escrow.undecided()),
                seized: U256::from(escrow.seized()),
            })
        }
        Call::termsOf(c) => view::<termsOfCall>(ops::terms_of(context, c.escrowId)?),
        Call::partOf(c) => {
            let (milestone, evidence) = ops::part_of(context, c.escrowId, c.part)?;
            let approvals = u8::try_from(milestone.approvals.count_ones()).unwrap_or(u8::MAX);
            view::<partOfCall>((U256::from(milestone.amount), evidence, approvals, milestone.granted))
        }
        Call::hasApproved(c) => view::<hasApprovedCall>(ops::has_approved(context, c.escrowId, c.part, c.approver)?),
    }
}
