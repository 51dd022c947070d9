//! The suspended core: suspends at misses, carries panics, unwinds when dropped, moves between threads.

use crate::{MemoryState, StateReader, with_view};
use bytes::Bytes as RawBytes;
use florin_proof::{StateItem, StateKey};
use florin_types::{Account, Address, B256, Changeset, StateFault, StateView, U256, alloy_primitives::keccak256};
use futures::{FutureExt as _, future::BoxFuture};
use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Answers after being polled once, and counts.
struct Slow {
    state: MemoryState,
    reads: AtomicUsize,
    keys: AtomicUsize,
}

impl StateReader for Slow {
    fn read(&self, keys: Vec<StateKey>) -> BoxFuture<'_, Result<Vec<Option<RawBytes>>, StateFault>> {
        Box::pin(async move {
            self.reads.fetch_add(1, Ordering::Relaxed);
            self.keys.fetch_add(keys.len(), Ordering::Relaxed);
            tokio::task::yield_now().await;
            self.state.read(keys).await
        })
    }
}

fn address(number: u8) -> Address {
    Address::repeat_byte(number)
}

fn slow() -> Slow {
    let mut changes = Changeset::default();
    for number in 1..=20 {
        let account = Account { nonce: u64::from(number), balance: U256::from(number), ..Account::default() };
        changes.accounts.insert(address(number), Some(account));
        changes.slots.insert((address(number), U256::from(5)), U256::from(u64::from(number) * 7));
    }
    let code = vec![0x60, 0x01];
    changes.code.insert(keccak256(&code), code.into());
    Slow { state: MemoryState::new(&changes).unwrap(), reads: AtomicUsize::new(0), keys: AtomicUsize::new(0) }
}

fn sum(view: &dyn StateView) -> U256 {
    (1..=20u8).fold(U256::ZERO, |sum, number| {
        let account = view.account(address(number)).unwrap().unwrap();
        sum + account.balance + view.slot(address(number), U256::from(5)).unwrap()
    })
}

#[tokio::test]
async fn a_core_reads_through_suspension_and_remembers() {
    let reader = slow();
    let total = with_view(&reader, |view| {
        let first = sum(view);
        assert_eq!(sum(view), first);
        first
    });
    assert_eq!(total.await, U256::from(210 * 8));
    assert_eq!(reader.reads.load(Ordering::Relaxed), 40, "every item once");
    let absent = with_view(&reader, |view| (view.account(address(99)), view.slot(address(1), U256::MAX)));
    assert_eq!(absent.await, (Ok(None), Ok(U256::ZERO)));
    let code = with_view(&reader, |view| (view.code(keccak256([0x60, 0x01])), view.code(B256::repeat_byte(1))));
    let (code, missing) = code.await;
    assert_eq!(code.unwrap().as_ref(), [0x60, 0x01]);
    assert!(missing.unwrap_err().0.contains("missing"));
}

#[tokio::test]
async fn what_is_prefetched_is_one_read() {
    let reader = slow();
    let sum = with_view(&reader, |view| {
        let accounts: Vec<_> = (1..=20).map(address).collect();
        let slots: Vec<_> = accounts.iter().map(|address| (*address, U256::from(5))).collect();
        view.prefetch(&accounts, &slots);
        view.prefetch(&accounts, &[]);
        view.prefetch(&accounts[..1], &[slots[0], slots[0]]);
        sum(view)
    });
    assert_eq!(sum.await, U256::from(210 * 8));
    assert_eq!((reader.reads.load(Ordering::Relaxed), reader.keys.load(Ordering::Relaxed)), (1, 40));
}

