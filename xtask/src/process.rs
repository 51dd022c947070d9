//! Running other programs: output passed on as it comes, a bound on their time, and what is left of them ended.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(50);

/// How a program ended.
#[derive(Debug)]
pub(crate) enum Ending {
    Status(ExitStatus),
    TimedOut,
}

impl Ending {
    pub(crate) fn is_success(&self) -> bool {
        matches!(self, Self::Status(status) if status.success())
    }
}

/// Runs a program to its end; its output goes to the terminal.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{} ended with {status}", shown(command))),
        Err(error) => Err(format!("{} cannot be started: {error}", shown(command))),
    }
}

/// Runs a program and gives its standard output; its standard error goes to the terminal.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{} cannot be started: {error}", shown(command)))?;
    if !output.status.success() {
        return Err(format!("{} ended with {}", shown(command), output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("{} printed what is no UTF-8", shown(command)))
}

/// Runs a program, prints its standard output as it comes and shows each line to `see`. After `limit` the program and all
/// that it started are ended.
pub(crate) fn watch(command: &mut Command, limit: Duration, mut see: impl FnMut(&str)) -> Result<Ending, String> {
    group_of_its_own(command);
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{} cannot be started: {error}", shown(command)))?;
    let stdout = child.stdout.take().ok_or("no standard output to read")?;
    let (sender, lines) = mpsc::channel();
    // The reader ends with the pipe; a program that outlives its parent may hold it open, so nobody waits for the thread.
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
    let deadline = Instant::now() + limit;
    loop {
        while let Ok(line) = lines.recv_timeout(POLL) {
            println!("{line}");
            see(&line);
        }
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            while let Ok(line) = lines.recv_timeout(POLL) {
                println!("{line}");
                see(&line);
            }
            end_group(&child);
            return Ok(Ending::Status(status));
        }
        if Instant::now() > deadline {
            end_group(&child);
            let _ = child.kill();
            let _ = child.wait();
            return Ok(Ending::TimedOut);
        }
    }
}

/// A process group of its own, so that what a suite leaves running can be ended with it.
fn group_of_its_own(command: &mut Command) {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        command.process_group(0);
    }
    #[cfg(not(unix))]
    let _ = command;
}

fn end_group(child: &Child) {
    if cfg!(unix) {
        // Fails where nothing of the group is left, which is the usual case.
        let group = format!("-{}", child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
    }
}

/// A command as a person would type it.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn lines_are_seen_and_the_status_is_kept() {
        let mut seen = Vec::new();
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo one; echo two; exit 3"]);
        let ending = watch(&mut shell, Duration::from_secs(10), |line| seen.push(line.to_owned())).expect("sh runs");
        assert_eq!(seen, ["one", "two"]);
        assert!(matches!(ending, Ending::Status(status) if status.code() == Some(3)));
    }

    #[test]
    fn a_program_that_does_not_end_is_ended_with_its_children() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 60 & sleep 60"]);
        let started = Instant::now();
        let ending = watch(&mut shell, Duration::from_millis(200), |_| {}).expect("sh runs");
        assert!(matches!(ending, Ending::TimedOut));
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = run(&mut Command::new("florin-no-such-program")).expect_err("it is not there");
        assert!(error.contains("florin-no-such-program"), "{error}");
    }
}
