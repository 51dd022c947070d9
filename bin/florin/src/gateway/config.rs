//! The configuration of a gateway: one TOML file. Paths in it are relative to the file.

use crate::{
    config::{parse_network, plain_public},
    failure::Failure,
    files,
};
use alloy_primitives::Address;
use florin_gateway::{
    access::{CALLS_PER_SECOND, OidcConfig, check_url},
    book::{CurrencyConfig, HolderConfig},
};
use florin_rpc::{ClientLimits, IpNet, Port};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

/// Most tenants of one gateway, and accounts of all of them.
const TENANTS_MAX: usize = 1_000;
const ACCOUNTS_MAX: usize = 100_000;
/// Longest time that the screening service may take.
const SCREENING_TIMEOUT_MS_MAX: u64 = 60_000;
/// Most keys of one tenant.
const KEYS_MAX: usize = 1_000;

/// The file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Where HTTP is served.
    #[serde(default)]
    pub(crate) gateway: Section,
    /// Where it is watched. Not set: nowhere.
    pub(crate) monitoring: Option<MonitoringSection>,
    /// Who may use it.
    pub(crate) tenants: Vec<TenantConfig>,
    /// Which tokens currencies mean.
    pub(crate) currencies: Vec<CurrencyConfig>,
    /// Whose access tokens are taken. Not set: nobody's.
    pub(crate) oidc: Option<OidcConfig>,
    /// Who is asked about every order before it is signed. Not set: nobody.
    pub(crate) screening: Option<ScreeningSection>,
    /// Who commits the audit log to the ledger once a day. Not set: nobody.
    pub(crate) audit: Option<AuditSection>,
    /// Who is who on the ledger.
    pub(crate) accounts: Vec<HolderConfig>,
}

/// What is about the gateway itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Section {
    /// Address and port.
    pub(crate) listen: SocketAddr,
    /// Where it remembers: a file of SQLite, or `postgres://user@host/database`.
    pub(crate) database: String,
    /// File with the password of the database.
    pub(crate) database_password_file: Option<PathBuf>,
    /// Watched directory. Not set: none.
    pub(crate) folder: Option<PathBuf>,
    /// Certificate chain in PEM: then the port speaks TLS alone.
    pub(crate) tls_certificate: Option<PathBuf>,
    /// Its private key, which nobody else may read.
    pub(crate) tls_key: Option<PathBuf>,
    /// Height after which movements are told, when the database is new. Not set: from the first start on.
    pub(crate) read_from_block: Option<u64>,
    /// Calls that one caller has in a second; five times as many at once.
    pub(crate) calls_per_second: NonZeroU32,
    /// Most connections at the same time. A quarter is kept for trusted clients; of the others each has at most a quarter as many as
    /// are left free, and one in any case.
    pub(crate) connections_max: NonZeroU32,
    /// Most connections of one client at the same time. A client is an IPv4 address, or the first 64 bits of an IPv6 address.
    pub(crate) client_connections_max: NonZeroU32,
    /// Requests of one client a second in the long run, ten seconds' worth at once, whoever calls.
    pub(crate) client_requests_per_second_max: NonZeroU32,
    /// How long a client is not served that went on after many refusals, in milliseconds. 0: nobody is banned.
    pub(crate) client_ban_ms: u64,
    /// Addresses or networks without these bounds. A proxy counts as one client.
    pub(crate) trusted_clients: Vec<String>,
}

impl Default for Section {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8600)),
            database: "gateway.sqlite".into(),
            database_password_file: None,
            folder: None,
            tls_certificate: None,
            tls_key: None,
            read_from_block: None,
            calls_per_second: CALLS_PER_SECOND,
            connections_max: const { NonZeroU32::new(256).expect("it is above zero") },
            client_connections_max: const { NonZeroU32::new(64).expect("it is above zero") },
            client_requests_per_second_max: const { NonZeroU32::new(2_000).expect("it is above zero") },
            client_ban_ms: 600_000,
            trusted_clients: ["127.0.0.0/8", "::1/128"].map(String::from).into(),
        }
    }
}

impl Section {
    /// The port, with its bounds on clients.
    pub(crate) fn port(&self) -> Port {
        let limits = ClientLimits {
            connections_max: self.client_connections_max.get(),
            requests_per_second_max: self.client_requests_per_second_max.get().into(),
            ban_time: Duration::from_millis(self.client_ban_ms),
            // What was loaded has been checked.
            trusted: self.trusted().unwrap_or_default(),
            ..ClientLimits::default()
        };
        Port::new("gateway", self.connections_max.get(), limits)
    }

