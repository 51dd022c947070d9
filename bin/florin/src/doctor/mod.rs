//! `florin doctor`: why does it not work, or what will not work soon, and what to do.
//!
//! **Purpose.** A network that halts must explain itself. Each check has a permanent code, says what it saw, the rule that it
//! holds this against, and the next action. [`CHECKS`] is the list.
//!
//! **Three kinds.** Of this machine (`--dir`): configuration, files, disk, clock, ports, the libraries of this build. Of the network
//! as one node sees it: who is missing, the arithmetic of the quorum, clocks, queues. The second kind reads the node's
//! metrics twice, some seconds apart, so an alert and the doctor speak of the same figures. Of a gateway (`--gateway`).
//!
//! **Verdicts.** *well*, *warning* (it works; it will not always), *broken*, and *could not look* with the reason: what was not
//! seen is never called well. Exit code 0 when nothing is broken, 1 when something is.
//!
//! **Invariants.** It changes nothing, needs no passphrase and shows no secret; it may run beside a node, or where none starts.
//!
//! **Limits.** A few seconds; every read is bounded.

pub(crate) mod advisories;
mod gateway;
mod machine;
mod network;
mod ports;
mod report;
mod rights;
mod sample;
#[cfg(test)]
mod tests;

use crate::{
    failure::{Exit, Failure},
    node::directory::Directory,
    output::Output,
    remote::block_on,
};
use advisories::{Build, Database};
use clap::Args;
use florin_client::Roots;
use report::{Finding, Report, Subject};
use sample::Sample;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Longest time for one answer of the node, in milliseconds.
const ANSWER_MS_MAX: u64 = 5_000;
/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// A height that did not grow for longer is not well, where its configuration is not at hand: the default of
/// `monitoring.block_age_ms_max`.
const BLOCK_AGE_MS_MAX: u64 = 15_000;

/// A check: its permanent code and the rule.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    /// Permanent code.
    pub(crate) code: &'static str,
    /// What is looked at.
    pub(crate) subject: Subject,
    /// What must hold.
    pub(crate) rule: &'static str,
}

const fn check(code: &'static str, subject: Subject, rule: &'static str) -> Check {
    Check { code, subject, rule }
}

/// Every check, in the order of the report.
pub(crate) const CHECKS: &[Check] = {
    use Subject::{Gateway, Machine, Network};
    &[
        check("config", Machine, "config.toml and the environment have known fields with allowed values"),
        check(
            "genesis",
            Machine,
            "genesis.json is valid, and names this node or the configuration says where it listens",
        ),
        check(
            "key_files",
            Machine,
            "the node's user can read key and passphrase files, and no other user can read or replace them",
        ),
        check("data_directory", Machine, "the node's user can write to the data directory"),
        check(
            "votes",
            Machine,
            "a validator knows all its votes; one that does not follows until it need not know them",
        ),
        check("disk", Machine, "a tenth of the disk and a month's growth are free; below a fiftieth it is broken"),
        check(
            "open_files",
            Machine,
            "the system allows a descriptor for every connection of the configuration and 1,024 for files",
        ),
        check("clock_sync", Machine, "the system's clock is synchronised"),
        check(
            "exposed_ports",
            Machine,
            "what has neither encryption nor credentials listens on loopback addresses alone",
        ),
        check(
            "build_advisories",
            Machine,
            "no published advisory concerns a library of this build, and the advisories are less than 90 days old",
        ),
        check("process", Machine, "one process holds the data directory, and its metrics answer"),
        check("rpc", Machine, "JSON-RPC answers, where it is enabled"),
        check(
            "height",
            Network,
            "blocks become final: the height grew within the last monitoring.block_age_ms_max, or four heartbeats",
        ),
        check("quorum", Network, "more than two thirds of the validators are heard, with one to spare"),
        check("validators", Network, "every validator is connected and votes"),
        check(
            "members",
            Network,
            "where the committee changes, everyone who signs, is dealt a share or comes next is connected",
        ),
        check("lag", Network, "fewer than 20 final blocks are missing here"),
        check(
            "clock_peers",
            Network,
            "this clock and the clocks in other validators' blocks differ by less than a second",
        ),
        check("peers", Network, "at least one other node is connected, where others are listed"),
        check("blocked_peers", Network, "no peer is blocked for what it sent"),
        check("refused_blocks", Network, "no leader's block broke a rule since the node started"),
        check("pool", Network, "the pool is less than nine tenths full"),
        check("index", Network, "fewer than 100 blocks wait for the index"),
        check("history", Network, "fewer than 100 blocks wait for the searchable history, where there is one"),
        check(
            "settlement_queue",
            Network,
            "no participant's queue grows while the doctor looks, and nobody waits longer than ten minutes",
        ),
        check("memory", Network, "the process has less than nine tenths of the memory that it may use"),
        check("gateway_config", Gateway, "the gateway's file has known fields with allowed values"),
        check(
            "gateway_secrets",
            Gateway,
            "the gateway's user can read the files of keys, secrets and passwords that the file names, and no other user can read or replace them",
        ),
        check(
            "gateway_database",
            Gateway,
            "no other user can read or change the gateway's database, where it is a file",
        ),
        check("gateway_ports", Gateway, "what other machines reach speaks TLS"),
        check("gateway", Gateway, "the gateway answers, and its last round did not fail"),
    ]
};

