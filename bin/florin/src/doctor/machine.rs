//! Checks of this machine: what a node needs before it can take part.

use super::{
    Trust, ports,
    report::Finding,
    rights::{Refusal, Right, User},
};
use crate::{
    config::{Config, SECTIONS},
    failure::Failure,
    files,
    node::{
        directory::Directory,
        vitals::{Room, directory_bytes, room},
        votes::{self, Known},
    },
    remote::connect_trusting,
};
use rustix::{
    fs::Access,
    process::{Pid, Resource, getrlimit},
};
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Descriptors beside connections: stored files, other nodes, logs.
const FILES_MIN: u64 = 1_024;
/// Longest time for the system to say whether its clock is synchronised.
const CLOCK_ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
const SECONDS_A_DAY: f64 = 86_400.0;
/// A younger directory says little about how it grows.
const GROWTH_SECONDS_MIN: f64 = 3_600.0;

/// Everything about the machine that the directory leads to.
pub(super) fn findings(opened: &Result<Directory, Failure>) -> Vec<Finding> {
    let directory = match opened {
        Ok(directory) => directory,
        Err(failure) => {
            let not_seen = |code| Finding::not_seen(code, "the configuration cannot be used");
            let rest = [
                "genesis",
                "key_files",
                "data_directory",
                "votes",
                "disk",
                "open_files",
                "exposed_ports",
                "process",
                "rpc",
            ];
            return [Finding::broken("config", &failure.message, &failure.next)]
                .into_iter()
                .chain(rest.map(not_seen))
                .chain([clock()])
                .collect();
        }
    };
    vec![
        config(directory.config()),
        genesis(directory),
        key_files(directory),
        data_directory(&directory.data(), &user_of_node(directory)),
        votes_known(directory),
        disk(&directory.data()),
        open_files(directory),
        clock(),
        ports::finding(directory.config()),
    ]
}

// ----- configuration -------------------------------------------------------------------------------------------------

/// What differs from the defaults, with what it does.
fn config(config: &Config) -> Finding {
    let tables = |config: &Config| toml::Table::try_from(config).unwrap_or_default();
    let (chosen, defaults) = (tables(config), tables(&Config::default()));
    let mut changed = Vec::new();
    for section in SECTIONS {
        for field in section.fields {
            let of = |tables: &toml::Table| tables.get(section.name).and_then(|values| values.get(field.name)).cloned();
            if let (Some(value), default) = (of(&chosen), of(&defaults))
                && Some(&value) != default.as_ref()
            {
                let value = match value.as_array() {
                    Some(entries) if entries.len() > 1 => format!("{} entries", entries.len()),
                    _ => value.to_string(),
                };
                changed.push(format!("{}.{} = {value}", section.name, field.name));
            }
        }
    }
    match changed.len() {
        0 => Finding::well("config", "every field has its default"),
        count => Finding::well("config", format!("{count} fields differ from their defaults: {}", changed.join(", "))),
    }
}

fn genesis(directory: &Directory) -> Finding {
    let genesis = match directory.genesis() {
        Ok(genesis) => genesis,
        Err(failure) => return Finding::broken("genesis", failure.message, failure.next),
    };
    let key = match directory.node_public_key() {
        Ok(key) => key,
        Err(failure) => return Finding::broken("genesis", failure.message, failure.next),
    };
    let network = format!("network {} (chain {})", genesis.network, genesis.chain_id);
    let share = directory.share_path();
    let named = genesis.nodes.iter().find(|node| node.public_key == key);
    match named {
        Some(node) if node.role == florin_types::NodeRole::Validator && !share.exists() => Finding::broken(
            "genesis",
            format!("{network} has this node as validator {}, but {} is not there", node.name, share.display()),
            "take the share from the ceremony (`florin key ceremony`) or from a backup",
        ),
        Some(node) => Finding::well("genesis", format!("{network} has this node as {}", node.name)),
        None if directory.config().network.listen.is_some() => {
            Finding::well("genesis", format!("{network} does not name node {key}; it follows if the ledger lists it"))
        }
        None => Finding::broken(
            "genesis",
            format!("{network} does not name node {key}, so there is no port to listen on"),
            "set network.listen in config.toml, or check the genesis file and the node key",
        ),
    }
}

// ----- files ---------------------------------------------------------------------------------------------------------