#[tokio::test]
async fn a_fault_reaches_the_core_and_a_panic_the_caller() {
    struct Broken;
    impl StateReader for Broken {
        fn read(&self, _: Vec<StateKey>) -> BoxFuture<'_, Result<Vec<Option<RawBytes>>, StateFault>> {
            Box::pin(std::future::ready(Err(StateFault("disk gone".into()))))
        }
    }
    let read = |view: &dyn StateView| {
        view.prefetch(&[address(1)], &[]);
        view.account(address(1))
    };
    let fault = with_view(Broken, read).await.unwrap_err();
    assert_eq!(fault.0, "disk gone");
    // Fails once: what could not be fetched ahead is read again.
    struct Shaky(AtomicUsize, Slow);
    impl StateReader for Shaky {
        fn read(&self, keys: Vec<StateKey>) -> BoxFuture<'_, Result<Vec<Option<RawBytes>>, StateFault>> {
            match self.0.fetch_add(1, Ordering::Relaxed) {
                0 => Box::pin(std::future::ready(Err(StateFault("for a moment".into())))),
                _ => self.1.read(keys),
            }
        }
    }
    let account = with_view(Shaky(AtomicUsize::new(0), slow()), read).await.unwrap();
    assert_eq!(account.unwrap().nonce, 1);
    let reader = slow();
    let panicked = AssertUnwindSafe(with_view(&reader, |view| {
        let _ = view.account(address(1));
        panic!("in the core");
    }))
    .catch_unwind()
    .await;
    let message = panicked.map(|(): ()| ()).unwrap_err().downcast::<&str>().unwrap();
    assert_eq!(*message, "in the core");
}

#[tokio::test]
async fn dropping_a_suspended_core_drops_what_it_holds() {
    struct Stuck;
    impl StateReader for Stuck {
        fn read(&self, _: Vec<StateKey>) -> BoxFuture<'_, Result<Vec<Option<RawBytes>>, StateFault>> {
            Box::pin(std::future::pending())
        }
    }
    let held = Arc::new(());
    let inside = held.clone();
    let mut running = Box::pin(with_view(Stuck, move |view| {
        let _inside = inside.clone();
        view.account(address(1)).map(|_| ())
    }));
    assert!(futures::poll!(&mut running).is_pending());
    assert_eq!(Arc::strong_count(&held), 3);
    drop(running);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_cores_move_between_threads() {
    let reader = Arc::new(slow());
    let tasks: Vec<_> = (0..200).map(|_| tokio::spawn(with_view(reader.clone(), sum))).collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), U256::from(210 * 8));
    }
}

#[tokio::test]
async fn a_deep_core_fits_its_stack() {
    fn descend(view: &dyn StateView, depth: u32) -> u64 {
        let mut frame = [0u8; 4_096];
        frame[usize::try_from(depth).unwrap() % 4_096] = 1;
        std::hint::black_box(&mut frame);
        let below =
            if depth == 0 { view.account(address(1)).unwrap().unwrap().nonce } else { descend(view, depth - 1) };
        below + u64::from(frame[4_000] > 1)
    }
    // 1,024 frames of at least 4 KiB: what the EVM's deepest call stack could ask if it lived on the stack.
    assert_eq!(with_view(slow(), |view| descend(view, 1_024)).await, 1);
}

/// Prints what suspension costs. Run with `cargo test --release -p florin-state -- --ignored --nocapture cost`.
#[tokio::test]
#[ignore = "a measurement"]
async fn cost_of_suspension() {
    struct Instant;
    impl StateReader for Instant {
        fn read(&self, keys: Vec<StateKey>) -> BoxFuture<'_, Result<Vec<Option<RawBytes>>, StateFault>> {
            Box::pin(std::future::ready(Ok(vec![None; keys.len()])))
        }
    }
    let slots = 100_000u64;
    let read = move |view: &dyn StateView| {
        (0..slots).for_each(|slot| assert!(view.slot(Address::ZERO, U256::from(slot)).unwrap().is_zero()));
    };
    let start = std::time::Instant::now();
    with_view(Instant, read).await;
    eprintln!("miss: {:?} a read", start.elapsed() / 100_000);
    let direct = MemoryState::default();
    let start = std::time::Instant::now();
    for slot in 0..slots {
        let key = StateItem::Slot(Address::ZERO, U256::from(slot)).key();
        assert!(direct.read(vec![key]).await.unwrap()[0].is_none());
    }
    eprintln!("direct: {:?} a read", start.elapsed() / 100_000);
    let start = std::time::Instant::now();
    for _ in 0..10_000 {
        with_view(Instant, |view| view.slot(Address::ZERO, U256::ZERO).unwrap()).await;
    }
    eprintln!("a view with one miss: {:?}", start.elapsed() / 10_000);
}
