//! Every field of the configuration, once: its type, its default, its meaning.

use super::{FieldReference, SectionReference};
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, path::PathBuf};

/// Turns the text of an environment variable into a field's value.
trait FromVariable: Sized {
    fn from_variable(text: &str) -> Result<Self, String>;
}

macro_rules! from_variable_by_parsing {
    ($($type:ty: $what:literal),*) => {$(
        impl FromVariable for $type {
            fn from_variable(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| format!(concat!("{:?} is not ", $what), text))
            }
        }
    )*};
}

from_variable_by_parsing!(
    String: "a text", u64: "a whole number", u32: "a whole number", f64: "a number", bool: "true or false",
    SocketAddr: "an address and port such as 127.0.0.1:8545", PathBuf: "a path"
);

impl<T: FromVariable> FromVariable for Option<T> {
    /// An empty variable unsets the field.
    fn from_variable(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { T::from_variable(text).map(Some) }
    }
}

impl FromVariable for Vec<String> {
    /// Separated by commas.
    fn from_variable(text: &str) -> Result<Self, String> {
        Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(String::from).collect())
    }
}

/// Form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl FromVariable for LogFormat {
    fn from_variable(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("{text:?} is neither text nor json")),
        }
    }
}

/// Where the searchable history is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HistoryStore {
    /// Nowhere.
    #[default]
    Off,
    /// In a file of this machine.
    Sqlite,
    /// In a database of the institution.
    Postgres,
}

impl FromVariable for HistoryStore {
    fn from_variable(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "sqlite" => Ok(Self::Sqlite),
            "postgres" => Ok(Self::Postgres),
            _ => Err(format!("{text:?} is none of off, sqlite and postgres")),
        }
    }
}

