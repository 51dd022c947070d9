//! What we build on: licences, banned and doubled crates, where crates come from, and published advisories, all by
//! cargo-deny under `deny.toml`.

use crate::process;
use crate::workspace::Workspace;
use std::path::{Path, PathBuf};
use std::process::Command;

const VERSION: &str = "0.20.2";
/// What this version calls its copy of RustSec's database.
const DATABASE_NAME: &str = "advisory-db-3157b0e258782691";

pub(crate) fn check_licences(workspace: &Workspace) -> Result<(), String> {
    let deny = program(workspace)?;
    process::run(Command::new(deny).current_dir(workspace.root()).args([
        "--locked",
        "check",
        "--hide-inclusion-graph",
        "licenses",
        "bans",
        "sources",
    ]))
}

/// Advisories need the database of RustSec: fetched, or a checkout that is already there. Without either this fails.
pub(crate) fn check_advisories(workspace: &Workspace, database: Option<&Path>) -> Result<(), String> {
    let deny = program(workspace)?;
    let mut command = Command::new(deny);
    command.current_dir(workspace.root()).arg("--locked");
    if let Some(database) = database {
        command.args(["--offline", "--config"]).arg(offline_config(workspace, database)?);
    }
    command.args(["check", "--hide-inclusion-graph", "advisories"]);
    process::run(&mut command).map_err(|error| {
        format!(
            "{error}\n    if an advisory is named above, update that crate or record in deny.toml why it does not concern us;\n    \
             if the database is too old or could not be fetched, give a fresh checkout of it: cargo xtask check --advisory-db DIRECTORY"
        )
    })
}

/// What a release knows of published advisories, for `florin doctor`.
const EMBEDDED: &str = "bin/florin/src/doctor/advisories.json";
const DATABASE_URL: &str = "https://github.com/RustSec/advisory-db";

/// Brings the advisories that are embedded in the program up to date, from a checkout or from a fresh one.
pub(crate) fn embed_advisories(workspace: &Workspace, database: Option<&Path>) -> Result<(), String> {
    let fetched = workspace.target().join("xtask").join("advisory-db");
    let database = match database {
        Some(database) => database,
        None => {
            if fetched.exists() {
                std::fs::remove_dir_all(&fetched).map_err(|error| format!("{}: {error}", fetched.display()))?;
            }
            let mut clone = Command::new("git");
            process::run(clone.args(["clone", "--quiet", "--depth", "1", DATABASE_URL]).arg(&fetched))?;
            &fetched
        }
    };
    let day = process::output(Command::new("git").arg("-C").arg(database).args(["log", "-1", "--format=%cs"]))?;
    crate::e2e::build(workspace)?;
    let mut read = Command::new(workspace.florin());
    let text = process::output(read.args(["reference", "--day", day.trim(), "--advisories"]).arg(database))?;
    std::fs::write(workspace.path(EMBEDDED), text).map_err(|error| format!("{EMBEDDED}: {error}"))
}

/// The same configuration with the database in a directory that nobody fetches.
fn offline_config(workspace: &Workspace, database: &Path) -> Result<PathBuf, String> {
    if !database.join("crates").is_dir() {
        return Err(format!(
            "{} is no checkout of the advisory database: it has no directory `crates`",
            database.display()
        ));
    }
    let text = std::fs::read_to_string(workspace.path("deny.toml")).map_err(|error| format!("deny.toml: {error}"))?;
    let directory = workspace.target().join("xtask").join("advisories");
    let copy = directory.join(DATABASE_NAME);
    if copy.exists() {
        std::fs::remove_dir_all(&copy).map_err(|error| format!("{}: {error}", copy.display()))?;
    }
    std::fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    process::run(Command::new("git").args(["clone", "--quiet"]).arg(database).arg(&copy))?;
    let config = directory.join("deny.toml");
    let located =
        text.replace("[advisories]", &format!("[advisories]\ndb-path = {:?}", directory.display().to_string()));
    std::fs::write(&config, located).map_err(|error| format!("{}: {error}", config.display()))?;
    Ok(config)
}

/// cargo-deny in the pinned version, installed below `target` if it is not there.
fn program(workspace: &Workspace) -> Result<PathBuf, String> {
    let tools = workspace.target().join("tools");
    let program = tools.join("bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    let version = Command::new(&program)
        .arg("--version")
        .output()
        .ok()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    if version.is_some_and(|version| version.trim().ends_with(VERSION)) {
        return Ok(program);
    }
    let mut install = workspace.cargo();
    install.args(["install", "cargo-deny", "--locked", "--version", VERSION, "--root"]).arg(&tools);
    // The workspace's target directory may be shared by an environment variable; a tool does not belong into it.
    process::run(install.env("CARGO_TARGET_DIR", tools.join("target")))?;
    Ok(program)
}