/// Finds out why a node, its network or a gateway does not work.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  florin doctor --dir /var/lib/florin                   this machine, and the network as this node sees it
  florin doctor --monitoring http://10.0.0.5:9464       the network as another node sees it
  florin doctor --gateway gateway.toml                  a gateway of this machine; with --dir the node too
  florin doctor --dir /var/lib/florin --tls-roots bank-ca.pem
                                                        the same, where the ports have certificates of the bank's own
  florin doctor --dir /var/lib/florin --advisories advisory-db
                                                        this build against a newer checkout of RustSec's database

Exit code 0 when nothing is broken, 1 when something is. Every check: docs/reference/doctor.md.")]
pub(crate) struct DoctorCommand {
    /// The node's directory.
    #[arg(long, value_name = "DIR", required_unless_present_any = ["monitoring", "gateway"])]
    dir: Option<PathBuf>,
    /// Where a node serves its metrics. Default: what the configuration in DIR says.
    #[arg(long, value_name = "URL")]
    monitoring: Option<String>,
    /// A gateway's configuration.
    #[arg(long, value_name = "FILE")]
    gateway: Option<PathBuf>,
    /// Certificates in PEM that are trusted to name the node or gateway of an `https://` address. Not set: this machine's own.
    #[arg(long, value_name = "FILE", env = "FLORIN_TLS_ROOTS", hide_env_values = true)]
    tls_roots: Option<PathBuf>,
    /// A checkout of RustSec's advisory database, in place of the advisories in this build.
    #[arg(long, value_name = "DIR")]
    advisories: Option<PathBuf>,
    /// Seconds between the two looks at the node.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
}

/// Whose signature under a port's certificate is trusted.
struct Trust(Roots);

impl Trust {
    /// Whether a port did not answer because this machine does not know who signed its certificate: that says nothing about
    /// the port. Who names roots means these and no others.
    fn is_short_of(&self, reason: &str) -> bool {
        let unknown = ["UnknownIssuer", "no root of trust"].iter().any(|words| reason.contains(words));
        self.0 == Roots::System && unknown
    }

    fn advice(&self, reason: &str) -> String {
        format!("{reason}; name the authority that signed its certificate with --tls-roots FILE")
    }
}

/// Runs `florin doctor`.
pub(crate) fn run(command: &DoctorCommand, output: Output) -> Result<(), Failure> {
    let report = block_on(examine(command))?;
    output.show(&report, || report.text())?;
    let broken: Vec<&str> = report.broken().collect();
    if broken.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Failed,
        "doctor.broken",
        format_args!("{} of {} checks are broken: {}", broken.len(), report.findings.len(), broken.join(", ")),
        "do what the report says under `next`, from the top",
    ))
}

/// Looks at everything that there is to look at.
async fn examine(command: &DoctorCommand) -> Result<Report, Failure> {
    let mut findings = Vec::new();
    let trust = Trust(crate::network::roots(command.tls_roots.as_deref())?);
    let opened = command.dir.as_deref().map(Directory::open);
    let directory = match &opened {
        Some(Ok(directory)) => Some(directory),
        _ => None,
    };
    if let Some(opened) = &opened {
        findings.extend(machine::findings(opened));
    }
    findings.push(build(command)?);
    if let Some(file) = &command.gateway {
        findings.extend(gateway::findings(file, &trust).await);
        if command.dir.is_none() && command.monitoring.is_none() {
            return Ok(Report::new(file.display().to_string(), findings));
        }
    }
    let url = monitoring_url(command, directory);
    let looks = match &url {
        Ok(url) => look_twice(url, command.seconds, &trust).await,
        Err(reason) => Err(reason.clone()),
    };
    if let Some(directory) = directory {
        findings.push(machine::process(directory, looks.as_ref().err(), &trust));
        findings.push(machine::rpc(directory, &trust).await);
    }
    let addresses = directory.and_then(|directory| directory.genesis().ok()).map(|genesis| genesis.nodes);
    match looks {
        Ok((first, second)) => {
            let block_age_ms_max =
                directory.map_or(BLOCK_AGE_MS_MAX, |directory| directory.config().monitoring.block_age_ms_max);
            let seen = network::Seen {
                first: &first,
                second: &second,
                seconds: command.seconds,
                still_ms_max: block_age_ms_max,
                nodes: addresses.unwrap_or_default(),
            };
            findings.extend(seen.findings(directory.is_some()));
        }
        Err(reason) => {
            if directory.is_none() && opened.is_none() && trust.is_short_of(&reason) {
                findings.push(Finding::not_seen("process", trust.advice(&reason)));
            } else if directory.is_none() && opened.is_none() {
                let next = "check the address and that monitoring.listen there can be reached from here, or give --dir on its machine";
                findings.push(Finding::broken("process", reason, next));
            }
            let why = "the node does not answer";
            findings.extend(of(Subject::Network).map(|check| Finding::not_seen(check.code, why)));
        }
    }
    let examined = command.dir.as_ref().map(|dir| dir.display().to_string());
    Ok(Report::new(examined.or_else(|| url.ok()).unwrap_or_default(), findings))
}

