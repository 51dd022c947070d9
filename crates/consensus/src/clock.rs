//! Time in milliseconds since 1970, as blocks carry it.

use commonware_runtime::Clock;
use std::time::{Duration, UNIX_EPOCH};

/// The runtime's time.
pub(crate) fn now_ms(clock: &impl Clock) -> u64 {
    let elapsed = clock.current().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// Returns when the runtime's time has reached `time_ms`.
pub(crate) async fn sleep_until_ms(clock: &impl Clock, time_ms: u64) {
    loop {
        let wait_ms = time_ms.saturating_sub(now_ms(clock));
        if wait_ms == 0 {
            return;
        }
        // In steps: a wall clock that is set back must not turn into an endless sleep.
        clock.sleep(Duration::from_millis(wait_ms.min(1_000))).await;
    }
}