    /// The file in which it remembers; none where that is PostgreSQL.
    pub(crate) fn database_file(&self, root: &Path) -> Option<PathBuf> {
        let is_server = self.database.starts_with("postgres");
        (!is_server).then(|| root.join(self.database.strip_prefix("sqlite:").unwrap_or(&self.database)))
    }

    fn trusted(&self) -> Result<Vec<IpNet>, String> {
        self.trusted_clients.iter().map(|text| parse_network(text)).collect()
    }
}

/// Where the gateway is watched.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MonitoringSection {
    /// Address and port of `/metrics`, `/healthz`, `/readyz` and `/bans`.
    pub(crate) listen: SocketAddr,
    /// Certificate chain in PEM: then the port speaks TLS alone.
    pub(crate) tls_certificate: Option<PathBuf>,
    /// Its private key, which nobody else may read.
    pub(crate) tls_key: Option<PathBuf>,
}

/// Somebody who may use it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantConfig {
    /// Name: letters, digits, `-` and `_`. It names the tenant's directory, too.
    pub(crate) name: String,
    /// File with the key of the tenant's only caller, which is called as the tenant and has every role.
    pub(crate) key_file: Option<PathBuf>,
    /// Callers with keys.
    #[serde(default)]
    pub(crate) keys: Vec<KeyConfig>,
    /// Above which amount an order waits for a checker: by currency, as messages write both.
    #[serde(default)]
    pub(crate) approval_above: BTreeMap<String, String>,
    /// Its server that is told what happens to its payments.
    pub(crate) webhook: Option<WebhookConfig>,
}

/// The screening service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScreeningSection {
    /// Where orders are posted. `https://`; `http://` only to this machine.
    pub(crate) url: String,
    /// File with the key that goes with every question.
    pub(crate) key_file: Option<PathBuf>,
    /// How long an answer may take, in milliseconds.
    #[serde(default = "default_screening_timeout_ms")]
    pub(crate) timeout_ms: u64,
    /// Certificates in PEM that are trusted to name the service. Not set: this machine's own.
    pub(crate) tls_roots: Option<PathBuf>,
}

fn default_screening_timeout_ms() -> u64 {
    10_000
}

/// Who commits the audit log to the ledger.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditSection {
    /// The account, which is used for nothing else.
    pub(crate) account: Address,
    /// Key that signs for it: a name in the keystore, or of a device.
    pub(crate) key: String,
    /// The currency whose token carries the commitment. No unit moves.
    pub(crate) currency: String,
}

/// A caller with a key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyConfig {
    /// The caller's permanent name. One caller may have several keys.
    pub(crate) name: String,
    /// What it may do: maker, checker, treasurer, compliance, auditor, read-only.
    pub(crate) roles: Vec<String>,
    /// File with the key, at least 16 characters, readable by this user alone.
    pub(crate) file: PathBuf,
}

/// A tenant's server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookConfig {
    /// `https://` or, within a machine, `http://`.
    pub(crate) url: String,
    /// File with the secret that deliveries are signed with, at least 16 characters, readable by this user alone.
    pub(crate) secret_file: PathBuf,
    /// Roots in PEM that its certificate is checked against. Not set: the system's.
    pub(crate) tls_roots: Option<PathBuf>,
}

impl Config {
    /// Reads a file.
    pub(crate) fn load(path: &Path) -> Result<Self, Failure> {
        Self::parse(&files::read_text(path)?, &path.display().to_string())
    }

    fn parse(text: &str, name: &str) -> Result<Self, Failure> {
        let wrong =
            |message: String| Failure::usage("gateway.config", message, "see specs/gateway.md and docs/integrate.md");
        let value = toml::Deserializer::parse(text).map_err(|error| wrong(format!("{name} is not TOML: {error}")))?;
        let config: Self = serde_path_to_error::deserialize(value).map_err(|error| {
            let (path, reason) = (error.path().to_string(), error.into_inner());
            wrong(format!("{name}, field {path}: {}", reason.message()))
        })?;
        config.check().map_err(|(field, rule)| wrong(format!("{name}, field {field}: {rule}")))?;
        Ok(config)
    }

