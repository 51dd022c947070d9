//! Runs one story to its end: `story SEED HOURS [PLANT]`. `cargo xtask sim` calls it.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use florin_sim::{Plant, Scenario, run};
use std::{process::ExitCode, time::Duration};

// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match story(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn story(words: &[String]) -> Result<String, String> {
    let usage = || "usage: story SEED HOURS [PLANT]".to_owned();
    let [seed, hours, plant @ ..] = words else { return Err(usage()) };
    let (seed, hours) = (seed.parse::<u64>().map_err(|_| usage())?, hours.parse::<f64>().map_err(|_| usage())?);
    let drawn = Scenario::drawn(seed, Duration::from_secs_f64(hours.max(0.0) * 3_600.0));
    let scenario = match plant {
        [] => drawn,
        [plant] => drawn.planted(plant.parse::<Plant>()?),
        _ => return Err(usage()),
    };
    let report = run(&scenario).map_err(|violation| format!("seed {seed}: {violation}"))?;
    Ok(format!(
        "seed {seed}: {} validators, {} of them traitors, {} followers, heartbeat {} ms, {} s, {} events: {} blocks in {} epochs, {} transactions \
         final, {} of them refused by the ledger, {} not taken",
        scenario.validators,
        scenario.traitors.len(),
        scenario.followers,
        scenario.heartbeat_ms,
        scenario.duration.as_secs(),
        scenario.faults.len(),
        report.height,
        report.committees.len(),
        report.transactions,
        report.reverted,
        report.refused
    ))
}
