//! `florin gateway`: what a bank's systems talk to, beside a node.

mod audit;
pub(crate) mod config;
pub(crate) mod watched;

use crate::{
    config::Config as NodeConfig,
    failure::{Exit, Failure},
    files,
    key::{Keystore, accounts},
    network::{Network, NetworkArguments},
    node::{intrusions::Intrusions, monitoring, tls},
    output::{self, Output},
    passphrase::PassphraseSource,
    remote::client_failure,
    telemetry::Telemetry,
};
use alloy_primitives::Address;
use clap::{Args, Subcommand};
use config::{Config, KeyConfig, Section, TenantConfig};
use florin_client::Signer;
use florin_gateway::{
    Controls, Faults, Gateway, GatewayError, ScreeningConfig, Setup, Webhook,
    access::{Key, Peer, Role, Tenant},
    audit::AnchorConfig,
    book::{Book, TokenEntry},
};
use florin_history::Location;
use florin_iso20022::Limits;
use florin_rpc::{Tls, client_address};
use serde_json::json;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::runtime::{Builder, Runtime};
use watched::Watched;
use zeroize::Zeroizing;

/// Fewest characters of a caller's key.
const KEY_CHARS_MIN: usize = 16;

/// Takes ISO 20022 messages of banks, pays what they order, and answers them.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  florin gateway --config gateway.toml --genesis genesis.json
  florin gateway --config gateway.toml --genesis genesis.json --passphrase-file passphrase --json
  florin gateway audit verify --config gateway.toml --genesis genesis.json
  curl -H 'Authorization: Bearer KEY' -H 'Prefer: wait=10' --data-binary @pacs008.xml http://127.0.0.1:8600/v1/messages

The file says who may use it, which tokens currencies mean, and who is who on the ledger; specs/gateway.md has every field.
What it remembers is in its database: back it up. It can be killed at any moment and started again."
)]
pub(crate) struct GatewayCommand {
    #[command(subcommand)]
    action: Option<Action>,
    /// The gateway's configuration, TOML.
    #[arg(long, value_name = "FILE", default_value = "gateway.toml")]
    config: PathBuf,
    #[command(flatten)]
    network: NetworkArguments,
    #[command(flatten)]
    keystore: Keystore,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// What else is done with a gateway's files.
#[derive(Debug, Subcommand)]
enum Action {
    /// The audit log: who did and saw what.
    Audit {
        #[command(subcommand)]
        action: audit::AuditAction,
    },
}

/// Runs `florin gateway` until it is told to stop.
pub(crate) fn run(command: &GatewayCommand, output: Output) -> Result<(), Failure> {
    if let Some(Action::Audit { action }) = &command.action {
        return audit::run(action, output);
    }
    let config = Config::load(&command.config)?;
    let telemetry = Telemetry::start(&NodeConfig::default(), "gateway")?;
    let result = runtime()?.block_on(serve(command, &config, telemetry.intrusions(), output));
    telemetry.stop();
    result
}

fn runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(|error| {
        Failure::new(Exit::Failed, "gateway.runtime", error, "free memory or raise the limit of threads, and try again")
    })
}

async fn serve(
    command: &GatewayCommand,
    config: &Config,
    intrusions: Arc<Intrusions>,
    output: Output,
) -> Result<(), Failure> {
    let root = command.config.parent().map(Path::to_path_buf).unwrap_or_default();
    let network = command.network.open().await?;
    let setup = set_up(command, config, &root, network).await?;
    let (accounts, tenants) = (config.accounts.len(), config.tenants.len());
    // One process a database file: two would be safe, and would only get in each other's way.
    let _lock = match &setup.location {
        Location::Sqlite(file) => {
            let lock = files::lock(&file.with_extension("lock"), file)?;
            // What banks' customers pay is nobody else's business; SQLite gives its other files the same mode.
            files::make_private(file)?;
            Some(lock)
        }
        Location::Postgres(_) => None,
    };
    let database = setup.location.to_string();
    let gateway = Gateway::open(setup, Faults::default()).await.map_err(gateway_failure)?;
    let (section, port) = (&config.gateway, config.gateway.port());
    let certificate = tls::open(&root, "gateway", (&section.tls_certificate, &section.tls_key))?;
    let scheme = scheme(&certificate);
    let watched = Arc::new(Watched::new(intrusions, port.clone(), &gateway));
    let address = monitoring::serve_router("gateway", section.listen, certificate, router(&gateway), port).await?;
    let monitoring_url = match &config.monitoring {
        Some(section) => Some(watched::serve(&root, section, watched).await?),
        None => None,
    };
    monitoring::warn_of_plain_ports(config.plain_public_ports());
    let stop = crate::node::stop_request(None)?;
    let url = format!("{scheme}://{address}");
    let value = json!({
        "url": url, "monitoring_url": monitoring_url, "database": database, "accounts": accounts, "tenants": tenants
    });
    output.show(&value, || {
        let mut told = vec![("messages go to", format!("{url}/v1/messages"))];
        told.extend(monitoring_url.as_ref().map(|url| ("watched at", format!("{url}/metrics"))));
        told.extend([
            ("remembered in", database.clone()),
            ("accounts", accounts.to_string()),
            ("tenants", tenants.to_string()),
        ]);
        output::fields(&told)
    })?;
    gateway.run(stop).await.map_err(gateway_failure)
}

