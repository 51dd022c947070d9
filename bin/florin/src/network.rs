//! Which network a command talks to and whom it trusts: the node's address, and the genesis file.

use crate::{
    failure::Failure,
    files, genesis,
    remote::{client_failure, connect_trusting},
};
use alloy_primitives::Address;
use clap::Args;
use florin_client::{Roots, RpcClient, Token, Verifier};
use florin_modules::token;
use florin_types::{Currency, Genesis};
use std::path::{Path, PathBuf};

/// Arguments of every command that asks a node.
#[derive(Clone, Debug, Args)]
pub(crate) struct NetworkArguments {
    /// The node's JSON-RPC.
    #[arg(
        long,
        value_name = "URL",
        env = "FLORIN_RPC_URL",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8545"
    )]
    pub(crate) rpc: String,
    /// Certificates in PEM that are trusted to name the node of an `https://` address. Not set: this machine's own.
    #[arg(long, value_name = "FILE", env = "FLORIN_TLS_ROOTS", hide_env_values = true)]
    pub(crate) tls_roots: Option<PathBuf>,
    /// The network's genesis file, from a source that you trust: answers are verified with its key.
    #[arg(long, value_name = "FILE", env = "FLORIN_GENESIS", hide_env_values = true)]
    pub(crate) genesis: Option<PathBuf>,
}

/// A network that commands talk to.
pub(crate) struct Network {
    /// The node.
    pub(crate) client: RpcClient,
    /// What is trusted.
    pub(crate) genesis: Genesis,
    /// Verifies by it.
    pub(crate) verifier: Verifier,
}

/// Whose signature under a node's certificate is trusted: who is in the file, or whom this machine trusts.
pub(crate) fn roots(file: Option<&Path>) -> Result<Roots, Failure> {
    match file {
        Some(file) => Ok(Roots::Pem(files::read_text(file)?.into_bytes())),
        None => Ok(Roots::System),
    }
}

impl NetworkArguments {
    /// A client alone, for commands that show what the node says.
    pub(crate) fn client(&self) -> Result<RpcClient, Failure> {
        connect_trusting(&self.rpc, &roots(self.tls_roots.as_deref())?)
    }

    /// The network with its trust, and a check that the node is of it.
    pub(crate) async fn open(&self) -> Result<Network, Failure> {
        let path = self.genesis.as_ref().ok_or_else(|| {
            Failure::usage(
                "network.genesis",
                "a genesis file is needed: without it nothing that the node says can be verified",
                "give --genesis FILE or set FLORIN_GENESIS",
            )
        })?;
        let client = self.client()?;
        let genesis = genesis::read(path)?;
        let hash = genesis::block(&genesis)?.hash();
        let verifier = Verifier::from_genesis(&genesis, hash).map_err(|error| {
            Failure::input("genesis.invalid", error, "take the genesis file from the network's operators")
        })?;
        // The node's own word: a mistaken address is found out here, before anything is signed. Against a lie stand
        // the verifier, and the genesis file's chain id in all that is signed.
        let status = client.node_status().await.map_err(client_failure)?;
        if status.genesis_hash != hash {
            return Err(Failure::input(
                "network.other",
                format_args!(
                    "{} serves network {:?} (genesis {}), the genesis file is of {:?} ({hash})",
                    self.rpc, status.network, status.genesis_hash, genesis.network
                ),
                "give the genesis file and the node of the same network",
            ));
        }
        Ok(Network { client, genesis, verifier })
    }
}

impl Network {
    /// A token to sign for, by its symbol in the genesis file or by its address. Chain id and digits decide what a
    /// signature means, so neither is the node's word: the genesis file gives them, or a proof under a final header.
    pub(crate) async fn token(&self, name: &str) -> Result<Token, Failure> {
        let address = self.token_address(name)?;
        let mut indexed = (1u64..).zip(&self.genesis.tokens);
        let known = indexed.find(|(index, _)| florin_modules::token_address(*index) == address);
        let (name, currency) = match known {
            Some((_, token)) => (token.name.clone(), token.currency),
            None => self.proven_currency(address).await?,
        };
        Ok(Token::known(self.client.clone(), address, name, currency, self.genesis.chain_id))
    }

    /// Name and currency of a token that was made after the start.
    async fn proven_currency(&self, address: Address) -> Result<(String, Currency), Failure> {
        let read = self.verifier.query(&self.client, |context| {
            if !token::is_created(context, address)? {
                return Ok(None);
            }
            Ok(Some((token::name(context, address)?, token::currency(context, address)?)))
        });
        let (header, found) = read.await.map_err(client_failure)?;
        found.ok_or_else(|| {
            Failure::input(
                "network.token",
                format_args!("{address} is no currency: block {} proves that there is none", header.height()),
                "check the token's address",
            )
        })
    }

    fn token_address(&self, name: &str) -> Result<Address, Failure> {
        if let Ok(address) = name.parse::<Address>() {
            return Ok(address);
        }
        let mut indexed = (1u64..).zip(&self.genesis.tokens);
        let found = indexed.find(|(_, token)| token.currency.symbol() == name);
        found.map(|(index, _)| florin_modules::token_address(index)).ok_or_else(|| {
            let known: Vec<_> = self.genesis.tokens.iter().map(|token| token.currency.symbol()).collect();
            Failure::input(
                "network.token",
                format_args!("{name:?} is no token of the genesis file (it has: {})", known.join(", ")),
                "give one of those symbols, or the token's address",
            )
        })
    }
}
