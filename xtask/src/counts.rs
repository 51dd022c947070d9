//! Instructions of hot paths, counted by valgrind's callgrind and held against what is kept: `cargo xtask counts`.
//!
//! A count does not depend on how busy the machine is, as a time does, so it can be a test. The paths, and what their
//! counts depend on, are in `crates/bench/examples/counts`; two runs of one program differ by less than 1 %.

use crate::report::{Outcome, Report};
use crate::workspace::Workspace;
use crate::{debian, process};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const KEPT: &str = "crates/bench/examples/counts/instructions.txt";
/// The function below which callgrind counts.
const REGION: &str = "--toggle-collect=*counted_region*";
/// Change of a count that is not yet worth an update, in percent.
const CHANGE_MAX_PERCENT: u64 = 5;
const PATH_LIMIT: Duration = Duration::from_secs(5 * 60);
const UPDATE: &str = "cargo xtask counts --update";

/// Instructions of each hot path, as one compiler made them.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    rustc: String,
    paths: BTreeMap<String, u64>,
}

/// Counts, then compares with what is kept, or keeps the new figures.
pub(crate) fn run(workspace: &Workspace, update: bool, report: &mut Report) {
    report.step("instruction counts", || {
        let done = count(workspace).and_then(|now| if update { keep(workspace, &now) } else { check(workspace, &now) });
        done.map_or_else(Outcome::broken, |()| Outcome::held())
    });
}

