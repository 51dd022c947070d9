//! The demo's gateway: the banks' systems can talk to the ledger from the first minute.
//!
//! Every bank is a tenant with a key that everyone knows. Its customers' accounts are its own to pay from. It pays from accounts
//! of its own, beside those from which the demo's traffic pays: one account is signed for in one place. What it remembers is in
//! the demo's directory, so that a demo that goes on has its answers.

use super::{
    Network,
    accounts::{DEMO_CHAIN_ID, DEMO_SYMBOL, People},
};
use crate::{
    failure::Failure,
    gateway::{config::Section, gateway_failure, router},
    genesis,
    node::monitoring,
    remote::{client_failure, connect},
};
use alloy_primitives::Address;
use florin_client::{ClientError, Signer, Verifier};
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
/// How messages write the currency that the working day makes, and its digits.
const DAY_CURRENCY: (&str, u8) = ("USD", 2);
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
    /// Opens it on the demo's directory, and serves it on this port. `dollar` is the second currency, where there is one or will be.
    pub(crate) async fn start(network: &Network, port: u16, dollar: Option<Address>) -> Result<Self, Failure> {
        let gateway = Gateway::open(set_up(network, dollar)?, Faults::default()).await.map_err(gateway_failure)?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let address =
            monitoring::serve_router("gateway", listen, None, router(&gateway), Section::default().port()).await?;
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

/// Key of a bank's or customer's account at the gateway. The banks' are the last ones of those that have money and no name: load is
/// generated from the first ones.
fn key_at_gateway<'a>(people: &'a People, name: &str) -> Option<&'a Signer> {
    let customer = people.named().iter().find(|person| person.name == name);
    let mut banks = ACCOUNTS.iter().filter(|(_, _, _, bic)| bic.is_some());
    match banks.position(|(bank, ..)| *bank == name) {
        Some(place) => people.load().iter().rev().nth(place),
        None => customer.map(|person| &person.key),
    }
}

/// The account from which a bank pays at the gateway.
pub(super) fn account_of(people: &People, bank: &str) -> Option<Address> {
    key_at_gateway(people, bank).map(Signer::address)
}

fn set_up(network: &Network, dollar: Option<Address>) -> Result<Setup, Failure> {
    let root = network.layout.root();
    let genesis = genesis::read(&root.join("genesis.json"))?;
    let genesis_hash = genesis::block(&genesis)?.hash();
    let verifier =
        Verifier::from_genesis(&genesis, genesis_hash).map_err(|error| client_failure(ClientError::from(error)))?;
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::input("demo.gateway", error, "report this: the demo's own gateway is refused")
    };
    let place = root.join("gateway.sqlite").display().to_string();
    let (mut holders, mut signers) = (Vec::new(), BTreeMap::new());
    for (name, bank, number, bic) in ACCOUNTS {
        let Some(key) = key_at_gateway(&network.people, name) else { continue };
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
    let (currency, digits) = DAY_CURRENCY;
    let dollar = dollar.map(|address| TokenEntry { currency: currency.into(), address, digits, scheme: None });
    let tokens = std::iter::once(euro).chain(dollar).collect();
    let book = Book::new(&holders, tokens, &banks.map(String::from).into()).map_err(|error| wrong(&error))?;
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
