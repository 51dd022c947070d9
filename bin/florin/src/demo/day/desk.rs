//! Where the day's transactions are signed, sent, waited for and looked at.
//!
//! Whoever acts sends through the node of its own bank. What happened is read at the first node and proven: the block
//! by its certificate, transaction and receipt by the block's roots. A step that does not do what the story says is a
//! failure.

use super::story::{Mention, Story, grouped};
use crate::{
    demo::{
        Network,
        accounts::{DEMO_CHAIN_ID, DemoAccount},
    },
    failure::{Exit, Failure},
    genesis,
    remote::{client_failure, connect},
};
use alloy_primitives::{Address, Bytes, Log, U256};
use alloy_sol_types::{SolCall, SolEvent};
use florin_client::{ClientError, Explanation, Modules, ProvenReceipt, RpcClient, Signer, Verifier};
use florin_modules::token::IToken;
use florin_types::{Amount, Currency, Genesis};

/// Longest time until a transaction of the day is final, in milliseconds.
const FINAL_TIME_MAX_MS: u64 = 60_000;

/// Somebody who acts in the day.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    /// Its name.
    pub(crate) name: String,
    /// Its key.
    pub(crate) key: Signer,
    /// Its node, by number among the validators.
    pub(crate) node: usize,
}

impl Actor {
    /// An account of the demo, at a node.
    pub(crate) fn of(account: &DemoAccount, node: usize) -> Self {
        Self { name: account.name.to_string(), key: account.key.clone(), node }
    }

    /// Its address.
    pub(crate) fn address(&self) -> Address {
        self.key.address()
    }
}

/// A currency of the day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Money {
    /// Its token.
    pub(crate) token: Address,
    /// Symbol and digits.
    pub(crate) currency: Currency,
}

impl Money {
    /// Minor units for people.
    pub(crate) fn show(&self, minor: impl TryInto<u128>) -> String {
        grouped(Amount::new(minor.try_into().unwrap_or(u128::MAX), self.currency))
    }
}

/// A transaction that is final, with its proven receipt.
pub(crate) struct Done {
    what: String,
    proven: ProvenReceipt,
}

impl Done {
    /// Time of its block.
    pub(crate) fn time_ms(&self) -> u64 {
        self.proven.header.extension().timestamp_ms
    }

    /// For the story.
    pub(crate) fn mention(&self) -> Mention {
        Mention { hash: *self.proven.tx.tx_hash(), block_number: self.proven.header.height() }
    }

    /// The one event of this kind that the story needs.
    pub(crate) fn event<E: SolEvent>(&self) -> Result<E, Failure> {
        let found = self.events::<E>();
        let count = found.len();
        let mut found = found.into_iter();
        match (found.next(), count) {
            (Some(event), 1) => Ok(event),
            _ => Err(differs(&self.what, &format!("one event {}", E::SIGNATURE), count)),
        }
    }

    /// All events of a kind.
    pub(crate) fn events<E: SolEvent>(&self) -> Vec<E> {
        let logs: &[Log] = self.proven.receipt.logs();
        logs.iter().filter_map(|log| E::decode_log(log).ok()).map(|log| log.data).collect()
    }
}

/// Balances at one moment, of those who take part in a step.
pub(crate) struct Positions(Vec<(Actor, Money, u128)>);

/// The day's only way to the ledger.
pub(crate) struct Desk<'a> {
    /// What is told of it.
    pub(crate) story: Story<'a>,
    /// What is trusted.
    pub(crate) genesis: Genesis,
    /// Verifies by it.
    pub(crate) verifier: Verifier,
    modules: Modules,
    nodes: Vec<RpcClient>,
    refused: usize,
}

impl<'a> Desk<'a> {
    /// A desk at the nodes of a network.
    pub(crate) fn open(network: &Network, story: Story<'a>) -> Result<Self, Failure> {
        let genesis = genesis::read(&network.layout.root().join("genesis.json"))?;
        let hash = genesis::block(&genesis)?.hash();
        let verifier = Verifier::from_genesis(&genesis, hash)
            .map_err(|error| Failure::input("genesis.invalid", error, "start the demo in a new directory"))?;
        let modules = Modules::new(connect(network.rpc_url())?, DEMO_CHAIN_ID);
        Ok(Self { story, genesis, verifier, modules, nodes: network.clients()?, refused: 0 })
    }

    /// The node at which everything is read.
    pub(crate) fn reader(&self) -> &RpcClient {
        self.modules.rpc()
    }

    /// How many calls were refused, as the story wants.
    pub(crate) fn refused_count(&self) -> usize {
        self.refused
    }

    /// Asks a reading function.
    pub(crate) async fn ask<C: SolCall>(&self, module: Address, call: C) -> Result<C::Return, Failure> {
        self.modules.ask(module, &call).await.map_err(|error| stopped(C::SIGNATURE, error))
    }