/// Checks of one kind.
fn of(subject: Subject) -> impl Iterator<Item = &'static Check> {
    CHECKS.iter().filter(move |check| check.subject == subject)
}

/// The libraries of this build against published advisories.
fn build(command: &DoctorCommand) -> Result<Finding, Failure> {
    let database = match &command.advisories {
        Some(checkout) => Database::of_checkout(checkout)?,
        None => Database::embedded(),
    };
    Ok(advisories::finding(&Build::embedded(), &database, crate::node::monitoring::now_ms()))
}

/// Where the node's metrics are, or why nowhere.
fn monitoring_url(command: &DoctorCommand, directory: Option<&Directory>) -> Result<String, String> {
    if let Some(url) = &command.monitoring {
        return Ok(url.trim_end_matches('/').trim_end_matches("/metrics").to_string());
    }
    let Some(directory) = directory else { return Err("the configuration does not say where the node is".into()) };
    let monitoring = &directory.config().monitoring;
    if !monitoring.enabled {
        return Err("monitoring.enabled is false, so the node tells nothing: set it to true".into());
    }
    Ok(url(monitoring.listen, monitoring.tls_certificate.is_some()))
}

/// Where to ask a port of this machine.
fn url(listen: SocketAddr, tls: bool) -> String {
    format!("http{}://{}", if tls { "s" } else { "" }, reachable(listen))
}

/// An address to connect to, for one to listen on: every interface includes this machine's own.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        ip if ip.is_ipv4() => std::net::Ipv4Addr::LOCALHOST.into(),
        _ => std::net::Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listen.port())
}

/// The node's metrics now and some seconds later, or why not.
async fn look_twice(url: &str, seconds: u64, trust: &Trust) -> Result<(Sample, Sample), String> {
    let first = look(url, trust).await?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    Ok((first, look(url, trust).await?))
}

async fn look(url: &str, trust: &Trust) -> Result<Sample, String> {
    Ok(Sample::parse(&fetch(&format!("{url}/metrics"), trust).await?))
}

/// What a page of a port answers, or why there is no answer.
async fn fetch(url: &str, trust: &Trust) -> Result<String, String> {
    let bounds = florin_client::RpcConfig {
        timeout_ms: ANSWER_MS_MAX,
        answer_bytes_max: ANSWER_BYTES_MAX,
        ..florin_client::RpcConfig::default()
    };
    florin_client::get_text(url, &bounds, &trust.0).await.map_err(|error| error.to_string())
}

/// Every check, as Markdown. `docs/reference/doctor.md` is this text.
pub(crate) fn reference() -> String {
    use std::fmt::Write as _;
    let mut out = String::from(
        "# Checks of `florin doctor`\n\n<!-- Generated by `cargo xtask generate` from bin/florin/src/doctor/mod.rs. -->\n\n\
         Codes are permanent. A verdict is *well*, *warning*, *broken* or *could not look*. `--json` gives\n\
         `{\"examined\",\"verdict\",\"findings\":[{\"code\",\"verdict\",\"seen\",\"rule\",\"next\"}]}`.\n",
    );
    for (subject, heading) in [
        (Subject::Machine, "Of this machine"),
        (Subject::Network, "Of the network, as the node sees it"),
        (Subject::Gateway, "Of a gateway"),
    ] {
        let _ = write!(out, "\n## {heading}\n\n| code | what must hold |\n|---|---|\n");
        for check in of(subject) {
            let _ = writeln!(out, "| `{}` | {} |", check.code, check.rule);
        }
    }
    out
}