macro_rules! sections {
    ($(
        $(#[doc = $section_doc:literal])*
        $section:ident: $Section:ident {$(
            $(#[doc = $field_doc:literal])*
            $field:ident: $type:ty = $default:expr,
        )*}
    )*) => {
        /// The whole configuration of a node.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct Config {$(
            $(#[doc = $section_doc])*
            pub(crate) $section: $Section,
        )*}

        $(
            $(#[doc = $section_doc])*
            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields, default)]
            pub(crate) struct $Section {$(
                $(#[doc = $field_doc])*
                pub(crate) $field: $type,
            )*}

            impl Default for $Section {
                fn default() -> Self {
                    Self { $($field: $default,)* }
                }
            }
        )*

        impl Config {
            /// Sets one field from text; `None` if there is no such field.
            pub(super) fn set(&mut self, section: &str, field: &str, text: &str) -> Option<Result<(), String>> {
                match (section, field) {
                    $($((stringify!($section), stringify!($field)) => {
                        Some(FromVariable::from_variable(text).map(|value| self.$section.$field = value))
                    })*)*
                    _ => None,
                }
            }
        }

        /// Every section with its fields, for the reference.
        pub(crate) const SECTIONS: &[SectionReference] = &[$(
            SectionReference {
                name: stringify!($section),
                docs: &[$($section_doc),*],
                fields: &[$(FieldReference { name: stringify!($field), docs: &[$($field_doc),*] }),*],
            },
        )*];
    };
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

sections! {
    /// Connections to the other nodes of the network: authenticated and encrypted.
    network: Network {
        /// Address and port on which this node listens for others. Not set: every interface, at the port under which the genesis file names this node.
        listen: Option<SocketAddr> = None,
        /// Accept and dial peers at private addresses. Needed on one machine or inside one data centre.
        private_addresses: bool = false,
        /// Accept connections only from the addresses that the genesis file names. A peer's key is checked anyway.
        check_source_addresses: bool = false,
        /// Nodes that a new node turns to, each as `NODE_KEY@HOST:PORT`: it dials them, and where it copies the state it asks them where
        /// the network stands, until it has read the ledger's list of nodes. Needed when the genesis file's validators have left. Less
        /// than a third of them may lie: name four or more. Empty: the validators of the genesis file.
        contacts: Vec<String> = Vec::new(),
    }
    /// Encrypted key files. `florin key` writes them.
    keys: Keys {
        /// The node's own key.
        node: PathBuf = "node.key.json".into(),
        /// A validator's share of the network's threshold key.
        share: PathBuf = "share.key.json".into(),
        /// File that holds the passphrase of both, such as one that a secret manager mounts. Not set: the program asks.
        passphrase_file: Option<PathBuf> = None,
    }
    /// What is kept on the disk.
    storage: Storage {
        /// Directory of all stored data.
        directory: PathBuf = "data".into(),
        /// Recent heights at which state can be read.
        history_blocks: u64 = 1_024,
        /// Keep every height.
        archive: bool = false,
        /// Newest blocks that are kept with their receipts. 0: all of them. A new node that need not keep all copies the state
        /// from its peers, and has the blocks from then on; one that keeps all fetches and executes every block.
        blocks_kept: u64 = 0,
        /// Worker threads of the node. 0: one for each processor.
        worker_threads: u32 = 0,
        /// Memory for pages of the state and the blocks, in MiB, taken at the start. What is not in it is read from the disk.
        /// 0: a sixteenth of the machine's, at least 64 and at most 4096.
        page_cache_mb: u32 = 0,
    }
    /// JSON-RPC over HTTP and WebSocket on one port, with the searchable history (SQLite) that it answers from.
    rpc: Rpc {
        /// Serve it.
        enabled: bool = true,
        /// Address and port. Other machines reach it only when this is not a loopback address; set a certificate then.
        listen: SocketAddr = loopback(8545),
        /// Certificate chain in PEM: then the port speaks TLS (1.2 and 1.3) alone. Read again when the file changes.
        tls_certificate: Option<PathBuf> = None,
        /// Private key of the certificate in PEM, which nobody else may read.
        tls_key: Option<PathBuf> = None,
        /// Most connections of one client at the same time. A client is an IPv4 address, or the first 64 bits of an IPv6 address.
        client_connections_max: u32 = 256,
        /// Connections that one client may open a second in the long run, ten seconds' worth at once.
        client_arrivals_per_second_max: u64 = 200,
        /// Requests of one client a second in the long run, ten seconds' worth at once. Simulations, traces and proofs count 20, searches 5.
        client_requests_per_second_max: u64 = 2_000,
        /// Bytes from and to one client a second in the long run.
        client_bytes_per_second_max: u64 = 16 * 1024 * 1024,
        /// Signatures of one client's transactions that are checked a second in the long run.
        client_signatures_per_second_max: u64 = 1_000,
        /// How long a client is not served that went on after many refusals, in milliseconds. 0: nobody is banned.
        client_ban_ms: u64 = 600_000,
        /// Addresses or networks (`10.1.2.0/24`) without these bounds: this machine, a bank's own gateway. A proxy counts as one client.
        trusted_clients: Vec<String> = vec!["127.0.0.0/8".into(), "::1/128".into()],
        /// Most connections at the same time. A quarter is kept for trusted clients; of the others each has at most a quarter as
        /// many as are left free, and one in any case.
        connections_max: u32 = 2_000,
        /// Most bytes of one request.
        request_bytes_max: u32 = 2 * 1024 * 1024,
        /// Most bytes of one response.
        response_bytes_max: u32 = 128 * 1024 * 1024,
        /// Most requests in one batch.
        batch_requests_max: u32 = 1_000,
        /// Longest time for one request or batch, in milliseconds.
        request_ms_max: u64 = 30_000,
        /// Most simulations (`eth_call`, gas estimates, traces) at the same time: they take processor time from consensus.
        simulations_max: u32 = 2,
        /// Gas of one simulation.
        call_gas_max: u64 = 50_000_000,
        /// Most blocks that one `eth_getLogs` may span.
        log_blocks_max: u64 = 1_000_000,
        /// Most logs in one answer.
        logs_max: u64 = 20_000,
        /// Web origins that browsers may call from; `*` for every one.
        cors_origins: Vec<String> = Vec::new(),
    }
    /// The history that people and bank systems search: payments with their steps, transfers, decisions, settlement, in SQL.
    /// The node feeds it with every final block; `florin history rebuild` makes it anew.
    history: History {
        /// `off`, `sqlite` (a file) or `postgres` (a database of its own, encoded in UTF8).
        store: HistoryStore = HistoryStore::Off,
        /// File of SQLite. Not set: `history.sqlite` in the data directory.
        file: Option<PathBuf> = None,
        /// File with the URL of PostgreSQL, `postgres://user@host:5432/database`, without a password. The server must show a
        /// certificate for its name, unless the URL says otherwise: `specs/history.md`.
        url_file: Option<PathBuf> = None,
        /// File with the password for PostgreSQL, which nobody else may read. Not set: the URL's user needs none.
        password_file: Option<PathBuf> = None,
    }
    /// Prometheus metrics and health: `/metrics`, `/healthz`, `/readyz`.
    monitoring: Monitoring {
        /// Serve them.
        enabled: bool = true,
        /// Address and port.
        listen: SocketAddr = loopback(9464),
        /// Certificate chain in PEM: then the port speaks TLS alone. Read again when the file changes.
        tls_certificate: Option<PathBuf> = None,
        /// Private key of the certificate in PEM, which nobody else may read.
        tls_key: Option<PathBuf> = None,
        /// The node is not ready when its latest block is older than this, in milliseconds.
        block_age_ms_max: u64 = 15_000,
        /// Names under which accounts are shown in metrics, each as `0xADDRESS=name`; others are shown by address.
        account_names: Vec<String> = Vec::new(),
    }
    /// The pool of transactions that wait for a block.
    mempool: Mempool {
        /// Most transactions.
        transactions_max: u64 = 32_768,
        /// Most transactions of one sender.
        sender_transactions_max: u64 = 4_096,
        /// Most bytes of transactions.
        bytes_max: u64 = 64 * 1024 * 1024,
        /// A transaction that waits longer is dropped, in milliseconds.
        age_ms_max: u64 = 10_800_000,
    }
    /// The log, on standard error.
    log: Log {
        /// What is logged, in the syntax of `RUST_LOG`, such as `info` or `info,florin_consensus=debug`.
        filter: String = "info,commonware=warn,commonware_storage=error".into(),
        /// `text` for people or `json` for machines.
        format: LogFormat = LogFormat::Text,
    }
    /// OpenTelemetry traces.
    traces: Traces {
        /// Where traces go: a collector's OTLP endpoint over HTTP, such as `http://127.0.0.1:4318/v1/traces`. Not set: nowhere.
        otlp_endpoint: Option<String> = None,
        /// Which spans are sent, in the syntax of `RUST_LOG`.
        filter: String = "info".into(),
        /// Part of all traces that is kept, 0 to 1.
        sampled_ratio: f64 = 0.1,
    }
}