fn check(workspace: &Workspace, now: &Counts) -> Result<(), String> {
    let path = workspace.path(KEPT);
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{KEPT}: {error}; {UPDATE} writes it"))?;
    let kept = parse(&text)?;
    print!("{}", table(&kept, now));
    let mut wrong = differences(&kept, now);
    if let Some(note) = other_compiler(&kept, now) {
        println!("{note}");
        if !wrong.is_empty() {
            wrong.push(note);
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n    ")) }
}

fn keep(workspace: &Workspace, now: &Counts) -> Result<(), String> {
    std::fs::write(workspace.path(KEPT), written(now)).map_err(|error| format!("{KEPT}: {error}"))?;
    println!("wrote {KEPT}");
    Ok(())
}

/// Runs every path below callgrind.
fn count(workspace: &Workspace) -> Result<Counts, String> {
    find_valgrind()?;
    // The same selection of packages as for the tests, which build the examples too: nothing is compiled twice.
    let arguments = ["build", "--release", "--workspace", "--locked", "--example", "counts"];
    process::run(workspace.cargo().args(arguments))?;
    let program = workspace.target().join(format!("release/examples/counts{}", std::env::consts::EXE_SUFFIX));
    let directory = workspace.target().join("xtask").join("counts");
    std::fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let rustc = process::output(Command::new("rustc").arg("--version").current_dir(workspace.root()))?;
    let mut paths = BTreeMap::new();
    for name in process::output(&mut Command::new(&program))?.lines() {
        paths.insert(name.into(), count_path(&program, name, &directory.join(name))?);
    }
    if paths.is_empty() {
        return Err(format!("{} names no hot path", program.display()));
    }
    Ok(Counts { rustc: rustc.trim().into(), paths })
}

fn find_valgrind() -> Result<(), String> {
    let find = || process::output(Command::new("valgrind").arg("--version"));
    if find().is_ok() {
        return Ok(());
    }
    let missing = |error| format!("valgrind counts the instructions: sudo apt-get install valgrind ({error})");
    debian::install_on_gate(&["valgrind"]).map_err(missing)?;
    find().map(|_| ()).map_err(missing)
}

fn count_path(program: &Path, name: &str, profile: &Path) -> Result<u64, String> {
    // What an earlier run left must not be read for this one.
    let _ = std::fs::remove_file(profile);
    let mut command = Command::new("valgrind");
    command.args(["--quiet", "--tool=callgrind", REGION]);
    command.arg(format!("--callgrind-out-file={}", profile.display())).arg(program).arg(name);
    let ending = process::watch(&mut command, PATH_LIMIT, |_| {})?;
    if !ending.is_success() {
        return Err(format!("{name} below callgrind: {ending:?}"));
    }
    let text = std::fs::read_to_string(profile).map_err(|error| format!("{}: {error}", profile.display()))?;
    total(&text).ok_or_else(|| format!("callgrind counted nothing for {name}: is there a function as in {REGION}?"))
}

/// The total of a callgrind profile; absent if nothing was counted.
fn total(profile: &str) -> Option<u64> {
    let total = profile.lines().find_map(|line| line.strip_prefix("totals:"))?;
    total.trim().parse().ok().filter(|count| *count > 0)
}

fn written(counts: &Counts) -> String {
    let head = format!(
        "# Instructions of hot paths, by callgrind. Written by `{UPDATE}`; what they depend on: main.rs beside this file.\n"
    );
    let paths = counts.paths.iter().map(|(name, count)| format!("{name} {count}\n"));
    format!("{head}# {}\n{}", counts.rustc, paths.collect::<String>())
}

/// Reads what [`written`] wrote.
fn parse(text: &str) -> Result<Counts, String> {
    let mut counts = Counts { rustc: String::new(), paths: BTreeMap::new() };
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(comment) = line.strip_prefix("# ") {
            if comment.starts_with("rustc ") {
                counts.rustc = comment.into();
            }
            continue;
        }
        let parsed =
            line.split_once(' ').and_then(|(name, count)| Some((name, count.parse().ok().filter(|n| *n > 0)?)));
        let (name, count) = parsed.ok_or_else(|| format!("{KEPT}:{number} is not a name and a count: {line:?}"))?;
        if counts.paths.insert(name.into(), count).is_some() {
            return Err(format!("{KEPT}:{number} names {name} a second time"));
        }
    }
    if counts.rustc.is_empty() {
        return Err(format!("{KEPT} does not say which rustc its counts are of; {UPDATE} writes it"));
    }
    Ok(counts)
}

fn other_compiler(kept: &Counts, now: &Counts) -> Option<String> {
    let same = kept.rustc == now.rustc;
    (!same).then(|| {
        format!("the counts kept are of {}, these are of {}: some change is the compiler's", kept.rustc, now.rustc)
    })
}

fn change_percent(before: u64, now: u64) -> f64 {
    (now as f64 / before as f64 - 1.0) * 100.0
}

fn table(kept: &Counts, now: &Counts) -> String {
    let mut text = format!("{:<28} {:>14} {:>14} {:>9}\n", "path", "kept", "now", "change");
    for (name, count) in &now.paths {
        let before = kept.paths.get(name);
        let shown = before.map_or("-".into(), u64::to_string);
        let change = before.map_or("-".into(), |before| format!("{:+.1} %", change_percent(*before, *count)));
        text.push_str(&format!("{name:<28} {shown:>14} {count:>14} {change:>9}\n"));
    }
    text
}

/// What fails the check, in words.
fn differences(kept: &Counts, now: &Counts) -> Vec<String> {
    let changed = now.paths.iter().filter_map(|(name, count)| match kept.paths.get(name) {
        None => Some(format!("{name} is not in {KEPT}: {UPDATE}")),
        Some(before) => changed_too_much(name, *before, *count),
    });
    let gone = kept.paths.keys().filter(|name| !now.paths.contains_key(*name));
    changed.chain(gone.map(|name| format!("{name} in {KEPT} is no hot path any more: {UPDATE}"))).collect()
}

/// A fall counts too: the figure that is left behind would hide as much growth later.
fn changed_too_much(name: &str, before: u64, now: u64) -> Option<String> {
    let bound = u128::from(before) * u128::from(CHANGE_MAX_PERCENT);
    if u128::from(before.abs_diff(now)) * 100 <= bound {
        return None;
    }
    let change = change_percent(before, now);
    Some(if now > before {
        format!(
            "{name} grew from {before} to {now} instructions ({change:+.1} %): \
             if this is meant: {UPDATE}, and say why in the commit"
        )
    } else {
        format!(
            "{name} fell from {before} to {now} instructions ({change:+.1} %): \
             {UPDATE}, so that no later growth hides in it"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(paths: &[(&str, u64)]) -> Counts {
        let paths = paths.iter().map(|(name, count)| ((*name).into(), *count)).collect();
        Counts { rustc: "rustc 1.95.0".into(), paths }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let kept = counts(&[("batch-1000", 15_930_251), ("decode-100", 1)]);
        assert_eq!(parse(&written(&kept)), Ok(kept));
        assert!(parse(&std::fs::read_to_string(Workspace::locate().path(KEPT)).expect(KEPT)).is_ok());
    }

    #[test]
    fn a_broken_file_is_named_with_its_line() {
        for (text, named) in [
            ("# rustc 1\nbatch\n", ":2 is not"),
            ("# rustc 1\nbatch many\n", ":2 is not"),
            ("# rustc 1\nbatch 0\n", ":2 is not"),
            ("# rustc 1\nbatch -5\n", ":2 is not"),
            ("# rustc 1\n\nbatch 5\n", ":2 is not"),
            ("# rustc 1\nbatch 5\nbatch 6\n", ":3 names batch a second time"),
            ("batch 5\n", "which rustc"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(named), "{text:?}: {error}");
        }
    }

    #[test]
    fn five_percent_either_way_hold_and_more_is_named() {
        let kept = counts(&[("path", 1_000)]);
        for held in [950, 1_000, 1_050] {
            assert_eq!(differences(&kept, &counts(&[("path", held)])), Vec::<String>::new(), "{held}");
        }
        for (now, named) in [(1_051, "grew from 1000 to 1051"), (949, "fell from 1000 to 949"), (u64::MAX, "grew")] {
            let named_now = differences(&kept, &counts(&[("path", now)]));
            assert_eq!(named_now.len(), 1, "{now}");
            assert!(named_now[0].contains(named) && named_now[0].contains(UPDATE), "{named_now:?}");
        }
    }

    #[test]
    fn a_path_on_one_side_only_is_named() {
        let named = differences(&counts(&[("gone", 5), ("same", 5)]), &counts(&[("new", 5), ("same", 5)]));
        assert_eq!(named.len(), 2, "{named:?}");
        assert!(named[0].starts_with("new is not in") && named[1].starts_with("gone in"), "{named:?}");
    }

    #[test]
    fn another_compiler_is_said_and_compared_all_the_same() {
        let kept = counts(&[("path", 1_000)]);
        assert_eq!(other_compiler(&kept, &kept), None);
        let now = Counts { rustc: "rustc 1.96.0".into(), ..counts(&[("path", 2_000)]) };
        let note = other_compiler(&kept, &now).expect("they differ");
        assert!(note.contains("rustc 1.95.0") && note.contains("rustc 1.96.0"), "{note}");
        assert_eq!(differences(&kept, &now).len(), 1);
        assert!(table(&kept, &now).contains("+100.0 %"));
    }

    #[test]
    fn the_total_of_a_profile_is_read() {
        assert_eq!(total("events: Ir\nsummary: 12\n\ntotals: 42\n"), Some(42));
        assert_eq!(total("events: Ir\ntotals: 0\n"), None);
        assert_eq!(total("events: Ir\n"), None);
    }
}
