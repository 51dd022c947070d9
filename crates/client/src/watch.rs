//! A watch over payment channels: nobody closes one with an old state while its payee looks away.
//!
//! **Purpose.** A payer may start to close a channel with less than it has signed. The payee then has until the end of
//! the challenge to show the newest state. [`ChannelWatch`] keeps those states, follows the ledger, and shows them in
//! time.
//!
//! **State.** The newest state of each channel that was given, the height up to which closings were read, and the
//! closings that are not answered yet. Nothing that cannot be given again: a watch that starts anew asks each channel.
//!
//! **Invariants.** A state is kept only if the channel's payer signed it, and gives way to a greater one only. A state
//! that the ledger knows already is not shown: that would be refused.
//!
//! **Failures.** One channel's failure does not keep the others from being answered; an unanswered closing is tried
//! again at every look, until its challenge is over. **Limits.** [`WATCHED_MAX`] channels.

use crate::{ClientError, Modules, SignedTx, Signer};
use alloy_primitives::{Bytes, Signature, U256};
use alloy_sol_types::{SolEvent as _, SolStruct as _, eip712_domain, sol};
use florin_modules::{CHANNEL_ADDRESS, channel::IChannel};
use florin_types::Height;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Most channels of one watch.
pub const WATCHED_MAX: usize = 10_000;
/// Blocks whose closings are asked for at once.
const BLOCKS_MAX: u64 = 10_000;
/// Longest time until a state that was shown is final, in milliseconds.
const FINAL_TIME_MAX_MS: u64 = 15_000;
/// Status of a channel that is closing, as `channelOf` gives it.
const CLOSING: u8 = 2;

sol! {
    /// What the payer of a channel signs off the ledger: the payee may take so much in total.
    #[derive(Debug, PartialEq, Eq)]
    struct ChannelState {
        /// The channel.
        uint64 channelId;
        /// Minor units, of the whole deposit.
        uint256 cumulative;
    }
}

/// A state with the payer's signature, as the payee keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedState {
    /// The channel.
    pub channel_id: u64,
    /// Minor units that the payee may take in total.
    pub cumulative: U256,
    /// 65 bytes: r, s, v.
    pub signature: Bytes,
}

impl SignedState {
    /// Signs a state as the payer of the channel, for the ledger with this chain id.
    pub fn sign(payer: &Signer, chain_id: u64, channel_id: u64, cumulative: U256) -> Result<Self, ClientError> {
        let digest = digest(chain_id, channel_id, cumulative);
        let signature = payer.sign_digest(digest)?;
        Ok(Self { channel_id, cumulative, signature: Bytes::copy_from_slice(&signature.as_bytes()) })
    }

    /// Who signed it, if anybody did.
    pub fn signer(&self, chain_id: u64) -> Option<alloy_primitives::Address> {
        let signature = Signature::from_raw(&self.signature).ok()?;
        signature.recover_address_from_prehash(&digest(chain_id, self.channel_id, self.cumulative)).ok()
    }
}

fn digest(chain_id: u64, channel_id: u64, cumulative: U256) -> alloy_primitives::B256 {
    let domain = eip712_domain! {
        name: "Florin Channel",
        version: "1",
        chain_id: chain_id,
        verifying_contract: CHANNEL_ADDRESS,
    };
    ChannelState { channelId: channel_id, cumulative }.eip712_signing_hash(&domain)
}

/// What a look at the ledger came to, for one channel.
#[derive(Clone, Debug)]
pub enum Watched {
    /// The payer closes with less than it signed: the newest state was shown, and is final.
    Challenged {
        /// The channel.
        channel_id: u64,
        /// What the payer would have paid.
        owed: U256,
        /// What it signed.
        cumulative: U256,
        /// End of the challenge, in milliseconds since 1970: at that instant a state is late.
        closes_at_ms: u64,
        /// The transaction that showed it.
        sent: SignedTx,
    },
    /// The payer closes with what the watch knows, or more. Nothing is to be done.
    Fair {
        /// The channel.
        channel_id: u64,
        /// What the payee gets.
        owed: U256,
    },
    /// The closing is not answered; the next look tries again.
    Failed {
        /// The channel.
        channel_id: u64,
        /// Why.
        error: ClientError,
    },
}

/// Watches channels for their payee.
#[derive(Debug)]
pub struct ChannelWatch {
    modules: Modules,
    chain_id: u64,
    states: BTreeMap<u64, SignedState>,
    /// Channels to be asked at the next look.
    open: BTreeSet<u64>,
    read_to: Option<Height>,
}

impl ChannelWatch {
    /// A watch with no states yet.
    pub fn new(modules: Modules, chain_id: u64) -> Self {
        Self { modules, chain_id, states: BTreeMap::new(), open: BTreeSet::new(), read_to: None }
    }

    /// Number of channels that are watched.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether no channel is watched.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Keeps a state, unless a greater one of its channel is kept already; answers whether it is the newest. A state
    /// that the payer did not sign is an error: it would be refused when it is needed most.
    pub async fn keep(&mut self, state: SignedState) -> Result<bool, ClientError> {
        let number = state.channel_id;
        if self.states.get(&number).is_some_and(|kept| kept.cumulative >= state.cumulative) {
            return Ok(false);
        }
        let wrong = |reason: String| ClientError::ChannelState { channel_id: number, reason };
        if self.states.len() >= WATCHED_MAX && !self.states.contains_key(&number) {
            return Err(wrong(format!("a watch holds at most {WATCHED_MAX} channels")));
        }
        let channel = self.modules.ask(CHANNEL_ADDRESS, &IChannel::channelOfCall { channelId: number }).await?;
        let signer = state.signer(self.chain_id);
        if signer != Some(channel.payer) {
            let by = signer.map_or_else(|| "nobody".into(), |address| address.to_string());
            return Err(wrong(format!("it is signed by {by}, the channel's payer is {}", channel.payer)));
        }
        self.states.insert(number, state);
        self.open.insert(number);
        Ok(true)
    }