    /// Signs a call, sends it through the actor's node, and waits until it is final and proven.
    pub(crate) async fn act<C: SolCall>(
        &self,
        actor: &Actor,
        module: Address,
        call: C,
        what: &str,
    ) -> Result<Done, Failure> {
        let what = format!("{} {what}", actor.name);
        let sent = self.send(actor, module, call.abi_encode().into()).await;
        let proven = sent.map_err(|error| stopped(&what, error))?;
        if !proven.receipt.status() {
            return Err(differs(&what, "success", format!("transaction {} was reverted", proven.tx.tx_hash())));
        }
        Ok(Done { what, proven })
    }

    async fn send(&self, actor: &Actor, module: Address, input: Bytes) -> Result<ProvenReceipt, ClientError> {
        let signed = self.modules.sign_input(&actor.key, module, input).await?;
        let own = self.nodes.get(actor.node).unwrap_or_else(|| self.reader());
        own.send(&signed).await?;
        self.verifier.wait_receipt(self.reader(), signed.hash, FINAL_TIME_MAX_MS).await
    }

    /// Tries a call that the ledger is to refuse with this error, before anything is signed.
    pub(crate) async fn be_refused<C: SolCall>(
        &mut self,
        actor: &Actor,
        module: Address,
        call: C,
        code: &str,
    ) -> Result<Explanation, Failure> {
        let what = format!("{} calls {}", actor.name, C::SIGNATURE);
        let Err(error) = self.modules.sign(&actor.key, module, &call).await else {
            return Err(differs(&what, &format!("the error {code}"), "it was admitted"));
        };
        match error.explanation() {
            Some(explained) if explained.code == code => {
                self.refused += 1;
                Ok(explained)
            }
            _ => Err(differs(&what, &format!("the error {code}"), error)),
        }
    }

    /// Tells what transactions did.
    pub(crate) fn tell(&mut self, done: &[&Done], text: &str) -> Result<(), Failure> {
        let time_ms = done.iter().map(|done| done.time_ms()).max().unwrap_or_default();
        self.story.tell(time_ms, text, done.iter().map(|done| done.mention()).collect())
    }

    /// Tells of a refusal, in the ledger's words.
    pub(crate) fn tell_refusal(&mut self, text: &str, explained: &Explanation) -> Result<(), Failure> {
        let time_ms = crate::node::monitoring::now_ms();
        let Explanation { code, values, rule, .. } = explained;
        let text = format!("{text}: refused by {code}({values}). {rule}");
        self.story.tell(time_ms, &text, Vec::new())
    }

    /// What an account holds.
    pub(crate) async fn balance(&self, money: Money, account: Address) -> Result<u128, Failure> {
        let units: U256 = self.ask(money.token, IToken::balanceOfCall { account }).await?;
        u128::try_from(units).map_err(|_| differs("balanceOf", "less than 2^128 units", units))
    }

    /// What several accounts hold now.
    pub(crate) async fn positions(&self, of: &[(&Actor, Money)]) -> Result<Positions, Failure> {
        let mut rows = Vec::new();
        for (actor, money) in of {
            rows.push(((*actor).clone(), *money, self.balance(*money, actor.address()).await?));
        }
        Ok(Positions(rows))
    }

    /// Holds what they hold now against the changes that the story says, in the same order.
    pub(crate) async fn moved(&self, before: &Positions, changes: &[i128]) -> Result<(), Failure> {
        for ((actor, money, held), change) in before.0.iter().zip(changes) {
            let now = self.balance(*money, actor.address()).await?;
            let expected = held.checked_add_signed(*change);
            if expected != Some(now) {
                let what = format!("the balance of {}", actor.name);
                let expected = expected.map_or_else(|| "more than nothing".into(), |minor| money.show(minor));
                return Err(differs(&what, &expected, money.show(now)));
            }
        }
        Ok(())
    }
}

/// Holds a value against the story.
pub(crate) fn expect<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    Err(differs(what, &format!("{expected:?}"), format!("{found:?}")))
}

/// The ledger did something else than the story says.
pub(crate) fn differs(what: &str, expected: &str, found: impl std::fmt::Display) -> Failure {
    Failure::new(
        Exit::Failed,
        "demo.day",
        format_args!("the working day went wrong: {what}: the story says {expected}, the ledger says {found}"),
        "report this with the nodes' logs; `florin demo --quiet` runs the network without the day",
    )
}

/// A step could not be done at all.
fn stopped(what: &str, error: ClientError) -> Failure {
    match error.explanation() {
        Some(explained) => differs(what, "success", explained),
        None => {
            let failure = client_failure(error);
            Failure { message: format!("the working day stopped: {what}: {}", failure.message), ..failure }
        }
    }
}