/// How a port with or without a certificate is addressed.
fn scheme(certificate: &Option<Tls>) -> &'static str {
    if certificate.is_some() { "https" } else { "http" }
}

/// The gateway's HTTP, which is told where each request comes from.
pub(crate) fn router(gateway: &Gateway) -> axum::Router {
    gateway.router().layer(axum::middleware::map_request(async |mut request: axum::extract::Request| {
        if let Some(address) = client_address(request.extensions()) {
            request.extensions_mut().insert(Peer(address));
        }
        request
    }))
}

async fn set_up(command: &GatewayCommand, config: &Config, root: &Path, network: Network) -> Result<Setup, Failure> {
    let section = &config.gateway;
    let mut tokens = Vec::new();
    for currency in &config.currencies {
        let token = network.token(&currency.token).await?;
        tokens.push(TokenEntry {
            currency: currency.code.clone(),
            address: token.address(),
            digits: token.currency().digits(),
            scheme: currency.scheme,
        });
    }
    for (place, token) in tokens.iter().enumerate() {
        check_digits(place, token)?;
    }
    let opened = config.tenants.iter().enumerate().map(|(place, tenant)| open_tenant(place, tenant, &tokens, root));
    let tenants = opened.collect::<Result<_, _>>()?;
    let names = config.tenants.iter().map(|tenant| tenant.name.clone()).collect();
    let book = Book::new(&config.accounts, tokens, &names)
        .map_err(|error| Failure::usage("gateway.config", error, "mend the field; every account is named once"))?;
    let location = location(section, root)?;
    let signers = signers(command, config)?;
    let controls = controls(command, config, &book, root)?;
    let genesis_hash = crate::genesis::block(&network.genesis)?.hash();
    let head = network.client.block_number().await.map_err(crate::remote::client_failure)?;
    Ok(Setup {
        location,
        rpc: network.client,
        verifier: network.verifier,
        chain_id: network.genesis.chain_id,
        genesis_hash,
        book,
        signers,
        transaction_gas_max: network.genesis.rules.at(head).transaction_gas_max,
        tenants,
        webhooks: config
            .tenants
            .iter()
            .filter_map(|tenant| open_webhook(tenant, root).transpose())
            .collect::<Result<_, _>>()?,
        controls,
        folder: section.folder.as_ref().map(|folder| root.join(folder)),
        read_from: section.read_from_block,
        limits: Limits::default(),
    })
}

/// Where the gateway remembers.
fn location(section: &Section, root: &Path) -> Result<Location, Failure> {
    let password =
        section.database_password_file.as_ref().map(|file| files::read_secret(&root.join(file))).transpose()?;
    let file = section.database_file(root).map(|file| file.display().to_string());
    let place = file.unwrap_or_else(|| section.database.clone());
    Location::parse(&place, password.as_ref().map(|text| text.trim()))
        .map_err(|error| Failure::usage("gateway.config", error, "correct gateway.database"))
}

/// A token whose digits are not the currency's would pay a hundred times too much, or too little.
fn check_digits(place: usize, token: &TokenEntry) -> Result<(), Failure> {
    let (code, digits) = (&token.currency, token.digits);
    match florin_iso20022::currency_digits(code) {
        Some(expected) if expected == digits => Ok(()),
        Some(expected) => Err(Failure::usage(
            "gateway.config",
            format_args!("field currencies[{place}].token: it has {digits} digits, {code} has {expected} in ISO 4217"),
            "name a token with the currency's digits",
        )),
        None => Err(Failure::usage(
            "gateway.config",
            format_args!(
                "field currencies[{place}].code: {code:?} is no currency of ISO 4217 that payments are made in"
            ),
            "write a code such as EUR",
        )),
    }
}

/// The keys that the accounts name, each of which must be its account's.
fn signers(command: &GatewayCommand, config: &Config) -> Result<BTreeMap<Address, Signer>, Failure> {
    let store = accounts::Store::open(&command.keystore)?;
    let mut signers = BTreeMap::new();
    for (place, account) in config.accounts.iter().enumerate() {
        let Some(key) = &account.key else { continue };
        let signer = accounts::named(key, &store, &command.passphrase)?;
        if signer.address() != account.address {
            return Err(Failure::usage(
                "gateway.config",
                format_args!(
                    "field accounts[{place}].key: {key:?} is the key of {}, not of {}",
                    signer.address(),
                    account.address
                ),
                "name the account's own key",
            ));
        }
        signers.insert(account.address, signer);
    }
    Ok(signers)
}

