//! Published advisories against the libraries of this build.
//!
//! **What is in a build.** `Cargo.lock` as it was when the program was compiled: every library that the lock leads to from
//! `florin`. It may name one that this platform leaves out; it leaves none out that is in.
//!
//! **Advisories.** RustSec's, embedded at release by `cargo xtask advisories`, with the date of the last change that they
//! know. A newer checkout of the database can be given. Advisories that only say that nobody looks after a library any more
//! are the business of the developers' gate, not of an operator.

use super::report::Finding;
use crate::failure::Failure;
use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const LOCK: &str = include_str!("../../../../Cargo.lock");
const EMBEDDED: &str = include_str!("advisories.json");
const CODE: &str = "build_advisories";
/// Older advisories are no news.
const AGE_DAYS_MAX: u64 = 90;
const MILLISECONDS_A_DAY: u64 = 86_400_000;
/// Largest advisory that is read, and most of them.
const ADVISORY_BYTES_MAX: u64 = 1024 * 1024;
const ADVISORIES_MAX: usize = 100_000;

/// An advisory, as far as it is needed to hold a version against it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Advisory {
    /// RustSec's name of it.
    pub(crate) id: String,
    /// The library.
    pub(crate) package: String,
    /// What it is about.
    pub(crate) title: String,
    /// Versions in which it is mended.
    pub(crate) patched: Vec<String>,
    /// Versions that never had it.
    pub(crate) unaffected: Vec<String>,
}

/// Advisories, and the day up to which they are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Database {
    /// Day of the last change, as YYYY-MM-DD.
    pub(crate) date: String,
    /// The advisories, by name.
    pub(crate) advisories: Vec<Advisory>,
}

/// The libraries of a build: name and version.
pub(crate) struct Build(BTreeSet<(String, Version)>);

#[derive(Deserialize)]
struct Lock {
    package: Vec<LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    name: String,
    version: Version,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Build {
    /// Of this program.
    pub(crate) fn embedded() -> Self {
        Self::of_lock(LOCK, "florin")
    }

    /// Everything that the lock leads to from `root`.
    fn of_lock(text: &str, root: &str) -> Self {
        // The lock was read by cargo to build this; the tests see that it is read here too.
        let packages = toml::from_str::<Lock>(text).map(|lock| lock.package).unwrap_or_default();
        let mut by_name: BTreeMap<&str, Vec<&LockedPackage>> = BTreeMap::new();
        for package in &packages {
            by_name.entry(&package.name).or_default().push(package);
        }
        let mut found = BTreeSet::new();
        let mut open = vec![root.to_string()];
        while let Some(wanted) = open.pop() {
            // `name`, or `name version` where there are several.
            let mut words = wanted.split(' ');
            let (name, version) = (words.next().unwrap_or_default(), words.next());
            for package in by_name.get(name).into_iter().flatten() {
                let wanted = version.is_none_or(|version| package.version.to_string() == version);
                if wanted && found.insert((package.name.clone(), package.version.clone())) {
                    open.extend(package.dependencies.iter().cloned());
                }
            }
        }
        Self(found)
    }

    /// Advisories that concern a library of this build, with its version.
    pub(crate) fn hits<'a>(&'a self, database: &'a Database) -> Vec<(&'a Advisory, &'a Version)> {
        let of = |advisory: &'a Advisory| {
            let named = self.0.iter().filter(move |(name, _)| *name == advisory.package);
            named.filter(move |(_, version)| advisory.concerns(version)).map(move |(_, version)| (advisory, version))
        };
        database.advisories.iter().flat_map(of).collect()
    }

    fn has(&self, package: &str) -> bool {
        self.0.iter().any(|(name, _)| name == package)
    }
}

impl Advisory {
    /// A requirement that cannot be read clears nothing: better one question too many.
    fn concerns(&self, version: &Version) -> bool {
        let clears = |text: &String| VersionReq::parse(text).is_ok_and(|requirement| requirement.matches(version));
        !self.patched.iter().chain(&self.unaffected).any(clears)
    }