    /// Files that hold secrets.
    pub(crate) fn secrets(&self, root: &Path) -> Vec<PathBuf> {
        let own = [&self.gateway.database_password_file, &self.gateway.tls_key];
        let tenants = self.tenants.iter().flat_map(|tenant| {
            let keys = tenant.keys.iter().map(|key| &key.file);
            keys.chain(&tenant.key_file).chain(tenant.webhook.as_ref().map(|webhook| &webhook.secret_file))
        });
        let watched = self.monitoring.as_ref().and_then(|section| section.tls_key.as_ref());
        let screening = self.screening.as_ref().and_then(|section| section.key_file.as_ref());
        let all = own.into_iter().flatten().chain(tenants).chain(watched).chain(screening);
        all.map(|file| root.join(file)).collect()
    }

    /// Ports that other machines can reach without TLS, by the field that says where they listen.
    pub(crate) fn plain_public_ports(&self) -> Vec<(&'static str, SocketAddr)> {
        let (own, watched) = (&self.gateway, self.monitoring.as_ref());
        let own = Some(("gateway.listen", own.listen, own.tls_certificate.is_some()));
        let watched = watched.map(|it| ("monitoring.listen", it.listen, it.tls_certificate.is_some()));
        plain_public(own.into_iter().chain(watched))
    }

    fn check(&self) -> Result<(), (String, String)> {
        if self.tenants.is_empty() || self.tenants.len() > TENANTS_MAX {
            return Err(("tenants".into(), format!("there are 1 to {TENANTS_MAX} tenants")));
        }
        if self.accounts.len() > ACCOUNTS_MAX {
            return Err(("accounts".into(), format!("there are at most {ACCOUNTS_MAX} accounts")));
        }
        for (place, tenant) in self.tenants.iter().enumerate() {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            let (field, name) = (format!("tenants[{place}].name"), &tenant.name);
            if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
                return Err((field, format!("{name:?} is not 1 to 64 letters, digits, - and _")));
            }
            if tenant.keys.len() > KEYS_MAX {
                return Err((format!("tenants[{place}].keys"), format!("a tenant has at most {KEYS_MAX} keys")));
            }
            if tenant.key_file.is_none() && tenant.keys.is_empty() && self.oidc.is_none() {
                return Err((format!("tenants[{place}].keys"), "without keys and [oidc] nobody could use it".into()));
            }
            if let Some(Err(rule)) = tenant.webhook.as_ref().map(|webhook| check_url(&webhook.url)) {
                return Err((format!("tenants[{place}].webhook.url"), rule));
            }
            if self.tenants.iter().take(place).any(|other| other.name == *name) {
                return Err((field, format!("{name:?} is there twice")));
            }
        }
        if let Some(audit) = &self.audit {
            if self.accounts.iter().any(|account| account.address == audit.account) {
                let rule = format!("{} is an account that pays or is paid: commit from one of its own", audit.account);
                return Err(("audit.account".into(), rule));
            }
            if !self.currencies.iter().any(|currency| currency.code == audit.currency) {
                return Err(("audit.currency".into(), format!("{:?} is no configured currency", audit.currency)));
            }
        }
        if let Some(screening) = &self.screening
            && !(1..=SCREENING_TIMEOUT_MS_MAX).contains(&screening.timeout_ms)
        {
            let rule = format!("an answer takes 1 to {SCREENING_TIMEOUT_MS_MAX} milliseconds");
            return Err(("screening.timeout_ms".into(), rule));
        }
        let monitoring = self.monitoring.as_ref().map(|section| (&section.tls_certificate, &section.tls_key));
        let ports =
            [("gateway", Some((&self.gateway.tls_certificate, &self.gateway.tls_key))), ("monitoring", monitoring)];
        for (section, files) in ports {
            if files.is_some_and(|(certificate, key)| certificate.is_some() != key.is_some()) {
                let rule = "a certificate and its key are set together".into();
                return Err((format!("{section}.tls_certificate"), rule));
            }
        }
        self.gateway.trusted().map(drop).map_err(|rule| ("gateway.trusted_clients".into(), rule))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const GOOD: &str = "
        currencies = [{ code = 'EUR', token = 'DEUR' }]
        tenants = [{ name = 'bank-a', key_file = 'bank-a.key' }]
        [[accounts]]
        number = 'DE89370400440532013000'
        address = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC'
        tenant = 'bank-a'
        key = 'bank-a'
    ";

