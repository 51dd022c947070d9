//! The demo's directory: made once, found again on the next start.
//!
//! ```text
//! DIR/demo.json         what was made, labelled as a demo
//! DIR/genesis.json      the network
//! DIR/passphrase        of every key file here
//! DIR/keystore/         the accounts, for `florin pay`
//! DIR/validator-1/ …    one node's directory each, as `florin node --dir` takes it
//! ```

use super::accounts::People;
use crate::{
    config::{Config, HistoryStore},
    failure::Failure,
    files::{self, Audience},
    key::{accounts::Store, keystore::Cost},
    node::{directory::Directory, machine::page_cache_mb_for},
};
use florin_consensus::deal;
use florin_types::{GenesisNode, NodeRole};
use serde::{Deserialize, Serialize};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    ops::Range,
    path::{Path, PathBuf},
};

/// Most validators of a demo: each is a process of its own on this machine.
pub(crate) const VALIDATORS_MAX: u16 = 16;
/// Most followers of a demo.
pub(crate) const FOLLOWERS_MAX: u16 = 16;

/// Where nodes listen for each other; the same for the life of a demo.
const PEER_PORTS: Range<u16> = 20_000..26_000;
/// Where they serve people and monitoring; chosen at every start. Apart, so that they never take a peer's port.
pub(crate) const SERVING_PORTS: Range<u16> = 26_000..32_000;

/// Ports of a block: two for each node of the largest demo, the one that claims it, and some that others may have.
const PORT_BLOCK: u16 = 100;

const LABEL: &str = "DEMO ONLY: every key in this directory is known to everyone or was dealt on one machine";

/// What `demo.json` says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    label: String,
    validators: u16,
    followers: u16,
}

/// One node of the demo.
#[derive(Clone, Debug)]
pub(crate) struct DemoNode {
    /// Such as `validator-1`.
    pub(crate) name: String,
    /// Its directory.
    pub(crate) directory: PathBuf,
    /// File with the passphrase of its keys.
    pub(crate) passphrase: PathBuf,
    /// What it is to the network.
    pub(crate) role: NodeRole,
}

/// A demo's directory.
#[derive(Debug)]
pub(crate) struct Layout {
    root: PathBuf,
    plan: Plan,
    /// The people's names, for metrics.
    account_names: Vec<String>,
    /// Whether it was there before.
    pub(crate) resumed: bool,
    _lock: files::Lock,
    /// Of the nodes' own ports, while their network is new.
    _claim: Option<PortClaim>,
}

impl Layout {
    /// Opens the demo in `root`, or makes one there.
    pub(crate) fn open(
        root: &Path,
        validators: Option<u16>,
        followers: Option<u16>,
        people: &People,
        timestamp_ms: u64,
    ) -> Result<Self, Failure> {
        if root.exists() {
            check_ours(root)?;
        }
        files::make_directory(root)?;
        let root = root.canonicalize().map_err(|error| Failure::reading(root, &error))?;
        let lock = files::lock(&root.join("demo.lock"), &root)?;
        let account_names: Vec<String> =
            people.named().iter().map(|account| format!("{}={}", account.key.address(), account.name)).collect();
        let path = root.join("demo.json");
        if path.exists() {
            let plan = read_plan(&path)?;
            check_same("validators", validators, plan.validators, &root)?;
            check_same("followers", followers, plan.followers, &root)?;
            return Ok(Self { root, plan, account_names, resumed: true, _lock: lock, _claim: None });
        }
        let plan = Plan { label: LABEL.into(), validators: validators.unwrap_or(4), followers: followers.unwrap_or(0) };
        let mut layout = Self { root, plan, account_names, resumed: false, _lock: lock, _claim: None };
        // Again, now that nobody else can be filling it.
        check_ours(&layout.root)?;
        layout._claim = Some(layout.create(people, timestamp_ms)?);
        Ok(layout)
    }

    /// The directory itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Its nodes, validators first.
    pub(crate) fn nodes(&self) -> Vec<DemoNode> {
        let node = |name: String, role| {
            let (directory, passphrase) = (self.root.join(&name), self.root.join("passphrase"));
            DemoNode { name, directory, passphrase, role }
        };
        let validators = (1..=self.plan.validators).map(|n| node(format!("validator-{n}"), NodeRole::Validator));
        let followers = (1..=self.plan.followers).map(|n| node(format!("follower-{n}"), NodeRole::Follower));
        validators.chain(followers).collect()
    }

    /// Number of validators.
    pub(crate) fn validators(&self) -> u16 {
        self.plan.validators
    }

    /// Memory for pages of each node's files: they share this machine.
    fn page_cache_mb(&self) -> u32 {
        let nodes = usize::from(self.plan.validators).saturating_add(usize::from(self.plan.followers));
        u32::try_from(page_cache_mb_for(nodes)).unwrap_or(u32::MAX)
    }

