//! What a block costs as the committee grows: `cargo run --release -p florin-sim --example scaling`.
//!
//! Committees of 4 to 50 run in one process on a simulated network, with a few payments a second. The processor's time is
//! real and is that of all validators together, so a row tells what a block costs one validator: votes to verify, certificates
//! to put together, messages, the disk's records, and the few payments. Simulated time knows of no processor: it shows
//! what the links alone cost. `FLORIN_SCALING_COMMITTEES` names other sizes, with commas.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]

use florin_sim::{LinkQuality, Scenario, run};
use std::time::Duration;

const COMMITTEES: &str = "4,7,10,16,25,50";
/// Between machines of one country.
const LINKS: LinkQuality =
    LinkQuality { latency: Duration::from_millis(5), jitter: Duration::from_millis(1), lost_per_mille: 0 };
const DURATION: Duration = Duration::from_secs(6);
const PAYMENTS_PER_S: u64 = 40;
/// Ticks of the processor's clock in `/proc/self/stat`. Source: Linux, USER_HZ.
const TICKS_PER_SECOND: f64 = 100.0;

fn main() {
    let committees = std::env::var("FLORIN_SCALING_COMMITTEES").unwrap_or_else(|_| COMMITTEES.into());
    println!(
        "{:>10} {:>6} {:>7} {:>22} {:>26}",
        "validators", "quorum", "blocks", "ms of processor a block", "... a block and validator"
    );
    for validators in committees.split(',').map(|size| size.trim().parse::<usize>().unwrap()) {
        let scenario = Scenario {
            validators,
            followers: 0,
            payments_per_min: PAYMENTS_PER_S * 60,
            duration: DURATION,
            links: LINKS,
            ..Scenario::default()
        };
        let before_s = processor_s();
        let report = run(&scenario).unwrap_or_else(|violation| panic!("{validators} validators: {violation}"));
        let used_ms = (processor_s() - before_s) * 1_000.0;
        let quorum = validators - (validators - 1) / 3;
        let a_block_ms = used_ms / report.height as f64;
        let each_ms = a_block_ms / validators as f64;
        println!("{validators:>10} {quorum:>6} {:>7} {a_block_ms:>22.0} {each_ms:>26.1}", report.height);
    }
}

/// Processor time of this process so far.
fn processor_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // utime and stime are the 14th and 15th of proc(5); 11 and 12 after the name in brackets.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / TICKS_PER_SECOND
}
