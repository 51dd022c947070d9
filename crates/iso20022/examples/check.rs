//! Reads messages and prints what is wrong with them, a line a file:
//! `cargo run -p florin-iso20022 --example check -- FILE...`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool: its output is its purpose")]

use florin_iso20022::{Limits, Profile, check, parse};

fn main() {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).unwrap();
        match parse(&bytes, &Limits::default()) {
            Ok(envelope) => {
                let findings = check(&envelope, &Profile::of(&envelope));
                let verdict = if findings.is_empty() { "OK" } else { "RULE" };
                println!("{verdict} {path}: {}", envelope.document.definition().name());
                findings.problems.iter().for_each(|problem| println!("    {problem}"));
                for text in [envelope.to_xml(), envelope.to_json()] {
                    if parse(text.as_bytes(), &Limits::default()).as_ref() != Ok(&envelope) {
                        println!("    is not the same once written: {text}");
                    }
                }
            }
            Err(rejection) => {
                println!("RJCT {path}");
                for problem in &rejection.problems {
                    println!("    {problem}");
                }
            }
        }
    }
}
