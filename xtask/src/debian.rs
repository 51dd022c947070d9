//! Packages of Debian or Ubuntu that a step needs.

use crate::process;
use std::process::Command;

/// A machine that only runs the gate (`CI` is set) gets what is missing; on a person's machine nothing is installed beside
/// this directory, the step that misses something names it instead.
pub(crate) fn install_on_gate(names: &[&str]) -> Result<(), String> {
    if std::env::var_os("CI").is_none() {
        return Ok(());
    }
    // As root, or through a sudo that asks nothing.
    let is_root = process::output(Command::new("id").arg("-u"))?.trim() == "0";
    let apt = |arguments: &[&str]| {
        let mut command = if is_root { Command::new("apt-get") } else { Command::new("sudo") };
        if !is_root {
            command.args(["-n", "apt-get"]);
        }
        process::run(command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments))
    };
    apt(&["update", "--quiet"])?;
    apt(&[&["install", "--yes", "--quiet", "--no-install-recommends"], names].concat())
}
