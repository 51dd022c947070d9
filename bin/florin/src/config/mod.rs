//! The configuration of a node: one TOML file, then the environment over it.
//!
//! **Purpose.** What an operator decides about one machine: where it listens, what it keeps, how it reports. What all
//! machines must agree on stands in the genesis file instead.
//!
//! **Rules.** Unknown sections and fields are errors that name themselves. An environment variable
//! `FLORIN__SECTION__FIELD` wins over the file; one that names no field is an error. Secrets never stand here: fields
//! in `keys` are paths of encrypted files.
//!
//! The table of fields is written once, in [`fields`]: structure, defaults, reference and environment come from it.

mod fields;

pub(crate) use fields::{Config, HistoryStore, LogFormat, Rpc, SECTIONS, Storage};

use crate::{failure::Failure, files};
use alloy_primitives::Address;
use fields::{Monitoring, Network};
use florin_consensus::network::peer_key;
use florin_rpc::IpNet;
use florin_types::{GENESIS_NODES_MAX, GenesisNode, NodeRole};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    net::{IpAddr, SocketAddr},
    path::Path,
};

/// Prefix of environment variables that override the file.
pub(crate) const ENVIRONMENT_PREFIX: &str = "FLORIN__";

/// Accounts that have a name in metrics, and characters of a name.
const ACCOUNT_NAMES_MAX: usize = 10_000;
const ACCOUNT_NAME_CHARS_MAX: usize = 64;

/// One section of the file.
#[derive(Debug)]
pub(crate) struct SectionReference {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it is about.
    pub(crate) docs: &'static [&'static str],
    /// Its fields.
    pub(crate) fields: &'static [FieldReference],
}

/// One field of a section.
#[derive(Debug)]
pub(crate) struct FieldReference {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it does, with its unit.
    pub(crate) docs: &'static [&'static str],
}

impl Config {
    /// Reads a file and lays `environment` over it.
    pub(crate) fn load(path: &Path, environment: impl Iterator<Item = (String, String)>) -> Result<Self, Failure> {
        Self::parse(&files::read_text(path)?, &path.display().to_string(), environment)
    }

