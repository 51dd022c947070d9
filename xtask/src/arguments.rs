//! The command line of `cargo xtask`.

use std::{path::PathBuf, str::FromStr};

/// What `cargo xtask --help` prints.
pub(crate) const USAGE: &str = "\
cargo xtask test [--rust | --e2e | --nightly | --suite NAME...] [--kills N] [--rounds N]
    all Rust tests in release and the counts of instructions, then every suite in e2e/suites against the release program
    --rust        only the Rust tests and the counts
    --e2e         only the suites of real clients
    --nightly     only the modules against their plain models, each over at least 100,000 random operations
    --suite NAME  only this suite: a file in e2e/suites without its ending (may be given more than once)
    --kills N     how often the kill suite kills a validator (5)
    --rounds N    how many rounds of faults the faults suite lives through (1)

cargo xtask check [--only STEP] [--advisory-db DIRECTORY]
    the gate: format, edges, sources, pages, monitoring, lints, documentation, licences, advisories, references, then all tests
    --only STEP              one of the steps named above
    --advisory-db DIRECTORY  a local checkout of RustSec's advisory database, where it cannot be fetched

cargo xtask sim [--seed N] [--seeds K] [--hours H] [--plant BUG]
    runs stories of faults in a simulated network, each drawn from a seed, and fails where a check does not hold
    --seed N     the first seed (1)
    --seeds K    how many seeds, from the first on (1)
    --hours H    simulated hours of each (1), such as 0.1
    --plant BUG  plants a bug and fails if no seed finds it: lost-write, wrong-quorum, double-execution, forgotten-nonce

cargo xtask counts [--update]
    counts the instructions of hot paths (with valgrind) and fails where one is more than 5 % off what is kept
    --update  keeps the new counts: say in the commit why a path grew

cargo xtask generate
    writes docs/reference from the program

cargo xtask advisories [--advisory-db DIRECTORY]
    embeds RustSec's advisories about our libraries into the program, for `florin doctor`; before every release
    --advisory-db DIRECTORY  a local checkout, where it cannot be fetched

cargo xtask peers [--seconds N]
    measures PostgreSQL (Debian's package), TigerBeetle and anvil (where they are on the path), and Florin, and compares
    --seconds N  how long each load runs (10)";

/// What to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Task {
    Help,
    Test(Selection),
    Check(Gate),
    Counts {
        /// Whether to keep the new counts instead of comparing.
        update: bool,
    },
    Generate,
    Advisories {
        /// A checkout of RustSec's database.
        database: Option<PathBuf>,
    },
    Peers(Peers),
    Sim(Stories),
}

/// Which stories to simulate.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stories {
    pub(crate) first_seed: u64,
    pub(crate) seeds: u64,
    /// Simulated hours of each.
    pub(crate) hours: f64,
    /// The bug to plant.
    pub(crate) plant: Option<String>,
}

/// How to measure other systems beside this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peers {
    /// How long each load runs, in seconds.
    pub(crate) seconds: u64,
}

/// How to run the gate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gate {
    /// The only step to run.
    pub(crate) only: Option<String>,
    pub(crate) advisory_db: Option<PathBuf>,
}

/// Which tests to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) rust: bool,
    pub(crate) e2e: bool,
    /// The long run of the modules' models, and nothing else.
    pub(crate) nightly: bool,
    /// Names of suites; empty for all.
    pub(crate) suites: Vec<String>,
    pub(crate) kills: Option<u32>,
    pub(crate) rounds: Option<u32>,
}

impl Selection {
    pub(crate) fn everything() -> Self {
        Self { rust: true, e2e: true, nightly: false, suites: Vec::new(), kills: None, rounds: None }
    }
}

/// The parsed command line.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) task: Task,
}

impl Arguments {
    /// Parses the words after `cargo xtask`, or says what is wrong with them.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let task = words.next();
        let task = match task.as_deref() {
            Some("test") => Task::Test(parse_selection(words)?),
            Some("check") => Task::Check(parse_gate(words)?),
            Some("counts") => match words.next().as_deref() {
                None => Task::Counts { update: false },
                Some("--update") => Task::Counts { update: true },
                Some(other) => return Err(unknown("counts", other)),
            },
            Some("generate") => words.next().map_or(Ok(Task::Generate), |word| Err(unknown("generate", &word)))?,
            Some("advisories") => match (words.next().as_deref(), words.next()) {
                (None, _) => Task::Advisories { database: None },
                (Some("--advisory-db"), Some(database)) => Task::Advisories { database: Some(database.into()) },
                (Some(other), _) => return Err(unknown("advisories", other)),
            },
            Some("peers") => Task::Peers(parse_peers(words)?),
            Some("sim") => Task::Sim(parse_stories(words)?),
            Some("help" | "--help" | "-h") => Task::Help,
            Some(other) => return Err(format!("unknown task {other:?}\n\n{USAGE}")),
            None => return Err(USAGE.into()),
        };
        Ok(Self { task })
    }
}

fn parse_selection(mut words: impl Iterator<Item = String>) -> Result<Selection, String> {
    let mut selection = Selection::everything();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--rust" => selection.e2e = false,
            "--e2e" => selection.rust = false,
            "--nightly" => selection.nightly = true,
            "--suite" => {
                selection.rust = false;
                selection.suites.push(value(&mut words, "--suite")?);
            }
            "--kills" => selection.kills = Some(number(&mut words, "--kills")?),
            "--rounds" => selection.rounds = Some(number(&mut words, "--rounds")?),
            other => return Err(unknown("test", other)),
        }
    }
    let in_part = !selection.rust || !selection.e2e || selection.kills.is_some() || selection.rounds.is_some();
    if selection.nightly && in_part {
        return Err("--nightly runs the models and nothing else: give it alone".into());
    }
    if !selection.rust && !selection.e2e {
        return Err(
            "--rust leaves the suites out, --e2e and --suite leave the Rust tests out: together nothing is left".into(),
        );
    }
    Ok(selection)
}

