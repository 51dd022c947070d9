//! Receipts of decisions: what was decided by which version of a policy, on which inputs; and deciding it again.

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolValue;

use super::{
    DEPTH_MAX, Kind, OPEN,
    accounts::one_less,
    decide::{Evidence, Movement, Outcome, Receipt, judge},
    layout::layout,
    ops::{ensure_exists, get, operands},
};
use crate::context::{Context, Failure};

/// Changes of every list and rule that the policy references, itself and exempt policies included, added up.
pub fn version_of(context: &mut Context<'_>, policy: u64) -> Result<u32, Failure> {
    ensure_exists(context, policy)?;
    version(context, policy, DEPTH_MAX)
}

fn version(context: &mut Context<'_>, policy: u64, depth_left: u8) -> Result<u32, Failure> {
    let (kind, record) = get(context, policy)?;
    let beneath = match kind {
        Some(kind) if kind.is_combination() => operands(context, policy)?,
        Some(kind) if kind.is_rule() => vec![layout().terms.at(context, &policy)?.terms.read(context)?.exempt],
        _ => Vec::new(),
    };
    let mut sum = record.version;
    if !beneath.is_empty() {
        let depth_left = one_less(policy, depth_left)?;
        for operand in beneath {
            sum = sum.saturating_add(version(context, operand, depth_left)?);
        }
    }
    Ok(sum)
}

/// The receipt of a decision that read these figures.
pub(super) fn of(
    context: &mut Context<'_>,
    policy: u64,
    movement: &Movement,
    figures: &[U256],
) -> Result<Receipt, Failure> {
    let version = version(context, policy, DEPTH_MAX)?;
    let inputs_hash = inputs_hash(context, policy, movement, figures)?;
    Ok(Receipt { policy, token: movement.token, version, inputs_hash, figures: figures.to_vec() })
}

/// keccak256 of the ABI encoding of policy, token, payer, payee, operator, amount, purpose, block time and figures; the
/// zero address stands for nobody.
fn inputs_hash(context: &mut Context<'_>, policy: u64, movement: &Movement, figures: &[U256]) -> Result<B256, Failure> {
    let party = |party: Option<Address>| party.unwrap_or_default();
    let inputs = (
        U256::from(policy),
        movement.token,
        party(movement.payer),
        party(movement.payee),
        party(movement.operator),
        U256::from(movement.amount),
        U256::from(movement.purpose.number()),
        U256::from(context.env().timestamp_ms),
        figures.to_vec(),
    );
    context.keccak(&inputs.abi_encode_params())
}

/// A decision made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Version of the policy now.
    pub version: u32,
    /// Hash of the inputs.
    pub inputs_hash: B256,
    /// What the policy says.
    pub outcome: Outcome,
}

/// Decides again, at the block time of then and from the figures of then, over lists, conditions and credentials as they
/// are now. Figures that are not asked for are not part of the inputs.
pub fn replay(
    context: &mut Context<'_>,
    policy: u64,
    movement: &Movement,
    timestamp_ms: u64,
    figures: &[U256],
) -> Result<Replayed, Failure> {
    ensure_exists(context, policy)?;
    let mut then = context.at_time(timestamp_ms);
    let mut evidence = Evidence::replayed(figures);
    let outcome = match policy {
        OPEN => Outcome::Admitted,
        _ => judge(&mut then, policy, movement, &mut evidence)?.outcome,
    };
    let receipt = of(&mut then, policy, movement, evidence.figures())?;
    Ok(Replayed { version: receipt.version, inputs_hash: receipt.inputs_hash, outcome })
}

/// Number of the kind of a policy in a dry run's answer; the built-in policy that admits no one has one of its own.
pub(crate) fn code_of(context: &mut Context<'_>, policy: u64) -> Result<u8, Failure> {
    Ok(get(context, policy)?.0.map_or(CODE_CLOSED, Kind::number))
}

/// Code of policy 1 in a dry run's answer.
pub(crate) const CODE_CLOSED: u8 = 13;