    /// Reads what closed since the last look and shows the newest state wherever the payer closes with an older one.
    /// `signer` pays for the transactions; it need not be the payee.
    pub async fn look(&mut self, signer: &Signer) -> Result<Vec<Watched>, ClientError> {
        self.read_closings().await?;
        let mut seen = Vec::new();
        for number in self.open.clone() {
            match self.answer(number, signer).await {
                Ok(Some(watched)) => seen.push(watched),
                Ok(None) => {
                    self.open.remove(&number);
                }
                Err(error) => seen.push(Watched::Failed { channel_id: number, error }),
            }
        }
        // All are sent before the first is waited for.
        for watched in &mut seen {
            match watched {
                Watched::Challenged { channel_id, sent, .. } => {
                    let (number, hash) = (*channel_id, sent.hash);
                    match self.modules.rpc().wait_final(hash, FINAL_TIME_MAX_MS).await {
                        Ok(_) => self.forget(number),
                        Err(error) => *watched = Watched::Failed { channel_id: number, error },
                    }
                }
                Watched::Fair { channel_id, .. } => {
                    let number = *channel_id;
                    self.forget(number);
                }
                Watched::Failed { .. } => {}
            }
        }
        Ok(seen)
    }

    /// The closing is answered. Its state is kept: a greater one may still be given.
    fn forget(&mut self, number: u64) {
        self.open.remove(&number);
    }

    /// Notes the watched channels of new `ChannelClosing` events. Nothing is skipped: the height moves on after it.
    async fn read_closings(&mut self) -> Result<(), ClientError> {
        let rpc = self.modules.rpc().clone();
        let head = rpc.block_number().await?;
        // Channels that were given before the first look are asked one by one, so events count from here.
        let mut next = self.read_to.map_or(head, |read| read.saturating_add(1));
        while next <= head {
            let to = next.saturating_add(BLOCKS_MAX - 1).min(head);
            let filter = json!([{
                "fromBlock": U256::from(next),
                "toBlock": U256::from(to),
                "address": CHANNEL_ADDRESS,
                "topics": [IChannel::ChannelClosing::SIGNATURE_HASH],
            }]);
            let logs: Vec<alloy_rpc_types_eth::Log> = rpc.call("eth_getLogs", filter).await?;
            let closing = logs.iter().filter_map(|log| IChannel::ChannelClosing::decode_log(&log.inner).ok());
            self.open.extend(closing.map(|log| log.channelId).filter(|number| self.states.contains_key(number)));
            self.read_to = Some(to);
            next = to.saturating_add(1);
        }
        Ok(())
    }

    /// Looks at one channel, and challenges if that is to be done. `None`: it is not closing.
    async fn answer(&self, number: u64, signer: &Signer) -> Result<Option<Watched>, ClientError> {
        let Some(state) = self.states.get(&number) else { return Ok(None) };
        let channel = self.modules.ask(CHANNEL_ADDRESS, &IChannel::channelOfCall { channelId: number }).await?;
        if channel.status != CLOSING {
            return Ok(None);
        }
        if channel.owed >= state.cumulative {
            return Ok(Some(Watched::Fair { channel_id: number, owed: channel.owed }));
        }
        let call = IChannel::submitStateCall {
            channelId: number,
            cumulative: state.cumulative,
            signature: state.signature.clone(),
            // Recording comes first: a freeze may delay the payment and must not cost the challenge.
            payNow: false,
        };
        let sent = self.modules.submit(signer, CHANNEL_ADDRESS, &call).await?;
        Ok(Some(Watched::Challenged {
            channel_id: number,
            owed: channel.owed,
            cumulative: state.cumulative,
            closes_at_ms: channel.closesAtMs,
            sent,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RpcClient;

    #[test]
    fn a_state_names_its_signer_and_nobody_else() {
        let payer = Signer::random();
        let state = SignedState::sign(&payer, 7, 3, U256::from(500)).unwrap();
        assert_eq!(state.signer(7), Some(payer.address()));
        for other in [
            SignedState { cumulative: U256::from(501), ..state.clone() },
            SignedState { channel_id: 4, ..state.clone() },
            SignedState { signature: Bytes::from(vec![0; 65]), ..state.clone() },
            SignedState { signature: Bytes::from(vec![1; 64]), ..state.clone() },
        ] {
            assert_ne!(other.signer(7), Some(payer.address()), "{other:?}");
        }
        assert_ne!(state.signer(8), Some(payer.address()), "another chain");
        let text = serde_json::to_string(&state).unwrap();
        assert_eq!(serde_json::from_str::<SignedState>(&text).unwrap(), state);
    }

    #[tokio::test]
    async fn a_node_that_is_away_is_an_error_and_nothing_is_forgotten() {
        let modules = Modules::new(RpcClient::new("http://127.0.0.1:9").unwrap(), 7);
        let mut watch = ChannelWatch::new(modules, 7);
        let state = SignedState::sign(&Signer::random(), 7, 1, U256::from(1)).unwrap();
        assert!(watch.keep(state).await.is_err() && watch.is_empty());
        assert!(watch.look(&Signer::random()).await.is_err());
        assert_eq!(watch.read_to, None);
    }
}
