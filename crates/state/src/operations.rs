//! Operations of the state's log: what a copy of the state is made of, in parts that prove themselves.
//!
//! **Purpose.** The store's root depends on its whole log, so what is copied are operations and not values: those from
//! where a block's range begins to where it ends ([`StateTarget`]), and the digests that stand for what lies below them. They
//! are handed over in parts, each with its proof against the operations root to which the block's header commits.
//!
//! **Place.** Over the network the engine asks for parts as it needs them (`joining` in `consensus`). Whoever keeps a state
//! in a file asks for them in their order, with [`Ledger::state_operations`], and checks them with a [`StateCopy`].
//!
//! **Failures.** A part that is not the one that comes next, or does not fit the root, is refused with the reason.
//!
//! **Limits.** [`OPERATIONS_MAX`] operations and [`OPERATIONS_BYTES_MAX`] bytes a part.

use crate::{
    Ledger, LedgerError, fault,
    live::Served,
    store::{Databases, Runtime, SyncTarget, sync_target},
};
use bytes::Bytes as RawBytes;
use commonware_codec::{Decode as _, Encode as _, RangeCfg};
use commonware_storage::{
    merkle::Location,
    qmdb::{
        self,
        any::ordered::variable,
        sync::{Request, Response, Source as _},
    },
};
use commonware_utils::NZU64;
use core::num::NonZeroU64;
use florin_proof::{Family, StateDigest, StateHasher, StateKey, value_range};
use florin_types::{Height, StateFault, StateTarget};

/// Most operations of a part.
pub const OPERATIONS_MAX: NonZeroU64 = NZU64!(1_024);
/// Most bytes of a part. A single operation with its proof has less than a fiftieth of it.
pub const OPERATIONS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the state's log is made of.
pub type StateOperation = variable::Operation<Family, StateKey, RawBytes>;
/// A question for a part.
pub type OperationsQuestion = Request<Family>;
/// A part: its operations, their proof, and at the lower end what stands for all below.
pub type OperationsAnswer = Response<Family, StateOperation, StateDigest>;

/// The longest part that fits.
pub async fn serve_operations<E: Runtime>(
    databases: &Databases<E>,
    question: OperationsQuestion,
) -> Result<RawBytes, StateFault> {
    let mut operations_max = question.max_ops().min(OPERATIONS_MAX);
    loop {
        let question = match question {
            Request::Operations { size, start, .. } => Request::Operations { size, start, max_ops: operations_max },
            boundary @ Request::Boundary { .. } => boundary,
        };
        let served = databases.serve(question).await;
        let (answer, _) =
            served.map_err(|error| fault(&format!("read the state's operations from {}", question.start()), error))?;
        let bytes = answer.encode();
        match NonZeroU64::new(operations_max.get() / 2) {
            Some(half) if bytes.len() > OPERATIONS_BYTES_MAX => operations_max = half,
            _ => return Ok(bytes),
        }
    }
}

/// An answer of the kind that was asked for, within the bounds of the question.
pub fn decode_operations(question: &OperationsQuestion, bytes: RawBytes) -> Option<OperationsAnswer> {
    if bytes.len() > OPERATIONS_BYTES_MAX {
        return None;
    }
    let operations_max = usize::try_from(question.max_ops().get()).ok()?;
    let bounds: (usize, ((), RangeCfg<usize>)) = (operations_max, ((), value_range()));
    let answer = OperationsAnswer::decode_cfg(bytes, &bounds).ok()?;
    let fits = matches!(
        (question, &answer),
        (Request::Operations { .. }, Response::Operations { .. })
            | (Request::Boundary { .. }, Response::Boundary { .. })
    );
    fits.then_some(answer)
}

/// The question for the part of a range that begins with this operation. Where something lies below the range, its first
/// operation is a part of its own, together with what stands for all below.
pub(crate) fn question(target: &SyncTarget, start: u64) -> OperationsQuestion {
    let (first, size) = (target.range.start(), target.range.end());
    let start = Location::new(start);
    if start == first && first > Location::new(0) {
        return Request::Boundary { size, start };
    }
    Request::Operations { size, start, max_ops: OPERATIONS_MAX }
}