/// Whoever can read the passphrase and the key files is this node.
fn key_files(directory: &Directory) -> Finding {
    let passphrase = directory.passphrase_source(&crate::passphrase::PassphraseSource::default()).passphrase_file;
    let passphrase = passphrase.filter(|path| !path.starts_with("/dev"));
    let user = user_of_node(directory);
    let settings = directory.config();
    let tls = [&settings.rpc.tls_key, &settings.monitoring.tls_key];
    let [rpc, monitoring] = tls.map(|path| path.as_ref().map(|path| directory.root().join(path)));
    let secrets = [Some(directory.node_key_path()), Some(directory.share_path()), passphrase, rpc, monitoring];
    let secrets: Vec<PathBuf> = secrets.into_iter().flatten().filter(|path| path.exists()).collect();
    secret_files("key_files", &secrets, directory.root(), &user)
}

/// Whether this user can read these files, nobody else can, and nobody else can put others in their place.
pub(super) fn secret_files(code: &'static str, secrets: &[PathBuf], root: &Path, user: &User) -> Finding {
    let (mut wrong, mut next, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for path in secrets {
        match secret(path, user) {
            Ok(()) => {}
            Err((Refusal::Unknown(reason), _)) => unknown.push(reason),
            Err((Refusal::Denied(reason), remedy)) => {
                wrong.push(reason);
                next.push(remedy);
            }
        }
    }
    let holders = secrets.iter().filter_map(|path| path.parent()).chain([root]);
    let mut holders: Vec<&Path> = holders.collect();
    holders.sort_unstable();
    holders.dedup();
    for holder in holders {
        if let Err(failure) = files::check_closed(holder) {
            wrong.push(failure.message);
            next.push(failure.next);
        }
    }
    let user = user.id;
    if !wrong.is_empty() {
        return Finding::broken(code, wrong.join("; "), next.join("; "));
    }
    if !unknown.is_empty() {
        return Finding::not_seen(code, format!("{}: run the doctor as user {user}", unknown.join("; ")));
    }
    Finding::well(code, format!("{} files that only user {user} can read", secrets.len()))
}

/// Whether the node can read a secret, and nobody else; else why not and what to do.
fn secret(path: &Path, user: &User) -> Result<(), (Refusal, String)> {
    let shown = path.display();
    let metadata = fs::metadata(path).map_err(|error| {
        let reason = format!("{shown} cannot be looked at: {error}");
        (Refusal::Denied(reason), format!("put {shown} there, or run the doctor as the user that runs it"))
    })?;
    let (owner, mode) = (metadata.uid(), metadata.permissions().mode() & 0o777);
    if metadata.is_file() && mode & 0o077 != 0 {
        let reason = format!("{shown} has mode {mode:03o}: other users may use it");
        return Err((Refusal::Denied(reason), format!("chmod 600 {shown}")));
    }
    let id = user.id;
    if owner != id && owner != 0 {
        let reason = format!("{shown} belongs to user {owner}, and user {id} runs what needs it");
        return Err((Refusal::Denied(reason), format!("chown {id} {shown}")));
    }
    user.ensure(path, Right::Read).map_err(|refusal| {
        (refusal, format!("give user {id} the right to reach and read {shown}, for instance: chown {id} {shown}"))
    })
}

/// The user who runs the node: of its process, or else of its data.
fn user_of_node(directory: &Directory) -> User {
    user_of(holder(directory), [directory.data(), directory.root().to_path_buf()])
}

/// The user of a process, or where none runs, whose the first of these is that is there.
pub(super) fn user_of(pid: Option<Pid>, files: impl IntoIterator<Item = PathBuf>) -> User {
    let process = pid.and_then(|pid| fs::metadata(format!("/proc/{}", pid.as_raw_nonzero())).ok());
    let running = pid.filter(|_| process.is_some());
    let owner = process.or_else(|| files.into_iter().find_map(|path| fs::metadata(path).ok()));
    let owner = owner.map(|metadata| metadata.uid());
    User::new(owner.unwrap_or_else(|| rustix::process::geteuid().as_raw()), running)
}

fn holder(directory: &Directory) -> Option<Pid> {
    files::lock_holder(&directory.data().with_extension("lock"))
}

/// Whether the node's user can write there. The system is asked first: it alone knows of a file system that is read-only.
/// Where it lets this user in who is another one, such as root, owner and mode decide.
fn data_directory(data: &Path, user: &User) -> Finding {
    const CODE: &str = "data_directory";
    let existing = data.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let (shown, id, own) = (existing.display(), user.id, rustix::process::geteuid().as_raw());
    let next = "give the node's user the right to write there, or check whether the file system is mounted read-only";
    let allowed = rustix::fs::access(existing, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK);
    if let Err(error) = allowed {
        return Finding::broken(CODE, format!("{shown} cannot be written by user {own}: {error}"), next);
    }
    let judged = if own == id { Ok(()) } else { user.ensure(existing, Right::Fill) };
    match judged {
        Ok(()) if existing == data => Finding::well(CODE, format!("user {id} can write to {shown}")),
        Ok(()) => Finding::well(CODE, format!("user {id} can make {}", data.display())),
        Err(Refusal::Denied(reason)) => Finding::broken(CODE, reason, next),
        Err(Refusal::Unknown(reason)) => Finding::not_seen(CODE, format!("{reason}: run the doctor as user {id}")),
    }
}

/// Whether a validator may vote, or has to follow first.
fn votes_known(directory: &Directory) -> Finding {
    let has_share = directory.share_path().exists();
    // Where the committee changes a node is dealt its shares as it runs.
    let is_dealt = directory.genesis().is_ok_and(|genesis| genesis.epoch_blocks.is_some());
    if !has_share && !is_dealt {
        return Finding::well("votes", "there is no share: this node follows");
    }
    let known = directory.node_public_key().and_then(|key| votes::look(&directory.data(), key));
    match known {
        Ok(Known::All) => Finding::well("votes", "the vote journal has every vote of this validator"),
        Ok(Known::None) => {
            Finding::well("votes", "the first vote is yet to come; the others are asked before it is cast")
        }
        Ok(Known::Not) if !has_share => Finding::well(
            "votes",
            "if this node has ever voted, it is not known here for what: it signs nothing until a block made after its start is final",
        ),
        Ok(Known::Not) => Finding::warning(
            "votes",
            "the votes that this validator has cast are not known here: it follows until a block made after its start is final",
            "let it run while the others make blocks; it then votes by itself. If too few are left that vote, no block comes: the \
             operators of a quorum agree on the last block, and restore it with `florin restore --network-lost HASH` \
             (docs/backup.md, \"When all validators are lost\")",
        ),
        Err(failure) if failure.code == votes::DAMAGED => Finding::broken("votes", failure.message, failure.next),
        Err(failure) => Finding::not_seen("votes", failure.message),
    }
}

/// Free space against what the node writes.
fn disk(data: &Path) -> Finding {
    let existing = data.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
    let Some(room) = room(existing) else {
        return Finding::not_seen(
            "disk",
            format!("the system does not say how much is free at {}", existing.display()),
        );
    };
    let bytes = directory_bytes(data).unwrap_or_default();
    let age = fs::metadata(data).and_then(|metadata| metadata.created()).ok().and_then(|made| made.elapsed().ok());
    let growth = age.map(|age| age.as_secs_f64()).filter(|seconds| *seconds >= GROWTH_SECONDS_MIN);
    disk_finding(room, bytes, growth.map(|seconds| bytes as f64 * SECONDS_A_DAY / seconds))
}

/// `growth` in bytes a day, where something is known of it.
pub(super) fn disk_finding(room: Room, data_bytes: u64, growth: Option<f64>) -> Finding {
    let Room { free_bytes, total_bytes } = room;
    let mut seen = format!("{} of {} are free; the data has {}", size(free_bytes), size(total_bytes), size(data_bytes));
    let days = growth.filter(|growth| *growth >= 1.0).map(|growth| free_bytes as f64 / growth);
    if let (Some(days), Some(growth)) = (days, growth) {
        seen += &format!(" and grew by {} a day: room for {days:.0} days", size(growth as u64));
    }
    let next = "free space, move the data to a larger disk, or keep less: storage.archive = false, fewer storage.history_blocks";
    if free_bytes < total_bytes / 50 {
        return Finding::broken("disk", seen, next);
    }
    if free_bytes < total_bytes / 10 || days.is_some_and(|days| days < 30.0) {
        return Finding::warning("disk", seen, next);
    }
    Finding::well("disk", seen)
}

/// Bytes as people read them.
pub(super) fn size(bytes: u64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1_000.0 && unit + 1 < units.len() {
        value /= 1_000.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0);
    format!("{value:.digits$} {}", units[unit])
}

// ----- system --------------------------------------------------------------------------------------------------------

/// A node raises its limit to what the system allows, so the hard limit counts; of a node that runs, the one it has.
fn open_files(directory: &Directory) -> Finding {
    let rpc = &directory.config().rpc;
    let needed = FILES_MIN + if rpc.enabled { u64::from(rpc.connections_max) } else { 0 };
    let allowed = holder(directory).map_or_else(|| getrlimit(Resource::Nofile).maximum, limit_of);
    match allowed {
        Some(allowed) if allowed < needed => Finding::warning(
            "open_files",
            format!("the system allows {allowed} open files, and the configuration needs {needed}"),
            "raise the limit (`LimitNOFILE=` of the service, `ulimit -Hn`), or lower rpc.connections_max",
        ),
        Some(allowed) => Finding::well("open_files", format!("{allowed} allowed, {needed} needed")),
        None => Finding::well("open_files", format!("no limit, {needed} needed")),
    }
}

/// `None`: unlimited, or not told.
fn limit_of(process: Pid) -> Option<u64> {
    let limits = fs::read_to_string(format!("/proc/{}/limits", process.as_raw_nonzero())).ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

/// The system knows whether something keeps its clock; `timedatectl` asks the kernel.
fn clock() -> Finding {
    match clock_is_synchronised() {
        Some(true) => Finding::well("clock_sync", "the system says that its clock is synchronised"),
        Some(false) => Finding::warning(
            "clock_sync",
            "the system says that its clock is not synchronised",
            "run a time service (chrony, systemd-timesyncd) with at least three sources",
        ),
        None => Finding::not_seen(
            "clock_sync",
            "this system does not say whether its clock is synchronised; see clock_peers",
        ),
    }
}

fn clock_is_synchronised() -> Option<bool> {
    let mut asking = Command::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let begun = Instant::now();
    while asking.try_wait().ok()?.is_none() {
        if begun.elapsed() > CLOCK_ANSWER_TIME_MAX {
            // It is ours and has nothing to lose; whether it ends is of no interest.
            let _ = asking.kill().and_then(|()| asking.wait());
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = asking.wait_with_output().ok()?;
    match String::from_utf8_lossy(&output.stdout).trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

// ----- the node's process --------------------------------------------------------------------------------------------

/// Whether the node runs and answers; `unanswered` is why its metrics could not be read.
pub(super) fn process(directory: &Directory, unanswered: Option<&String>, trust: &Trust) -> Finding {
    let data = directory.data();
    match (holder(directory), unanswered) {
        (Some(pid), None) => Finding::well("process", format!("process {} runs the node", pid.as_raw_nonzero())),
        (None, None) => Finding::broken(
            "process",
            format!("nobody holds {}, and yet something answers at the address of this node's metrics", data.display()),
            "the answers are another node's: stop it, or correct monitoring.listen; then start this one",
        ),
        (Some(pid), Some(_)) if !directory.config().monitoring.enabled => {
            let pid = pid.as_raw_nonzero();
            Finding::not_seen("process", format!("process {pid} holds {}; monitoring.enabled is false", data.display()))
        }
        (Some(pid), Some(reason)) if trust.is_short_of(reason) => {
            let pid = pid.as_raw_nonzero();
            Finding::not_seen("process", format!("process {pid} holds {}; {}", data.display(), trust.advice(reason)))
        }
        (Some(pid), Some(reason)) => {
            let pid = pid.as_raw_nonzero();
            Finding::broken(
                "process",
                format!("process {pid} holds {}, but its metrics do not answer: {reason}", data.display()),
                "it may be starting (read its log); if it hangs, stop it with SIGTERM and start it again: nothing final is lost",
            )
        }
        (None, Some(_)) => Finding::broken(
            "process",
            format!("no node runs here: nobody holds {}", data.display()),
            format!(
                "start it: florin node --dir {}. If it ends by itself, its last line says why",
                directory.root().display()
            ),
        ),
    }
}

/// Whether JSON-RPC answers.
pub(super) async fn rpc(directory: &Directory, trust: &Trust) -> Finding {
    let rpc = &directory.config().rpc;
    if !rpc.enabled {
        return Finding::well("rpc", "rpc.enabled is false");
    }
    let url = super::url(rpc.listen, rpc.tls_certificate.is_some());
    let status = match connect_trusting(&url, &trust.0) {
        Ok(client) => client.node_status().await.map_err(|error| error.to_string()),
        Err(failure) => Err(failure.message),
    };
    match status {
        Ok(status) => Finding::well("rpc", format!("{} at {url}, height {}", status.version, status.height)),
        Err(reason) if trust.is_short_of(&reason) => Finding::not_seen("rpc", trust.advice(&reason)),
        Err(reason) => Finding::broken(
            "rpc",
            reason,
            "see `process`; if the node runs, another program may have the port: read its log",
        ),
    }
}
