//! Development commands of Florin: `cargo xtask test`.

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let task = std::env::args().nth(1);
    match task.as_deref() {
        Some("test") => test(),
        other => {
            eprintln!("unknown task {other:?}: the tasks are: test");
            ExitCode::FAILURE
        }
    }
}

fn test() -> ExitCode {
    let status = Command::new("cargo").args(["test", "--release", "--workspace", "--locked"]).status();
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => {
            eprintln!("the tests failed: {status}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("cargo cannot be started: {error}");
            ExitCode::FAILURE
        }
    }
}
