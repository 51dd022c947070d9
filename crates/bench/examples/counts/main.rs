//! Hot paths, one a run, for `cargo xtask counts`: `counts NAME` takes one, `counts` alone names them all.
//!
//! callgrind counts the instructions below [`counted_region`] and nothing else, so that inputs may cost what they like.
//! Each path runs once uncounted before: what is set up at the first use of a library is no part of it, nor are the hashes
//! of short inputs that alloy's cache of Keccak-256 then knows. What still differs between two runs is the seed of hash
//! maps in libraries.
//!
//! The figures that are kept, `instructions.txt`, are those of one compiler and one kind of machine. The C library's memory
//! functions choose their code by the processor when they run, of which valgrind shows at most AVX2 (so does BLAKE3, which
//! no path here uses); keccak, about a third of most paths, is chosen by the target when it is built. Memory comes from the C
//! library and not from the allocator of the program.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::{hint::black_box, process::ExitCode};

#[path = "../../benches/paths/mod.rs"]
mod paths;
use paths::{Meter, paths};

fn main() -> ExitCode {
    let paths = paths();
    let Some(name) = std::env::args().nth(1) else {
        paths.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    };
    let Some((_, run)) = paths.iter().find(|(path, _)| *path == name) else {
        eprintln!("no hot path is named {name:?}: run without arguments for the names");
        return ExitCode::FAILURE;
    };
    run(&mut Callgrind);
    ExitCode::SUCCESS
}

/// callgrind is told this function's name and begins and ends to count with it.
#[inline(never)]
fn counted_region(run: &mut dyn FnMut()) {
    run();
    // Something after the call, so that it cannot become a jump out of this function.
    black_box(());
}

/// Runs a path uncounted, then counted.
struct Callgrind;

impl Meter for Callgrind {
    fn measure<I, T>(&mut self, input: impl Fn() -> I, run: impl Fn(I) -> T) -> T {
        drop(black_box(run(input())));
        let (mut input, mut outcome) = (Some(black_box(input())), None);
        counted_region(&mut || outcome = input.take().map(&run));
        black_box(outcome).unwrap()
    }
}
