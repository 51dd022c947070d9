//! Measures how long a message takes: `cargo run --release -p florin-iso20022 --example measure -- FILE`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool: its output is its purpose")]

use florin_iso20022::{Limits, Mark, Profile, accept, check, model::Message, parse};
use std::time::Instant;

fn main() {
    let path = std::env::args().nth(1).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let limits = Limits::default();
    let step = |name: &str, from: Instant| println!("{name}: {:.3} s", from.elapsed().as_secs_f64());
    let start = Instant::now();
    let envelope = parse(&bytes, &limits).unwrap();
    step("parse", start);
    let start = Instant::now();
    let findings = check(&envelope, &Profile::of(&envelope));
    step(&format!("check ({} problems)", findings.problems.len()), start);
    let start = Instant::now();
    Message::read(&envelope).unwrap();
    step("read", start);
    let start = Instant::now();
    let xml = envelope.to_xml();
    step("to XML", start);
    let start = Instant::now();
    let json = envelope.to_json();
    step("to JSON", start);
    let start = Instant::now();
    assert!(parse(json.as_bytes(), &limits).unwrap() == envelope);
    step("parse JSON and compare", start);
    let start = Instant::now();
    let accepted = accept(xml.as_bytes(), &limits, None).unwrap();
    step("accept", start);
    let start = Instant::now();
    let mark = Mark { message_id: "ANSWER".into(), created: "2026-11-22T12:00:00+00:00".into() };
    let answer = accepted.answer("ACTC", &mark).map(|answer| answer.write(None).unwrap().to_xml());
    step(&format!("answer ({} bytes)", answer.unwrap_or_default().len()), start);
}
