//! Work that takes processor time: a bounded number at once, a bounded number waiting, none of it on the threads that
//! serve the network. Work whose asker has gone, or has waited long enough, is told to stop.

use crate::error::RpcError;
use florin_execution::Stop;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::sync::Semaphore;

/// Places for work of one kind.
#[derive(Debug)]
pub(crate) struct Workers {
    kind: &'static str,
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
}

/// One that waits, until dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Who asked for work: once dropped, the work is to stop.
#[derive(Default)]
struct Asker(Stop);

impl Drop for Asker {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl Workers {
    pub(crate) fn new(kind: &'static str, at_once_max: usize, waiting_max: usize) -> Self {
        let places = Arc::new(Semaphore::new(at_once_max.max(1)));
        Self { kind, places, waiting: AtomicUsize::new(0), waiting_max }
    }

    /// Runs `work` on a thread of its own when there is a place for it.
    ///
    /// The place belongs to the work, not to the caller: whoever gives up waiting makes no room for more before the work
    /// has stopped.
    pub(crate) async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(Stop) -> R + Send + 'static,
    ) -> Result<R, RpcError> {
        let waiting = Waiting(&self.waiting);
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= self.waiting_max {
            return Err(RpcError::limit(
                "busy",
                format!("{} {} wait on this node already: try again in a moment", self.waiting_max, self.kind),
            ));
        }
        let place = self.places.clone().acquire_owned().await.map_err(|error| RpcError::fault(&error))?;
        drop(waiting);
        let asker = Asker::default();
        let stop = asker.0.clone();
        let work = move || {
            let _place = place;
            work(stop)
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| RpcError::fault(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(flavor = "multi_thread")]
    async fn work_beyond_the_bound_is_refused_and_a_panic_is_an_error() {
        let workers = Arc::new(Workers::new("tests", 1, 2));
        let (release, released) = std::sync::mpsc::channel::<()>();
        let run = |work: Box<dyn FnOnce() + Send>| {
            let workers = workers.clone();
            tokio::spawn(async move { workers.run(|_| work()).await })
        };
        let first = run(Box::new(move || released.recv().expect("released")));
        let mut waiting = Vec::new();
        while workers.places.available_permits() > 0 || workers.waiting.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for expected in 1..=2 {
            waiting.push(run(Box::new(|| ())));
            while workers.waiting.load(Ordering::Relaxed) < expected {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        let refused = workers.run(|_| ()).await.expect_err("the third must not wait");
        assert_eq!(refused.code(), crate::error::LIMIT_EXCEEDED);
        release.send(()).expect("the worker lives");
        first.await.expect("no panic").expect("it ran");
        for waiting in waiting {
            waiting.await.expect("no panic").expect("it ran");
        }
        assert!(workers.run(|_| panic!("on purpose")).await.is_err());
        workers.run(|_| ()).await.expect("a panic gives its place back");
    }
}