    /// Reads the text of a file called `name` and lays `environment` over it.
    pub(crate) fn parse(
        text: &str,
        name: &str,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Failure> {
        let wrong = |message: String| Failure::usage("config.file", message, "see `florin reference --kind config`");
        let value = toml::Deserializer::parse(text).map_err(|error| wrong(format!("{name} is not TOML: {error}")))?;
        let mut config: Self = serde_path_to_error::deserialize(value).map_err(|error| {
            let (path, reason) = (error.path().to_string(), error.into_inner());
            wrong(format!("{name}, field {path}: {}", reason.message()))
        })?;
        for (variable, value) in environment {
            config.override_with(&variable, &value)?;
        }
        config.check()?;
        Ok(config)
    }

    fn override_with(&mut self, variable: &str, value: &str) -> Result<(), Failure> {
        let Some(path) = variable.strip_prefix(ENVIRONMENT_PREFIX) else { return Ok(()) };
        let wrong = |reason: String| {
            Failure::usage(
                "config.environment",
                format_args!("environment variable {variable}: {reason}"),
                "see `florin reference --kind config` for the fields, or unset the variable",
            )
        };
        let path = path.to_lowercase();
        let (section, field) =
            path.split_once("__").ok_or_else(|| wrong(format!("expected {ENVIRONMENT_PREFIX}SECTION__FIELD")))?;
        match self.set(section, field, value) {
            Some(Ok(())) => Ok(()),
            Some(Err(reason)) => Err(wrong(reason)),
            None => Err(wrong(format!("there is no field {section}.{field}"))),
        }
    }

    /// Rules between values.
    fn check(&self) -> Result<(), Failure> {
        let wrong = |field: &str, rule: String| {
            Err(Failure::usage("config.value", format_args!("field {field}: {rule}"), "change it in config.toml"))
        };
        if self.storage.history_blocks < 1 {
            return wrong("storage.history_blocks", "at least 1 block is kept".into());
        }
        if self.history.store == HistoryStore::Postgres && self.history.url_file.is_none() {
            return wrong("history.url_file", "a history in PostgreSQL has a file with its URL".into());
        }
        if !(0.0..=1.0).contains(&self.traces.sampled_ratio) {
            return wrong("traces.sampled_ratio", format!("{} is not between 0 and 1", self.traces.sampled_ratio));
        }
        if let Some(endpoint) = &self.traces.otlp_endpoint
            && !endpoint.starts_with("http://")
        {
            return wrong(
                "traces.otlp_endpoint",
                format!("{endpoint:?} does not start with http://; put a collector on this machine in front of TLS"),
            );
        }
        let certificates = [
            ("rpc", &self.rpc.tls_certificate, &self.rpc.tls_key),
            ("monitoring", &self.monitoring.tls_certificate, &self.monitoring.tls_key),
        ];
        for (section, certificate, key) in certificates {
            if certificate.is_some() != key.is_some() {
                return wrong(
                    &format!("{section}.tls_certificate"),
                    "a certificate and its key are set together".into(),
                );
            }
        }
        self.network.known()?;
        self.rpc.trusted_networks()?;
        self.monitoring.names()?;
        for (field, filter) in [("log.filter", &self.log.filter), ("traces.filter", &self.traces.filter)] {
            if let Err(error) = filter.parse::<tracing_subscriber::EnvFilter>() {
                return wrong(field, format!("{filter:?} is no filter: {error}"));
            }
        }
        Ok(())
    }
}

impl Config {
    /// Ports that other machines can reach without TLS, by the field that says where they listen. What is said there can be
    /// read and changed on the way.
    pub(crate) fn plain_public_ports(&self) -> Vec<(&'static str, SocketAddr)> {
        let (rpc, monitoring) = (&self.rpc, &self.monitoring);
        let rpc = rpc.enabled.then(|| ("rpc.listen", rpc.listen, rpc.tls_certificate.is_some()));
        let monitoring =
            monitoring.enabled.then(|| ("monitoring.listen", monitoring.listen, monitoring.tls_certificate.is_some()));
        plain_public(rpc.into_iter().chain(monitoring))
    }
}

/// Those of these ports (field, address, whether it speaks TLS) that other machines can reach without TLS.
pub(crate) fn plain_public(
    ports: impl Iterator<Item = (&'static str, SocketAddr, bool)>,
) -> Vec<(&'static str, SocketAddr)> {
    let plain = ports.filter(|(_, at, has_tls)| !has_tls && !at.ip().to_canonical().is_loopback());
    plain.map(|(field, at, _)| (field, at)).collect()
}

impl Network {
    /// The nodes that a new node turns to.
    pub(crate) fn known(&self) -> Result<Vec<GenesisNode>, Failure> {
        let wrong = |entry: &str, rule: String| {
            let message = format!("field network.contacts: {entry:?} {rule}");
            Failure::usage("config.value", message, "write each as NODE_KEY@HOST:PORT; the node's operator knows both")
        };
        if self.contacts.len() > GENESIS_NODES_MAX {
            return Err(wrong("", format!("is one of more than {GENESIS_NODES_MAX}")));
        }
        let mut known: Vec<GenesisNode> = Vec::new();
        for entry in &self.contacts {
            let (key, address) = entry.split_once('@').ok_or_else(|| wrong(entry, "has no @".into()))?;
            let public_key = key.trim().parse().map_err(|_| wrong(entry, "does not begin with a node key".into()))?;
            peer_key(&public_key).map_err(|error| wrong(entry, error.to_string()))?;
            let (_, port) = address.rsplit_once(':').ok_or_else(|| wrong(entry, "has no port".into()))?;
            port.trim().parse::<u16>().map_err(|_| wrong(entry, "does not end with a port".into()))?;
            if known.iter().any(|node| node.public_key == public_key) {
                return Err(wrong(entry, "names a node twice".into()));
            }
            let (name, address) = (address.trim().to_string(), address.trim().to_string());
            known.push(GenesisNode { name, public_key, address, role: NodeRole::Validator });
        }
        Ok(known)
    }
}

/// A network of addresses, or one address.
pub(crate) fn parse_network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>()
        .or_else(|_| address())
        .map_err(|_| format!("{text:?} is neither an address such as 10.1.2.3 nor a network such as 10.1.2.0/24"))
}

impl Rpc {
    /// Networks of the clients that have no bounds of their own.
    pub(crate) fn trusted_networks(&self) -> Result<Vec<IpNet>, Failure> {
        let network = |text: &String| {
            parse_network(text).map_err(|rule| {
                let message = format_args!("field rpc.trusted_clients: {rule}");
                Failure::usage("config.value", message, "change it in config.toml")
            })
        };
        self.trusted_clients.iter().map(network).collect()
    }
}

impl Monitoring {
    /// The names of accounts.
    pub(crate) fn names(&self) -> Result<BTreeMap<Address, String>, Failure> {
        let wrong = |entry: &str, rule: &str| {
            let message = format!("field monitoring.account_names: {entry:?} {rule}");
            Failure::usage("config.value", message, "write each as 0xADDRESS=name in config.toml")
        };
        if self.account_names.len() > ACCOUNT_NAMES_MAX {
            return Err(wrong("", &format!("is one of more than {ACCOUNT_NAMES_MAX}")));
        }
        let name = |entry: &String| {
            let (address, name) = entry.split_once('=').ok_or_else(|| wrong(entry, "has no ="))?;
            let address = address.trim().parse().map_err(|_| wrong(entry, "does not begin with an address"))?;
            let name = name.trim();
            if name.is_empty() || name.chars().count() > ACCOUNT_NAME_CHARS_MAX {
                return Err(wrong(entry, &format!("has a name that is empty or longer than {ACCOUNT_NAME_CHARS_MAX}")));
            }
            Ok((address, name.to_string()))
        };
        self.account_names.iter().map(name).collect()
    }
}

/// The reference of every field, as Markdown. `docs/reference/config.md` is this text.
pub(crate) fn reference() -> String {
    let mut out = String::from(
        "# Configuration of a node\n\n\
         <!-- Generated by `cargo xtask generate` from bin/florin/src/config/fields.rs. -->\n\n\
         `florin node --dir DIR` reads `DIR/config.toml`. Every field has a default, so the file may be empty. Unknown\n\
         fields are errors. An environment variable `FLORIN__SECTION__FIELD` wins over the file. Relative paths start\n\
         at `DIR`. Secrets never stand in this file or in the environment: `keys` names encrypted files and the file\n\
         that holds their passphrase.\n",
    );
    let defaults = toml::Table::try_from(Config::default()).unwrap_or_default();
    for section in SECTIONS {
        let _ = write!(out, "\n## `[{}]`\n\n{}\n\n", section.name, paragraph(section.docs));
        out.push_str("| field | default | environment | meaning |\n|---|---|---|---|\n");
        for field in section.fields {
            let default = defaults.get(section.name).and_then(|values| values.get(field.name));
            let default = default.map_or_else(|| "not set".to_string(), |value| format!("`{value}`"));
            let variable =
                format!("{ENVIRONMENT_PREFIX}{}__{}", section.name.to_uppercase(), field.name.to_uppercase());
            let _ = writeln!(out, "| `{}` | {default} | `{variable}` | {} |", field.name, paragraph(field.docs));
        }
    }
    out
}

fn paragraph(docs: &[&str]) -> String {
    docs.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
