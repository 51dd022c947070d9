//! The state from parts that somebody kept in a file, instead of from peers.
//!
//! The engine asks for one part after the other, in the order in which they are kept, and checks each against the certified
//! block before it stores it. An answer that cannot be given would be a fault of this machine to the engine; it is damage of
//! a file. So it is told to whoever gave the parts, and the engine waits for ever.

use bytes::Bytes;
use commonware_utils::channel::oneshot;
use florin_state::{OperationsAnswer, OperationsQuestion, decode_operations};
use parking_lot::Mutex;

/// Parts of a state in their order, each checked by a [`StateCopy`](florin_state::StateCopy), or why the next one cannot be had.
pub type StateParts = Box<dyn Iterator<Item = Result<Bytes, String>> + Send>;

/// Parts that are handed over as they are asked for.
pub(crate) struct Given {
    parts: Mutex<StateParts>,
    failed: Mutex<Option<oneshot::Sender<String>>>,
}

impl Given {
    /// The parts, and where it is told that the next one cannot be had.
    pub(crate) fn new(parts: StateParts) -> (Self, oneshot::Receiver<String>) {
        let (failed, reason) = oneshot::channel();
        (Self { parts: Mutex::new(parts), failed: Mutex::new(Some(failed)) }, reason)
    }

    /// The next part, as the answer to this question.
    pub(crate) async fn answer(&self, question: &OperationsQuestion) -> OperationsAnswer {
        let reason = match self.next(question) {
            Ok(answer) => return answer,
            Err(reason) => reason,
        };
        if let Some(failed) = self.failed.lock().take() {
            let _ = failed.send(reason);
        }
        futures::future::pending().await
    }

    fn next(&self, question: &OperationsQuestion) -> Result<OperationsAnswer, String> {
        let part = self.parts.lock().next();
        let part = part.ok_or_else(|| format!("it ends before operation {}", question.start()))??;
        let wrong = || format!("what should be operation {} and those after it is no part", question.start());
        decode_operations(question, part).ok_or_else(wrong)
    }
}
