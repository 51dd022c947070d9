//! `cargo xtask sim`: stories of faults in a simulated network, one process a seed, as many at once as there are processors.
//!
//! A story that ends badly is named with the line that runs it again. With a planted bug it is the other way round: one
//! story must end badly.

use crate::arguments::Stories;
use crate::process;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// Runs the stories.
pub(crate) fn run(workspace: &Workspace, stories: &Stories, report: &mut Report) {
    if !report.step("release build", || build(workspace, stories).map_or_else(Outcome::broken, |()| Outcome::held())) {
        return;
    }
    let Stories { seeds, hours, plant, .. } = stories;
    let what = plant.as_ref().map_or(String::new(), |bug| format!(" with the planted bug {bug}"));
    report.step(&format!("{seeds} stories of {hours} simulated hours{what}"), || tell(workspace, stories));
}

/// The bugs in execution are behind a feature that no other build has; the rest is what the tests build.
fn build(workspace: &Workspace, stories: &Stories) -> Result<(), String> {
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--release", "--workspace", "--locked", "--example", "story"]);
    if stories.plant.is_some() {
        cargo.args(["--features", "florin-sim/planted"]);
    }
    process::run(&mut cargo)
}

fn tell(workspace: &Workspace, stories: &Stories) -> Outcome {
    let program = workspace.target().join("release/examples/story");
    let (next, well, badly) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let found = AtomicBool::new(false);
    let worker = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= stories.seeds || found.load(Ordering::Relaxed) {
                return;
            }
            let seed = stories.first_seed.wrapping_add(number);
            let mut story = Command::new(&program);
            story.args([seed.to_string(), stories.hours.to_string()]).args(&stories.plant);
            match last_words(&mut story) {
                Ok(line) => {
                    well.fetch_add(1, Ordering::Relaxed);
                    println!("{line}");
                }
                Err(reason) => {
                    badly.fetch_add(1, Ordering::Relaxed);
                    found.fetch_or(stories.plant.is_some(), Ordering::Relaxed);
                    println!("{reason}\n    again: {}", again(seed, stories));
                }
            }
        }
    };
    let at_once = thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    thread::scope(|scope| (0..at_once).for_each(|_| drop(scope.spawn(worker))));
    let (well, badly) = (well.into_inner(), badly.into_inner());
    match &stories.plant {
        None => Outcome::counted(well, badly, true),
        Some(_) if badly > 0 => Outcome::held(),
        Some(bug) => Outcome::broken(format!("{well} stories ended well although {bug} was planted")),
    }
}

/// The last line that a story prints, on standard output if it ended well, else what it said on standard error.
fn last_words(story: &mut Command) -> Result<String, String> {
    let output = story.output().map_err(|error| format!("the story cannot be started: {error}"))?;
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().last().unwrap_or_default().to_owned();
    if output.status.success() {
        return Ok(said(&output.stdout));
    }
    Err(format!("{} ({})", said(&output.stderr), output.status))
}

/// The line that runs one story again.
fn again(seed: u64, stories: &Stories) -> String {
    let plant = stories.plant.as_ref().map_or(String::new(), |bug| format!(" --plant {bug}"));
    format!("cargo xtask sim --seed {seed} --hours {}{plant}", stories.hours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_story_says_last_is_kept_and_a_bad_end_is_one() {
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            last_words(&mut command)
        };
        assert_eq!(shell("echo one; echo two; echo other >&2"), Ok("two".into()));
        let error = shell("echo one; echo panicked >&2; exit 3").expect_err("it ended with 3");
        assert!(error.starts_with("panicked (") && error.contains('3'), "{error}");
    }

    #[test]
    fn the_line_that_runs_a_story_again_has_all_it_needs() {
        let stories = Stories { first_seed: 1, seeds: 9, hours: 0.5, plant: Some("lost-write".into()) };
        assert_eq!(again(4, &stories), "cargo xtask sim --seed 4 --hours 0.5 --plant lost-write");
    }
}