/// Who decides beside the ledger.
fn controls(command: &GatewayCommand, config: &Config, book: &Book, root: &Path) -> Result<Controls, Failure> {
    let screening = config.screening.as_ref().map(|section| {
        let key = section.key_file.as_ref().map(|file| files::read_secret(&root.join(file))).transpose()?;
        Ok::<_, Failure>(ScreeningConfig {
            url: section.url.clone(),
            key: key.map(|key| Zeroizing::new(key.trim().to_owned())),
            timeout_ms: section.timeout_ms,
            roots: crate::network::roots(section.tls_roots.as_ref().map(|file| root.join(file)).as_deref())?,
        })
    });
    let anchor = config.audit.as_ref().map(|section| {
        let store = accounts::Store::open(&command.keystore)?;
        let signer = accounts::named(&section.key, &store, &command.passphrase)?;
        let other = signer.address();
        let wrong = |rule: String| Failure::usage("gateway.config", rule, "name the account's own key");
        if other != section.account {
            return Err(wrong(format!(
                "field audit.key: {:?} is the key of {other}, not of {}",
                section.key, section.account
            )));
        }
        let token =
            book.token(&section.currency).map_err(|reason| wrong(format!("field audit.currency: {}", reason.words)))?;
        Ok(AnchorConfig { signer, token: token.address })
    });
    Ok(Controls {
        oidc: config.oidc.clone(),
        screening: screening.transpose()?,
        anchor: anchor.transpose()?,
        calls_per_second: Some(config.gateway.calls_per_second),
    })
}

fn open_tenant(place: usize, tenant: &TenantConfig, tokens: &[TokenEntry], root: &Path) -> Result<Tenant, Failure> {
    let mut keys = Vec::new();
    if let Some(file) = &tenant.key_file {
        keys.push(Key::new(&tenant.name, Role::ALL, &open_key(&tenant.name, &root.join(file))?));
    }
    for KeyConfig { name, roles, file } in &tenant.keys {
        let known = roles.iter().map(|role| Role::from_name(role).ok_or(role)).collect::<Result<Vec<_>, _>>();
        let roles = known.map_err(|role| {
            let names = Role::ALL.map(Role::name).join(", ");
            let message = format!("tenant {}, key of {name:?}: {role:?} is no role", tenant.name);
            Failure::usage("gateway.config", message, format_args!("write some of: {names}"))
        })?;
        keys.push(Key::new(name, roles, &open_key(name, &root.join(file))?));
    }
    let mut approval_above = BTreeMap::new();
    for (currency, amount) in &tenant.approval_above {
        let token = tokens.iter().find(|token| token.currency == *currency);
        let parsed = token.and_then(|token| {
            let currency = florin_types::Currency::new(currency, token.digits).ok()?;
            florin_types::Amount::parse(amount, currency).ok()
        });
        let Some(limit) = parsed else {
            return Err(Failure::usage(
                "gateway.config",
                format_args!(
                    "field tenants[{place}].approval_above: {currency} = {amount:?} is no amount of a configured currency"
                ),
                "write it as messages do, such as EUR = \"10000.00\"",
            ));
        };
        approval_above.insert(currency.clone(), limit.minor());
    }
    Ok(Tenant { name: tenant.name.clone(), keys, approval_above })
}

fn open_key(name: &str, file: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = files::read_secret(file)?;
    let key = Zeroizing::new(text.trim().to_owned());
    if key.chars().count() < KEY_CHARS_MIN {
        return Err(Failure::usage(
            "gateway.key",
            format_args!("the key of {name} has fewer than {KEY_CHARS_MIN} characters"),
            "make one with `openssl rand -hex 32`",
        ));
    }
    Ok(key)
}

/// A tenant's server, with the secret that it shares.
fn open_webhook(tenant: &TenantConfig, root: &Path) -> Result<Option<Webhook>, Failure> {
    let Some(webhook) = &tenant.webhook else { return Ok(None) };
    let secret = files::read_secret(&root.join(&webhook.secret_file))?;
    if secret.trim().chars().count() < KEY_CHARS_MIN {
        return Err(Failure::usage(
            "gateway.webhook",
            format_args!("the webhook's secret of tenant {} has fewer than {KEY_CHARS_MIN} characters", tenant.name),
            "make one with `openssl rand -hex 32`",
        ));
    }
    Ok(Some(Webhook {
        tenant: tenant.name.clone(),
        url: webhook.url.clone(),
        secret: secret.trim().as_bytes().to_vec(),
        roots: crate::network::roots(webhook.tls_roots.as_ref().map(|file| root.join(file)).as_deref())?,
    }))
}

/// The gateway's own trouble, for people.
pub(crate) fn gateway_failure(error: GatewayError) -> Failure {
    let code = error.code();
    match error {
        GatewayError::Client(error) => client_failure(error),
        GatewayError::Damaged { .. } => {
            Failure::new(Exit::Damaged, code, error, "restore the database from its backup")
        }
        GatewayError::OtherLedger { .. } | GatewayError::Config { .. } => {
            Failure::usage(code, error, "correct the gateway's configuration")
        }
        GatewayError::Database { .. } | GatewayError::File { .. } => {
            Failure::unavailable(code, error, "see that the database runs and the disk has room, and start again")
        }
        GatewayError::Answer(_) | GatewayError::Stopped(_) => Failure::new(Exit::Failed, code, error, "report this"),
    }
}
