//! How long each hot path takes: `cargo bench -p florin-bench`, or one of them: `cargo bench -p florin-bench -- batch`.
#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{BatchSize, Criterion};

mod paths;
use paths::{Meter, paths};

struct Clock {
    criterion: Criterion,
    path: &'static str,
}

impl Meter for Clock {
    fn measure<I, T>(&mut self, input: impl Fn() -> I, run: impl Fn(I) -> T) -> T {
        self.criterion.bench_function(self.path, |bencher| bencher.iter_batched(&input, &run, BatchSize::PerIteration));
        run(input())
    }
}

fn main() {
    let mut clock = Clock { criterion: Criterion::default().configure_from_args(), path: "" };
    for (path, run) in paths() {
        clock.path = path;
        run(&mut clock);
    }
    clock.criterion.final_summary();
}