    /// From one file of RustSec's database: a TOML header between fences, then Markdown. `None` for what was withdrawn or
    /// only says that a library is not maintained.
    fn parse(text: &str) -> Option<Result<Self, String>> {
        #[derive(Deserialize)]
        struct File {
            advisory: Head,
            #[serde(default)]
            versions: Versions,
        }
        #[derive(Deserialize)]
        struct Head {
            id: String,
            package: String,
            informational: Option<String>,
            withdrawn: Option<String>,
        }
        #[derive(Default, Deserialize)]
        struct Versions {
            #[serde(default)]
            patched: Vec<String>,
            #[serde(default)]
            unaffected: Vec<String>,
        }
        let (head, body) = text.trim_start().strip_prefix("```toml")?.split_once("```")?;
        let File { advisory, versions } = match toml::from_str(head) {
            Ok(file) => file,
            Err(error) => return Some(Err(error.message().to_string())),
        };
        let only_notice = matches!(advisory.informational.as_deref(), Some("unmaintained" | "notice"));
        if only_notice || advisory.withdrawn.is_some() {
            return None;
        }
        let title = body.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or_default().trim().to_string();
        let Versions { patched, unaffected } = versions;
        Some(Ok(Self { id: advisory.id, package: advisory.package, title, patched, unaffected }))
    }
}

impl Database {
    /// What this program was released with.
    pub(crate) fn embedded() -> Self {
        // The tests see that it is read; a build without it would be as old as can be, and say so.
        serde_json::from_str(EMBEDDED).unwrap_or(Self { date: "1970-01-01".into(), advisories: Vec::new() })
    }

    /// Reads a checkout of RustSec's database. Its day is that of its newest advisory.
    pub(crate) fn of_checkout(checkout: &Path) -> Result<Self, Failure> {
        let crates = checkout.join("crates");
        let entries = fs::read_dir(&crates).map_err(|error| Failure {
            next: "give a checkout of https://github.com/RustSec/advisory-db".into(),
            ..Failure::reading(&crates, &error)
        })?;
        let (mut advisories, mut date) = (Vec::new(), String::new());
        for package in entries.flatten() {
            for file in fs::read_dir(package.path()).into_iter().flatten().flatten().take(ADVISORIES_MAX) {
                let path = file.path();
                if path.extension().is_none_or(|extension| extension != "md")
                    || file.metadata().is_ok_and(|metadata| metadata.len() > ADVISORY_BYTES_MAX)
                {
                    continue;
                }
                let text = files_text(&path)?;
                date = date.max(date_in(&text).unwrap_or_default());
                match Advisory::parse(&text) {
                    Some(Ok(advisory)) => advisories.push(advisory),
                    Some(Err(reason)) => {
                        let message = format!("{} is no advisory: {reason}", path.display());
                        return Err(Failure::input("doctor.advisories", message, "take a fresh checkout"));
                    }
                    None => {}
                }
            }
        }
        if advisories.is_empty() {
            let message = format!("{} has no advisories", crates.display());
            return Err(Failure::input("doctor.advisories", message, "give a checkout of RustSec's database"));
        }
        advisories.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(Self { date, advisories })
    }

    /// What a release embeds: the advisories about libraries that this build has, in whatever version.
    pub(crate) fn for_this_build(self, date: Option<&str>) -> Self {
        let build = Build::embedded();
        let advisories = self.advisories.into_iter().filter(|advisory| build.has(&advisory.package)).collect();
        Self { date: date.map_or(self.date, String::from), advisories }
    }

    /// The day as milliseconds since 1970; 0 if it is none.
    pub(crate) fn date_ms(&self) -> u64 {
        let mut parts = self.date.split('-').map(|part| part.parse::<u64>().ok());
        let (Some(Some(year)), Some(Some(month)), Some(Some(day))) = (parts.next(), parts.next(), parts.next()) else {
            return 0;
        };
        days_since_1970(year, month, day).saturating_mul(MILLISECONDS_A_DAY)
    }
}