    /// Writes where a node serves RPC in this run. The rest of its configuration never changes.
    pub(crate) fn configure(&self, node: &DemoNode, rpc_port: u16, monitoring_port: u16) -> Result<(), Failure> {
        let mut config = Config::default();
        config.network.private_addresses = true;
        config.keys.passphrase_file = Some(self.root.join("passphrase"));
        config.rpc.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, rpc_port));
        config.rpc.cors_origins = vec!["*".into()];
        config.monitoring.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, monitoring_port));
        config.monitoring.account_names = self.account_names.clone();
        // One history of everything is enough for those who search.
        if self.nodes().first().is_some_and(|first| first.name == node.name) {
            config.history.store = HistoryStore::Sqlite;
        }
        config.storage.worker_threads = 2;
        config.storage.page_cache_mb = self.page_cache_mb();
        let text = toml::to_string(&config).map_err(|error| {
            Failure::input("demo.config", error, "report this: the demo's own configuration is refused")
        })?;
        let path = node.directory.join("config.toml");
        std::fs::write(&path, text).map_err(|error| Failure::writing(&path, &error))
    }

    /// Makes keys, genesis file and accounts; the nodes' ports stay claimed as long as the answer lives.
    fn create(&self, people: &People, timestamp_ms: u64) -> Result<PortClaim, Failure> {
        let passphrase = hex::encode(rand::random::<[u8; 16]>());
        files::write_new(&self.root.join("passphrase"), passphrase.as_bytes(), Audience::Owner)?;
        let nodes = self.nodes();
        let (claim, ports) = claim_ports(PEER_PORTS, nodes.len())?;
        let mut named = Vec::new();
        for (node, held) in nodes.iter().zip(ports) {
            let port = port_of(&held)?;
            files::make_directory(&node.directory)?;
            let secret = Directory::open_as_it_is(&node.directory)?.create_node_key(&passphrase, Cost::Light)?;
            named.push(GenesisNode {
                name: node.name.clone(),
                public_key: secret.public_key(),
                address: format!("127.0.0.1:{port}"),
                role: node.role,
            });
        }
        let keys: Vec<_> = named.iter().filter(|n| n.role == NodeRole::Validator).map(|n| n.public_key).collect();
        let dealing = deal(&keys).map_err(crate::key::network::key_failure)?;
        for (node, genesis_node) in nodes.iter().zip(&named) {
            if let Some((_, share)) = dealing.shares.iter().find(|(key, _)| *key == genesis_node.public_key) {
                Directory::open_as_it_is(&node.directory)?.save_share(share, &passphrase, Cost::Light)?;
            }
        }
        let genesis = people.genesis(timestamp_ms, dealing.threshold_public, named)?;
        let text = genesis
            .to_json()
            .map_err(|error| Failure::input("demo.genesis", error, "report this: the demo's own genesis is refused"))?;
        for directory in nodes.iter().map(|node| &node.directory).chain([&self.root]) {
            files::write_new(&directory.join("genesis.json"), text.as_bytes(), Audience::Everyone)?;
        }
        let keystore = Store::at(self.root.join("keystore"));
        for account in people.named() {
            keystore.save(account.name, &account.key, &passphrase, Cost::Light)?;
        }
        // Last of all: a directory without it was never finished.
        let plan = serde_json::to_string_pretty(&self.plan)
            .map_err(|error| Failure::input("demo.data", error, "report this: the demo's plan could not be written"))?;
        files::write_new(&self.root.join("demo.json"), plan.as_bytes(), Audience::Owner)?;
        Ok(claim)
    }
}

/// A directory that holds other things is not ours: nothing in it is touched.
fn check_ours(root: &Path) -> Result<(), Failure> {
    if root.join("demo.json").exists() {
        return Ok(());
    }
    let entries = std::fs::read_dir(root).map_err(|error| Failure::reading(root, &error))?;
    let foreign = entries.flatten().find(|entry| entry.file_name() != "demo.lock");
    match foreign {
        None => Ok(()),
        Some(entry) => Err(Failure::input(
            "demo.data",
            format_args!("{} holds {:?} but no demo.json", root.display(), entry.file_name()),
            "give an empty directory, or one that an earlier demo kept",
        )),
    }
}

fn read_plan(path: &Path) -> Result<Plan, Failure> {
    serde_json::from_str(&files::read_text(path)?).map_err(|error| {
        let message = format!("{} is not the plan of a demo: {error}", path.display());
        Failure::damaged("demo.data", message, "give another directory")
    })
}

fn check_same(what: &str, asked: Option<u16>, kept: u16, root: &Path) -> Result<(), Failure> {
    match asked {
        Some(asked) if asked != kept => Err(Failure::usage(
            "demo.resume",
            format_args!("--{what} is {asked}, but the demo in {} has {kept}", root.display()),
            format_args!("leave --{what} out, or give another --data directory"),
        )),
        _ => Ok(()),
    }
}

/// Free ports that stay free while a node is down and started again: below the range from which systems hand out ports for a
/// moment. Demos start together, so each takes a block of ports and holds its first one as long as the claim lives: no other
/// demo looks into it then. The ports themselves are held by their listeners until those are dropped.
pub(crate) fn claim_ports(range: Range<u16>, count: usize) -> Result<(PortClaim, Vec<TcpListener>), Failure> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok();
    let blocks = range.len() as u16 / PORT_BLOCK;
    let start = rand::random::<u16>() % blocks;
    for block in (start..blocks).chain(0..start) {
        let first = range.start + block * PORT_BLOCK;
        let Some(claim) = bind(first) else { continue };
        let held: Vec<TcpListener> = (first + 1..first + PORT_BLOCK).filter_map(bind).take(count).collect();
        if held.len() == count {
            return Ok((PortClaim(claim), held));
        }
    }
    let message = format!("no {count} free ports were found together from {} to {}", range.start, range.end);
    Err(Failure::unavailable("demo.ports", message, "stop programs that hold ports, and try again"))
}

/// A block of ports that is this demo's as long as the value lives.
#[derive(Debug)]
pub(crate) struct PortClaim(#[expect(dead_code, reason = "held, not read")] TcpListener);

/// The port of a listener.
pub(crate) fn port_of(listener: &TcpListener) -> Result<u16, Failure> {
    let address = listener.local_addr().map_err(|error| Failure::unavailable("demo.port", error, "try again"))?;
    Ok(address.port())
}
