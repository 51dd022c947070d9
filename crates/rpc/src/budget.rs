//! Large messages: requests that run, and answers that wait to be read.
//!
//! A large answer stays in memory until its client has taken it. All such answers together have a bound, and so have all
//! large requests, so that many clients cannot fill the memory of a node that votes.

use crate::error::RpcError;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use jsonrpsee::server::MethodResponse;
use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Messages are weighed in this unit; smaller ones are not counted, their number is bounded by the connections.
const UNIT_BYTES: usize = 64 * 1024;
/// Bytes that are handed to the connection at once.
const PART_BYTES: usize = 64 * 1024;

/// Bytes that large messages may take in memory, all together.
#[derive(Debug)]
pub(crate) struct Budget {
    units: Arc<Semaphore>,
    bytes_max: usize,
}

/// The place of one message, until it is dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held(Option<Arc<OwnedSemaphorePermit>>);

impl Budget {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { units: Arc::new(Semaphore::new((bytes_max / UNIT_BYTES).min(Semaphore::MAX_PERMITS))), bytes_max }
    }

    fn take(&self, bytes: usize) -> Option<Held> {
        match u32::try_from(bytes / UNIT_BYTES).unwrap_or(u32::MAX) {
            0 => Some(Held::default()),
            units => Some(Held(Some(Arc::new(self.units.clone().try_acquire_many_owned(units).ok()?)))),
        }
    }

    /// Takes a place for the arguments of a request.
    pub(crate) fn take_request(&self, bytes: usize) -> Result<Held, RpcError> {
        self.take(bytes).ok_or_else(|| {
            RpcError::limit(
                "requests_waiting",
                format!(
                    "the request of {bytes} bytes has no place beside those that run, at most {} bytes together: try \
                     again in a moment",
                    self.bytes_max
                ),
            )
        })
    }

    /// Takes a place for an answer, which travels with it.
    pub(crate) fn take_answer(&self, response: &mut MethodResponse) -> Result<(), RpcError> {
        let bytes = response.as_json().get().len();
        let held = self.take(bytes).ok_or_else(|| {
            RpcError::limit(
                "answers_waiting",
                format!(
                    "the answer of {bytes} bytes has no place beside those that wait to be read, at most {} together: \
                     ask for less, or again in a moment",
                    self.bytes_max
                ),
            )
        })?;
        if held.0.is_some() {
            response.extensions_mut().insert(held);
        }
        Ok(())
    }
}

/// A body that is handed over in parts: it leaves memory only as fast as its client takes it, and its place with it.
pub(crate) struct Parts {
    bytes: Bytes,
    _held: Held,
}

impl Parts {
    pub(crate) fn new(bytes: Bytes, held: Held) -> Self {
        Self { bytes, _held: held }
    }
}

impl Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = &mut self.get_mut().bytes;
        if bytes.is_empty() {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::data(bytes.split_to(bytes.len().min(PART_BYTES))))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}