fn files_text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::reading(path, &error))
}

/// The day on which an advisory was published.
fn date_in(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("date = \""))?;
    line.strip_suffix('"').map(String::from)
}

/// Days from 1970 to a day of the Gregorian calendar; 0 for earlier ones and for what is no month or day.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    const BEFORE_MONTH: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return 0;
    }
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let before = (1970..year).map(|year| 365 + u64::from(leap(year))).sum::<u64>();
    let in_year = BEFORE_MONTH[usize::try_from(month - 1).unwrap_or_default()] + day - 1;
    before + in_year + u64::from(month > 2 && leap(year))
}

/// The finding on a build.
pub(super) fn finding(build: &Build, database: &Database, now_ms: u64) -> Finding {
    let hits = build.hits(database);
    let age_days = now_ms.saturating_sub(database.date_ms()) / MILLISECONDS_A_DAY;
    let known = format!("{} libraries, advisories up to {} ({age_days} days old)", build.0.len(), database.date);
    if !hits.is_empty() {
        let named: Vec<String> = hits
            .iter()
            .map(|(advisory, version)| format!("{} {version}: {} ({})", advisory.package, advisory.title, advisory.id))
            .collect();
        let next = "upgrade to a release that has the mended libraries; until then read each advisory at https://rustsec.org/advisories/ID";
        return Finding::broken(CODE, format!("{}; {known}", named.join("; ")), next);
    }
    if age_days > AGE_DAYS_MAX {
        let next = "upgrade, or look with newer ones: git clone https://github.com/RustSec/advisory-db, then --advisories advisory-db";
        return Finding::warning(CODE, format!("none known, but that is old: {known}"), next);
    }
    Finding::well(CODE, known)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::doctor::report::Verdict;

    const HEADER: &str =
        "```toml\n[advisory]\nid = \"RUSTSEC-2025-0001\"\npackage = \"holes\"\ndate = \"2025-02-03\"\n";

    fn advisory(versions: &str) -> Advisory {
        Advisory::parse(&format!("{HEADER}[versions]\n{versions}\n```\n\n# It leaks\n\nText.\n")).unwrap().unwrap()
    }

    fn build(version: &str) -> Build {
        let lock = format!(
            "[[package]]\nname = \"florin\"\nversion = \"1.0.0\"\ndependencies = [\"holes {version}\"]\n\
             [[package]]\nname = \"holes\"\nversion = \"{version}\"\n\
             [[package]]\nname = \"holes\"\nversion = \"0.0.1\"\n\
             [[package]]\nname = \"stranger\"\nversion = \"1.0.0\"\n"
        );
        Build::of_lock(&lock, "florin")
    }

    #[test]
    fn this_build_and_its_advisories_are_read() {
        let build = Build::embedded();
        assert!(build.has("tokio") && build.has("commonware-consensus") && build.0.len() > 200);
        assert!(!build.has("xtask"), "what only developers build is not in the program");
        let database: Database = serde_json::from_str(EMBEDDED).unwrap();
        assert!(database.date_ms() > 0 && !database.advisories.is_empty());
        for advisory in &database.advisories {
            for text in advisory.patched.iter().chain(&advisory.unaffected) {
                assert!(VersionReq::parse(text).is_ok(), "{}: {text}", advisory.id);
            }
        }
    }

    #[test]
    fn a_version_is_hit_unless_it_is_mended_or_never_had_it() {
        let advisory = advisory("patched = [\">= 1.4.2\", \"^1.2.9\"]\nunaffected = [\"< 1.1.0\"]");
        assert_eq!((advisory.id.as_str(), advisory.title.as_str()), ("RUSTSEC-2025-0001", "It leaks"));
        for (version, hit) in [("1.0.9", false), ("1.1.0", true), ("1.2.8", true), ("1.2.9", false), ("1.4.2", false)] {
            let database = Database { date: "2025-02-03".into(), advisories: vec![advisory.clone()] };
            assert_eq!(build(version).hits(&database).len(), usize::from(hit), "{version}");
        }
        assert!(self::advisory("patched = [\"nonsense\"]").concerns(&Version::new(1, 0, 0)));
        assert!(self::advisory("patched = []").concerns(&Version::new(9, 0, 0)));
    }

    #[test]
    fn what_is_withdrawn_or_only_unmaintained_is_left_out() {
        for line in ["withdrawn = \"2025-03-01\"", "informational = \"unmaintained\"", "informational = \"notice\""] {
            assert!(Advisory::parse(&format!("{HEADER}{line}\n```\n# x\n")).is_none(), "{line}");
        }
        assert!(Advisory::parse(&format!("{HEADER}informational = \"unsound\"\n```\n# x\n")).is_some());
        assert!(Advisory::parse("```toml\nid = 5\n```").unwrap().is_err());
        assert!(Advisory::parse("# no header").is_none());
    }

    #[test]
    fn hits_are_broken_and_old_news_is_a_warning() {
        let database = Database { date: "2025-02-03".into(), advisories: vec![advisory("patched = [\">= 2.0.0\"]")] };
        let day = |days: u64| database.date_ms() + days * MILLISECONDS_A_DAY;
        let hit = finding(&build("1.0.0"), &database, day(1));
        assert_eq!(hit.verdict, Verdict::Broken);
        assert!(hit.seen.contains("holes 1.0.0: It leaks (RUSTSEC-2025-0001)"), "{}", hit.seen);
        assert_eq!(finding(&build("2.0.0"), &database, day(90)).verdict, Verdict::Well);
        assert_eq!(finding(&build("2.0.0"), &database, day(91)).verdict, Verdict::Warning);
    }

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        let days =
            [(1970, 1, 1, 0), (2000, 2, 29, 11_016), (2000, 3, 1, 11_017), (2026, 8, 21, 20_686), (2026, 13, 1, 0)];
        for (year, month, day, expected) in days {
            assert_eq!(days_since_1970(year, month, day), expected, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn a_checkout_is_read_and_its_day_is_the_newest() {
        let checkout = tempfile::tempdir().unwrap();
        assert_eq!(Database::of_checkout(checkout.path()).unwrap_err().code, "file.read");
        let package = checkout.path().join("crates/holes");
        fs::create_dir_all(&package).unwrap();
        assert_eq!(Database::of_checkout(checkout.path()).unwrap_err().code, "doctor.advisories");
        fs::write(package.join("RUSTSEC-2025-0001.md"), format!("{HEADER}```\n# One\n")).unwrap();
        let withdrawn = HEADER.replace("0001", "0002").replace("2025-02-03", "2026-01-05");
        fs::write(package.join("RUSTSEC-2025-0002.md"), format!("{withdrawn}withdrawn = \"2026-01-06\"\n```\n"))
            .unwrap();
        let database = Database::of_checkout(checkout.path()).unwrap();
        assert_eq!((database.date.as_str(), database.advisories.len()), ("2026-01-05", 1));
        fs::write(package.join("RUSTSEC-2025-0003.md"), "```toml\nbroken\n```\n").unwrap();
        assert_eq!(Database::of_checkout(checkout.path()).unwrap_err().code, "doctor.advisories");
    }

    proptest::proptest! {
        #[test]
        fn a_damaged_advisory_is_read_or_refused(
            bytes in crate::damage::near(format!("{HEADER}[versions]\npatched = [\">= 1.4.2\"]\n```\n\n# It leaks\n"))
        ) {
            if let Some(Ok(advisory)) = Advisory::parse(&String::from_utf8_lossy(&bytes)) {
                let _ = advisory.concerns(&Version::new(1, 0, 0));
            }
        }
    }
}