fn parse_gate(mut words: impl Iterator<Item = String>) -> Result<Gate, String> {
    let mut gate = Gate::default();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--only" => gate.only = Some(value(&mut words, "--only")?),
            "--advisory-db" => gate.advisory_db = Some(value(&mut words, "--advisory-db")?.into()),
            other => return Err(unknown("check", other)),
        }
    }
    Ok(gate)
}

fn parse_peers(mut words: impl Iterator<Item = String>) -> Result<Peers, String> {
    let mut peers = Peers { seconds: 10 };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seconds" => {
                let given = value(&mut words, "--seconds")?;
                let seconds = given.parse().ok().filter(|seconds| (1..=3_600).contains(seconds));
                peers.seconds = seconds.ok_or(format!("--seconds needs a number from 1 to 3600, not {given:?}"))?;
            }
            other => return Err(unknown("peers", other)),
        }
    }
    Ok(peers)
}

fn parse_stories(mut words: impl Iterator<Item = String>) -> Result<Stories, String> {
    let mut stories = Stories { first_seed: 1, seeds: 1, hours: 1.0, plant: None };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seed" => stories.first_seed = number(&mut words, "--seed")?,
            "--seeds" => stories.seeds = number::<u64>(&mut words, "--seeds")?.max(1),
            "--hours" => {
                let given = value(&mut words, "--hours")?;
                let hours = given.parse().ok().filter(|hours| (0.0..=1_000.0).contains(hours));
                stories.hours = hours.ok_or(format!("--hours needs a number from 0 to 1000, not {given:?}"))?;
            }
            "--plant" => stories.plant = Some(value(&mut words, "--plant")?),
            other => return Err(unknown("sim", other)),
        }
    }
    Ok(stories)
}

fn value(words: &mut impl Iterator<Item = String>, option: &str) -> Result<String, String> {
    words.next().ok_or_else(|| format!("{option} needs a value\n\n{USAGE}"))
}

fn number<N: FromStr>(words: &mut impl Iterator<Item = String>, option: &str) -> Result<N, String> {
    let given = value(words, option)?;
    given.parse().map_err(|_| format!("{option} needs a whole number, not {given:?}"))
}

fn unknown(task: &str, word: &str) -> String {
    format!("cargo xtask {task} does not know {word:?}\n\n{USAGE}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Task, String> {
        Arguments::parse(line.split_whitespace().map(String::from)).map(|arguments| arguments.task)
    }

    #[test]
    fn tests_run_whole_or_in_part() {
        assert_eq!(parse("test"), Ok(Task::Test(Selection::everything())));
        let expected = Selection {
            rust: false,
            suites: vec!["viem".into(), "kill".into()],
            kills: Some(100),
            rounds: Some(20),
            ..Selection::everything()
        };
        assert_eq!(parse("test --suite viem --suite kill --kills 100 --rounds 20"), Ok(Task::Test(expected)));
        let nightly = Selection { nightly: true, ..Selection::everything() };
        assert_eq!(parse("test --nightly"), Ok(Task::Test(nightly)));
        assert_eq!(parse("peers --seconds 5"), Ok(Task::Peers(Peers { seconds: 5 })));
        let stories = Stories { first_seed: 7, seeds: 200, hours: 0.5, plant: Some("lost-write".into()) };
        assert_eq!(parse("sim --seed 7 --seeds 200 --hours 0.5 --plant lost-write"), Ok(Task::Sim(stories)));
        assert_eq!(parse("counts"), Ok(Task::Counts { update: false }));
        assert_eq!(parse("counts --update"), Ok(Task::Counts { update: true }));
        assert_eq!(parse("advisories"), Ok(Task::Advisories { database: None }));
        assert_eq!(parse("advisories --advisory-db db"), Ok(Task::Advisories { database: Some("db".into()) }));
        let gate = Gate { only: Some("edges".into()), advisory_db: Some("db".into()) };
        assert_eq!(parse("check --advisory-db db --only edges"), Ok(Task::Check(gate)));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, named) in [
            ("", "cargo xtask test"),
            ("tset", "tset"),
            ("test --sweet x", "--sweet"),
            ("test --suite", "--suite needs a value"),
            ("test --kills many", "many"),
            ("test --rounds", "--rounds needs a value"),
            ("test --rust --e2e", "nothing is left"),
            ("test --nightly --e2e", "give it alone"),
            ("test --kills 3 --nightly", "give it alone"),
            ("check --advisory-db", "--advisory-db needs a value"),
            ("counts --updat", "--updat"),
            ("generate all", "all"),
            ("advisories --fresh", "--fresh"),
            ("advisories --advisory-db", "--advisory-db"),
            ("peers --seconds 0", "from 1 to 3600"),
            ("peers --fast", "--fast"),
            ("sim --seed x", "--seed needs a whole number"),
            ("sim --hours -1", "from 0 to 1000"),
            ("sim --plant", "--plant needs a value"),
        ] {
            let message = parse(line).expect_err(line);
            assert!(message.contains(named), "{line}: {message}");
        }
    }
}
