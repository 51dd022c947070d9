//! Tells several tasks that something has changed, in the order in which they began to wait.
//!
//! The pool announces changes through a channel that wakes its waiters in random order. In a simulation that would make
//! two runs of one seed differ, so one task listens there and passes the news on through this.

use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

/// Shared between who raises it and who waits.
#[derive(Clone, Default)]
pub(crate) struct Signal(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    raised: u64,
    /// Numbers that were given to those who wait, so that they are woken in their order.
    tickets: u64,
    waiting: BTreeMap<u64, Waker>,
}

impl Signal {
    /// Wakes everyone who waits.
    pub(crate) fn raise(&self) {
        let waiting = {
            let mut state = self.0.lock();
            state.raised = state.raised.wrapping_add(1);
            std::mem::take(&mut state.waiting)
        };
        waiting.into_values().for_each(Waker::wake);
    }

    /// Resolves when the signal is raised after this call.
    pub(crate) fn raised(&self) -> Raised {
        let before = self.0.lock().raised;
        Raised { signal: self.clone(), before, ticket: None }
    }
}

/// Waits for a signal. Most waits end because something else came first, so whoever gives up waiting leaves nothing
/// behind: the signal of an idle pool may not be raised for days.
pub(crate) struct Raised {
    signal: Signal,
    before: u64,
    ticket: Option<u64>,
}

impl Future for Raised {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let signal = self.signal.clone();
        let mut state = signal.0.lock();
        if state.raised != self.before {
            return Poll::Ready(());
        }
        let ticket = *self.ticket.get_or_insert_with(|| {
            state.tickets = state.tickets.wrapping_add(1);
            state.tickets
        });
        state.waiting.insert(ticket, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.signal.0.lock().waiting.remove(&ticket);
        }
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

    #[test]
    fn who_gives_up_waiting_leaves_nothing_behind() {
        let signal = Signal::default();
        for _ in 0..1_000 {
            assert!(signal.raised().now_or_never().is_none());
        }
        assert!(signal.0.lock().waiting.is_empty());
        let mut waiting = Box::pin(signal.raised());
        (0..3).for_each(|_| assert!(waiting.as_mut().now_or_never().is_none()));
        assert_eq!(signal.0.lock().waiting.len(), 1, "one who asks again waits once");
        signal.raise();
        assert!(waiting.as_mut().now_or_never().is_some());
    }
}
