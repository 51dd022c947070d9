//! How long each call of the gas references takes, in memory: `cargo bench -p florin-modules`.
//!
//! Writes `benches/microseconds.txt`; then `cargo xtask generate` brings it into `docs/reference/costs.md`. What stands in
//! `FLORIN_MACHINE` is named as the machine; without it only the number of its processors is.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use florin_modules::{CostCase, cost_cases};
use florin_types::Rules;
use std::{
    hint::black_box,
    path::Path,
    time::{Duration, Instant},
};

/// Time for one case, as far as [`ROUNDS_MIN`] rounds fit in.
const PATIENCE: Duration = Duration::from_millis(200);
const ROUNDS_MIN: usize = 11;
const ROUNDS_MAX: usize = 2_001;

fn main() {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let machine = std::env::var("FLORIN_MACHINE").unwrap_or_else(|_| format!("a machine of {processors} processors"));
    let mut text = format!("the middle of many calls on {machine}\n");
    for case in cost_cases() {
        let line = format!("{}\t{:.1}", case.name(), middle(&case).as_secs_f64() * 1e6);
        println!("{line}");
        text.push_str(&line);
        text.push('\n');
    }
    std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/microseconds.txt"), text).unwrap();
}

/// The median time of a call; copying the state for it is not timed.
fn middle(case: &CostCase) -> Duration {
    let (rules, started) = (Rules::default(), Instant::now());
    let mut times = Vec::new();
    while times.len() < ROUNDS_MIN || (times.len() < ROUNDS_MAX && started.elapsed() < PATIENCE) {
        let mut storage = case.storage();
        let begun = Instant::now();
        black_box(case.run(&rules, black_box(&mut storage))).unwrap();
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times[times.len() / 2]
}