    fn load(text: &str) -> Result<Config, Failure> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(&path)
    }

    #[test]
    fn every_mistake_names_its_field() {
        for (from, to, field) in [
            ("code = 'EUR'", "kode = 'EUR'", "kode"),
            ("'bank-a', key_file", "'bank a', key_file", "tenants[0].name"),
            ("'bank-a', key_file", "'', key_file", "tenants[0].name"),
            ("'bank-a', key_file", "'..', key_file", "tenants[0].name"),
            ("[[accounts]]", "[gateway]\ntls_key = 'x'\n[[accounts]]", "gateway.tls_certificate"),
            ("[[accounts]]", "[gateway]\ncalls_per_second = 0\n[[accounts]]", "gateway.calls_per_second"),
            ("[[accounts]]", "[gateway]\nlisten = 'x'\n[[accounts]]", "gateway.listen"),
            ("[[accounts]]", "[gateway]\nconnections_max = 0\n[[accounts]]", "gateway.connections_max"),
            ("[[accounts]]", "[gateway]\ntrusted_clients = ['10.0.0.0/33']\n[[accounts]]", "gateway.trusted_clients"),
            ("[[accounts]]", "[monitoring]\ntls_key = 'x'\n[[accounts]]", "listen"),
            (
                "[[accounts]]",
                "[monitoring]\nlisten = '127.0.0.1:1'\ntls_key = 'x'\n[[accounts]]",
                "monitoring.tls_certificate",
            ),
            ("0x3C44", "0x3C", "accounts[0].address"),
            (
                "'bank-a.key' }]",
                "'bank-a.key', webhook = { url = 'ftp://x', secret_file = 's' } }]",
                "tenants[0].webhook.url",
            ),
            ("tenants = [{ name = 'bank-a', key_file = 'bank-a.key' }]", "tenants = []", "tenants"),
            ("'bank-a', key_file = 'bank-a.key'", "'bank-a'", "tenants[0].keys"),
            ("key_file = 'bank-a.key'", "keys = [{ name = 'anna', file = 'x' }]", "roles"),
            (
                "[[accounts]]",
                "[audit]\naccount = '0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC'\nkey = 'x'\ncurrency = 'EUR'\n[[accounts]]",
                "audit.account",
            ),
            (
                "[[accounts]]",
                "[audit]\naccount = '0x90F79bf6EB2c4f870365E785982E1f101E93b906'\nkey = 'x'\ncurrency = 'USD'\n[[accounts]]",
                "audit.currency",
            ),
            ("[[accounts]]", "[screening]\nurl = 'https://x'\ntimeout_ms = 0\n[[accounts]]", "screening.timeout_ms"),
            ("[[accounts]]", "[oidc]\nissuer = 'https://x'\n[[accounts]]", "audience"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let failure = load(&GOOD.replacen(from, to, 1)).unwrap_err();
            assert_eq!(failure.code, "gateway.config");
            assert!(failure.message.contains(field), "{field}: {}", failure.message);
        }
        assert_eq!(load("tenants = 1 =").unwrap_err().code, "gateway.config");
        let twice = GOOD.replace("'bank-a.key' }]", "'bank-a.key' }, { name = 'bank-a', key_file = 'x' }]");
        assert!(load(&twice).unwrap_err().message.contains("tenants[1].name"));
    }

    #[test]
    fn what_is_not_set_is_this_machine_alone() {
        let config = load(GOOD).unwrap();
        assert!(config.gateway.listen.ip().is_loopback());
        assert_eq!((config.gateway.database.as_str(), config.accounts.len()), ("gateway.sqlite", 1));
        assert!(config.monitoring.is_none() && config.plain_public_ports().is_empty());
        let open = "[gateway]\nlisten = '0.0.0.0:1'\n[monitoring]\nlisten = '[::]:2'\n[[accounts]]";
        let ports = load(&GOOD.replacen("[[accounts]]", open, 1)).unwrap().plain_public_ports();
        assert_eq!(ports.iter().map(|(field, _)| *field).collect::<Vec<_>>(), ["gateway.listen", "monitoring.listen"]);
    }

    proptest::proptest! {
        #[test]
        fn a_damaged_file_is_read_or_refused(bytes in crate::damage::near(GOOD)) {
            if let Err(failure) = Config::parse(&String::from_utf8_lossy(&bytes), "gateway.toml") {
                proptest::prop_assert_eq!(failure.code, "gateway.config");
            }
        }
    }
}
