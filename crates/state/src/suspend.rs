//! Synchronous execution over asynchronous reads.
//!
//! **Purpose.** The pure core reads state through a synchronous [`StateView`]; the store is asynchronous. [`with_view`]
//! runs the core on a stack of its own. A read that is not in the working set switches back to the caller's stack, where
//! it is awaited like any other future, and then the core goes on. No thread is blocked, nothing is executed twice, and
//! it works the same under every runtime, the deterministic one included.
//!
//! **Invariants.** The core never sees a partial answer. A panic in it appears in the caller. A future that is dropped
//! half way unwinds the core's stack, so that everything on it is dropped.
//!
//! **Limits.** Each running view maps [`STACK_BYTES`] of address space, of which only touched pages cost memory. A
//! stack overflow hits the guard page and ends the process, as on any thread.

use crate::reader::StateReader;
use bytes::Bytes as RawBytes;
use corosensei::{Coroutine, CoroutineResult, Yielder, stack::DefaultStack};
use florin_proof::{StateItem, StateKey, StateValue};
use florin_types::{
    Account, Address, B256, Bytes, StateFault, StateView, U256,
    alloy_primitives::{KECCAK256_EMPTY, map::HashMap},
};
use parking_lot::Mutex;
use std::cell::RefCell;

/// Address space of one execution stack. The EVM keeps its 1,024 frames on the heap; this is for the core's own calls.
pub const STACK_BYTES: usize = 8 * 1024 * 1024;

type Keys = Vec<StateKey>;
type Values = Result<Vec<Option<RawBytes>>, StateFault>;
type Core<R> = Coroutine<Values, Keys, R, DefaultStack>;

/// Runs `core` with a view over `reader`.
pub async fn with_view<S, R, F>(reader: S, core: F) -> R
where
    S: StateReader,
    R: Send + 'static,
    F: FnOnce(&dyn StateView) -> R + Send + 'static,
{
    let mut suspended = Suspended::new(core);
    let mut input = Ok(Vec::new());
    loop {
        match suspended.resume(input) {
            CoroutineResult::Yield(keys) => input = reader.read(keys).await,
            CoroutineResult::Return(result) => {
                suspended.spare_stack();
                return result;
            }
        }
    }
}

/// Stacks whose cores have ended, for the next ones: mapping one costs as much as judging several transactions.
static SPARE_STACKS: Mutex<Vec<DefaultStack>> = Mutex::new(Vec::new());
/// Spare stacks that are kept. Each may hold as many pages as the deepest core that ran on it has touched.
const SPARE_STACKS_MAX: usize = 4;

/// A core that may be moved between threads while it is suspended.
struct Suspended<R>(Core<R>);

// SAFETY: corosensei leaves `Send` to us because it cannot know what lies on the suspended stack. What enters the stack
// (`core`, values, results) is `Send`. What `core` makes there moves as a whole with its stack, so even an `Rc` keeps all
// its owners on one thread at a time, and the executor orders one thread's writes before the next one's reads. What must
// not be held across a read is something bound to the thread itself: a lock guard, a thread-local borrow. The pure core
// has none (no context but its arguments: rule 2 of the house, `docs/decisions/0012-suspended-core.md`).
#[allow(unsafe_code)]
unsafe impl<R: Send> Send for Suspended<R> {}

impl<R: Send + 'static> Suspended<R> {
    fn new<F>(core: F) -> Self
    where
        F: FnOnce(&dyn StateView) -> R + Send + 'static,
    {
        // Failing to map a stack is running out of memory, which Rust answers with a panic everywhere else too.
        #[allow(clippy::expect_used)]
        let new = || DefaultStack::new(STACK_BYTES).expect("out of memory: cannot map a stack for execution");
        let spare = SPARE_STACKS.lock().pop();
        Self(Coroutine::with_stack(spare.unwrap_or_else(new), move |yielder, _: Values| {
            core(&SuspendingView { yielder, known: RefCell::default() })
        }))
    }

    fn resume(&mut self, input: Values) -> CoroutineResult<Keys, R> {
        self.0.resume(input)
    }

    /// Keeps the stack of a core that has returned. One that was left half way, or panicked, takes its stack with it.
    fn spare_stack(self) {
        let stack = self.0.into_stack();
        let mut spare = SPARE_STACKS.lock();
        if spare.len() < SPARE_STACKS_MAX {
            spare.push(stack);
        }
    }
}

/// The view inside the core: a working set, and a way out when something is missing from it.
struct SuspendingView<'a> {
    yielder: &'a Yielder<Values, Keys>,
    known: RefCell<HashMap<StateKey, Option<RawBytes>>>,
}

impl SuspendingView<'_> {
    fn get(&self, item: &StateItem) -> Result<StateValue, StateFault> {
        let key = item.key();
        let decode = |stored: &Option<RawBytes>| {
            item.decode(stored.as_deref()).map_err(|error| StateFault(format!("{item:?}: {error}")))
        };
        if let Some(stored) = self.known.borrow().get(&key) {
            return decode(stored);
        }
        let values = self.yielder.suspend(vec![key])?;
        let stored = values.into_iter().next().ok_or_else(|| StateFault("a read gave no answer".into()))?;
        let value = decode(&stored);
        self.known.borrow_mut().insert(key, stored);
        value
    }
}

impl StateView for SuspendingView<'_> {
    fn account(&self, address: Address) -> Result<Option<Account>, StateFault> {
        match self.get(&StateItem::Account(address))? {
            StateValue::Account(account) => Ok(account),
            other => Err(StateFault(format!("expected an account, found {other:?}"))),
        }
    }

    fn slot(&self, address: Address, slot: U256) -> Result<U256, StateFault> {
        match self.get(&StateItem::Slot(address, slot))? {
            StateValue::Slot(value) => Ok(value),
            other => Err(StateFault(format!("expected a slot, found {other:?}"))),
        }
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, StateFault> {
        if code_hash == KECCAK256_EMPTY {
            return Ok(Bytes::new());
        }
        match self.get(&StateItem::Code(code_hash))? {
            StateValue::Code(Some(code)) => Ok(code),
            _ => Err(StateFault(format!("code {code_hash} is missing"))),
        }
    }

    /// A failed fetch is not told: the read that needs the value will meet the fault.
    fn prefetch(&self, accounts: &[Address], slots: &[(Address, U256)]) {
        let accounts = accounts.iter().map(|address| StateItem::Account(*address));
        let items = accounts.chain(slots.iter().map(|(address, slot)| StateItem::Slot(*address, *slot)));
        let mut missing: Keys = {
            let known = self.known.borrow();
            items.map(|item| item.key()).filter(|key| !known.contains_key(key)).collect()
        };
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() {
            return;
        }
        if let Ok(values) = self.yielder.suspend(missing.clone()) {
            self.known.borrow_mut().extend(missing.into_iter().zip(values));
        }
    }
}
