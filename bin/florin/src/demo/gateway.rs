//! The demo's gateway: the banks' systems can talk to the ledger from the first minute.
//!
//! Every bank is a tenant with a key that everyone knows. Its customers' accounts are its own to pay from. It pays from accounts
//! of its own, beside those from which the demo's traffic pays: one account is signed for in one place. What it remembers is in
//! the demo's directory, so that a demo that goes on has its answers.

use super::{
    Network,
    accounts::{DEMO_CHAIN_ID, DEMO_SYMBOL},
};
use crate::{
    failure::Failure,
    gateway::{gateway_failure, router},
    genesis,
    node::monitoring,
    remote::{client_failure, connect},
};
use florin_client::{ClientError, Verifier};
use florin_gateway::{
    Controls, Faults, Gateway, Setup,
    access::{Key, Role, Tenant},
    book::{Book, HolderConfig, TokenEntry},
};
use florin_history::Location;
use florin_iso20022::Limits;
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
};
use tokio::{sync::oneshot, task::JoinHandle};

/// Port of a demo whose RPC has the port that everyone expects.
pub(crate) const GATEWAY_PORT: u16 = 8600;
/// How messages write the demo's currency.
const CURRENCY: &str = "EUR";
/// The scheme in which it is cleared: the working day makes the ledger's first.
const DAY_SCHEME: u64 = 1;
/// Name, bank, number and BIC. What has no BIC is a customer of its bank.
const ACCOUNTS: [(&str, &str, &str, Option<&str>); 6] = [
    ("bank-a", "bank-a", "DE89370400440532013000", Some("FLRADEFFXXX")),
    ("bank-b", "bank-b", "FR1420041010050500013M02606", Some("FLRBFRPPXXX")),
    ("bank-c", "bank-c", "NL91ABNA0417164300", Some("FLRCNL2AXXX")),
    ("alma", "bank-a", "ES9121000418450200051332", None),
    ("bruno", "bank-b", "IT60X0542811101000000123456", None),
    ("chiara", "bank-c", "GB29NWBK60161331926819", None),
];

/// A gateway that runs.
pub(crate) struct DemoGateway {
    /// Where it is served.
    pub(crate) url: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// The key of a bank, which everyone knows.
pub(crate) fn key_of(bank: &str) -> String {
    format!("demo-key-of-{bank}")
}

impl DemoGateway {
    /// Opens it on the demo's directory, and serves it on this port.
    pub(crate) async fn start(network: &Network, port: u16) -> Result<Self, Failure> {
        let gateway = Gateway::open(set_up(network)?, Faults::default()).await.map_err(gateway_failure)?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let address = monitoring::serve_router("gateway", listen, None, router(&gateway)).await?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let stopped = async {
                // Whoever drops the other end means the same.
                let _ = stopped.await;
            };
            if let Err(error) = gateway.run(stopped).await {
                tracing::error!(code = error.code(), %error, "gateway.ended");
            }
        });
        Ok(Self { url: format!("http://{address}"), stop, task })
    }

    /// Ends it between two rounds.
    pub(crate) async fn stop(self) {
        // It may have ended by itself.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

fn set_up(network: &Network) -> Result<Setup, Failure> {
    let root = network.layout.root();
    let genesis = genesis::read(&root.join("genesis.json"))?;
    let genesis_hash = genesis::block(&genesis)?.hash();
    let verifier =
        Verifier::from_genesis(&genesis, genesis_hash).map_err(|error| client_failure(ClientError::from(error)))?;
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::input("demo.gateway", error, "report this: the demo's own gateway is refused")
    };
    let place = root.join("gateway.sqlite").display().to_string();
    // The last ones of those that have money and no name: load is generated from the first ones.
    let mut banks_keys = network.people.load().iter().rev();
    let (mut holders, mut signers) = (Vec::new(), BTreeMap::new());
    for (name, bank, number, bic) in ACCOUNTS {
        let customer = network.people.named().iter().find(|person| bic.is_none() && person.name == name);
        let Some(key) = customer.map(|person| &person.key).or_else(|| banks_keys.next()) else { continue };
        holders.push(HolderConfig {
            number: Some(number.into()),
            bic: bic.map(String::from),
            name: Some(name.into()),
            address: key.address(),
            tenant: Some(bank.into()),
            key: Some(name.into()),
        });
        signers.insert(key.address(), key.clone());
    }
    let banks = ["bank-a", "bank-b", "bank-c"];
    let token = genesis.tokens.iter().find(|token| token.currency.symbol() == DEMO_SYMBOL);
    let digits = token.map_or(2, |token| token.currency.digits());
    let euro = TokenEntry { currency: CURRENCY.into(), address: network.token, digits, scheme: Some(DAY_SCHEME) };
    let book = Book::new(&holders, vec![euro], &banks.map(String::from).into()).map_err(|error| wrong(&error))?;
    let tenants = banks.iter().map(|bank| {
        let keys = vec![Key::new(bank, Role::ALL, &key_of(bank))];
        Tenant { name: (*bank).into(), keys, ..Tenant::default() }
    });
    Ok(Setup {
        location: Location::parse(&place, None).map_err(|error| wrong(&error))?,
        rpc: connect(network.rpc_url())?,
        verifier,
        chain_id: DEMO_CHAIN_ID,
        genesis_hash,
        book,
        signers,
        transaction_gas_max: genesis.rules.at(0).transaction_gas_max,
        tenants: tenants.collect(),
        controls: Controls::default(),
        webhooks: Vec::new(),
        folder: Some(root.join("files")),
        read_from: None,
        limits: Limits::default(),
    })
}