/// The state after one block on its way: which part comes next, and whether a part is that one.
#[derive(Clone, Debug)]
pub struct StateCopy {
    target: SyncTarget,
    next: u64,
}

impl StateCopy {
    /// Nothing of it is there yet. `None` for a range that no state can have.
    pub fn of(target: &StateTarget) -> Option<Self> {
        let target = sync_target(target)?;
        let next = target.range.start().as_u64();
        Some(Self { target, next })
    }

    /// First operation of the part that comes next; `None` once all are there.
    pub fn next(&self) -> Option<u64> {
        (self.next < self.target.range.end().as_u64()).then_some(self.next)
    }

    /// Operations that are there, and all that there are.
    pub fn progress(&self) -> (u64, u64) {
        let (first, end) = (self.target.range.start().as_u64(), self.target.range.end().as_u64());
        (self.next.saturating_sub(first), end.saturating_sub(first))
    }

    /// Takes the next part, encoded. Says what is wrong where it is not that one; then nothing has changed.
    pub fn take(&mut self, part: RawBytes) -> Result<(), String> {
        let start = self.next().ok_or("a part follows although the state is whole")?;
        let question = question(&self.target, start);
        let answer = decode_operations(&question, part);
        let answer = answer.ok_or_else(|| format!("what should be operation {start} and those after it is no part"))?;
        if !self.is_sound(&question, &answer) {
            let root = florin_proof::root_hash(&self.target.root);
            return Err(format!("operation {start} and those after it do not hash to operations root {root}"));
        }
        let taken = match &answer {
            Response::Operations { operations, .. } => operations.len(),
            Response::Boundary { .. } => 1,
        };
        self.next = start.saturating_add(u64::try_from(taken).unwrap_or(u64::MAX));
        Ok(())
    }

    fn is_sound(&self, question: &OperationsQuestion, answer: &OperationsAnswer) -> bool {
        let (start, root) = (question.start(), &self.target.root);
        let proven = match answer {
            Response::Operations { proof, operations } => {
                !operations.is_empty() && qmdb::verify_proof::<StateHasher, Family, _>(proof, start, operations, root)
            }
            Response::Boundary { proof, op, pinned_nodes } => {
                let operations = core::slice::from_ref(op);
                qmdb::verify_proof_and_pinned_nodes::<StateHasher, Family, _>(
                    proof,
                    start,
                    operations,
                    pinned_nodes,
                    root,
                )
            }
        };
        proven && answer.proof().leaves == question.size()
    }
}

impl Ledger {
    /// The part of the state after the block at `height` that begins with operation `start`, encoded: at most
    /// [`OPERATIONS_MAX`] operations. The answer for one block stays the same while later ones are finalised, until its
    /// operations are dropped.
    pub async fn state_operations(&self, height: Height, start: u64) -> Result<RawBytes, LedgerError> {
        let head_height = self.head().block.height();
        if height > head_height {
            return Err(LedgerError::Future { height, head_height });
        }
        let record = self.0.block_record(height).await?;
        let oldest_height = self.oldest_block();
        let record = record.ok_or(LedgerError::BlockPruned { height, oldest_height })?;
        let target = record.finalized.block.extension().state;
        let (first, end) = (target.operations_start, target.operations_end);
        if !(first..end).contains(&start) {
            return Err(LedgerError::OperationsRange { height, start, first, end });
        }
        let range = || LedgerError::Fault(format!("block {height} has a state that cannot be"));
        let target = sync_target(&target).ok_or_else(range)?;
        match self.0.state()?.operations(target, start).await? {
            Served::Part(part) => Ok(part),
            Served::Dropped => Err(LedgerError::OperationsPruned { height }),
            Served::NotYet => Err(self.0.starting(None)),
        }
    }
}
