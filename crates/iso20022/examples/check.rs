//! Reads messages and prints what is wrong with them, a line a file:
//! `cargo run -p florin-iso20022 --example check -- FILE...`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool: its output is its purpose")]

use florin_iso20022::{Limits, parse};

fn main() {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).unwrap();
        match parse(&bytes, &Limits::default()) {
            Ok(envelope) => println!("OK {path}: {}", envelope.document.message().name()),
            Err(rejection) => {
                println!("RJCT {path}");
                for problem in &rejection.problems {
                    println!("    {problem}");
                }
            }
        }
    }
}
