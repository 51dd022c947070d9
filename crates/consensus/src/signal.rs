//! Tells several tasks that something has changed, in the order in which they began to wait.
//!
//! The pool announces changes through a channel that wakes its waiters in random order. In a simulation that would make
//! two runs of one seed differ, so one task listens there and passes the news on through this.

use parking_lot::Mutex;
use std::{
    future::poll_fn,
    sync::Arc,
    task::{Poll, Waker},
};

/// Shared between who raises it and who waits.
#[derive(Clone, Default)]
pub(crate) struct Signal(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    raised: u64,
    waiting: Vec<Waker>,
}

impl Signal {
    /// Wakes everyone who waits.
    pub(crate) fn raise(&self) {
        let waiting = {
            let mut state = self.0.lock();
            state.raised = state.raised.wrapping_add(1);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Resolves when the signal is raised after this call.
    pub(crate) fn raised(&self) -> impl Future<Output = ()> + Send + use<> {
        let signal = self.clone();
        let before = signal.0.lock().raised;
        poll_fn(move |context| {
            let mut state = signal.0.lock();
            if state.raised != before {
                return Poll::Ready(());
            }
            if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                state.waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[test]
    fn only_what_comes_after_is_heard() {
        let signal = Signal::default();
        signal.raise();
        let mut waiting = Box::pin(signal.raised());
        assert!(waiting.as_mut().now_or_never().is_none());
        signal.raise();
        assert!(waiting.now_or_never().is_some());
        assert!(signal.raised().now_or_never().is_none());
    }
}
