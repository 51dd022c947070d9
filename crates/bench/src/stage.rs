//! What a workload needs on the ledger before the clock starts: contracts, approvals, accounts that receive, a scheme.
//!
//! All of it is made with ordinary signed transactions of the senders, and each is seen final and successful.

use crate::{
    BenchConfig, BenchError, Progress,
    fund::derive_signers,
    workload::{IExchangeContracts, Workload, batch_input, numbered_account},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use alloy_sol_types::{SolCall, SolEvent, SolValue};
use florin_client::{ClientError, RpcClient, Signer, TransactionReceipt, TxEip1559};
use florin_modules::{
    PAYMENT_ADDRESS, SETTLEMENT_ADDRESS,
    settlement::ISettlement::{SchemeCreated, admitParticipantCall, createSchemeCall, joinCall, openDayCall},
    token::IToken::balanceOfCall,
};
use std::time::{SystemTime, UNIX_EPOCH};

const COIN: &str = include_str!("../contracts/Coin.hex");
const POOL: &str = include_str!("../contracts/Pool.hex");

/// Gas of a preparing call.
const GAS: u64 = 2_000_000;
/// The same where it may take much: EIP-7825's bound of a transaction.
pub(crate) const GAS_MOST: u64 = 1 << 24;
/// New accounts of one filling batch: each opens a slot, so fewer fit than in a batch to accounts that exist.
const FILL_ITEMS: u64 = 1_300;
/// Filling batches under way at once.
const FILLS_UNDER_WAY: usize = 24;
/// How long one step may take to become final, in milliseconds.
const STEP_MS_MAX: u64 = 60_000;
/// Coins of each holder, and of the pool, far above what is ever paid.
const COINS: u128 = 1_000_000_000_000_000_000;
/// Value date of the clearing day: any date will do, since every run has a scheme of its own.
const VALUE_DATE: u32 = 20_260_101;
/// How long a clearing day lasts, in milliseconds.
const DAY_MS: u64 = 24 * 3_600_000;

/// What was made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stage {
    /// Two ERC-20 contracts.
    pub(crate) coins: (Address, Address),
    /// A pool of both.
    pub(crate) pool: Address,
    /// Accounts that are paid; 0 if the senders pay each other.
    pub(crate) payees: u64,
    /// A settlement scheme with every sender as a participant.
    pub(crate) scheme: u64,
    /// The smallest balance of a participant when the day opened, in minor units.
    pub(crate) opening_balance: u128,
}

impl Stage {
    /// Makes what the workload needs.
    pub(crate) async fn set(config: &BenchConfig, progress: &(impl Fn(Progress) + Sync)) -> Result<Self, BenchError> {
        config.validate()?;
        let mut stage = Self::default();
        let rpc = &RpcClient::new(config.rpc_urls.first().map(String::as_str).unwrap_or_default())?;
        let crew = Crew { rpc, chain_id: rpc.chain_id().await?, fee_wei: rpc.gas_price().await? };
        if config.workload.needs_contracts() {
            progress(Progress::Preparing { what: "contracts", done: 0, of: 1 });
            crew.deploy(config, &mut stage).await?;
        }
        if config.workload.pays_accounts() {
            crew.fill(config, progress).await?;
            stage.payees = config.accounts;
        }
        if config.workload == Workload::Clearing {
            progress(Progress::Preparing { what: "clearing day", done: 0, of: 1 });
            crew.open_day(config, &mut stage).await?;
        }
        Ok(stage)
    }
}

/// Whoever prepares, and on which terms.
struct Crew<'a> {
    rpc: &'a RpcClient,
    chain_id: u64,
    fee_wei: u128,
}

impl Crew<'_> {
    async fn deploy(&self, config: &BenchConfig, stage: &mut Stage) -> Result<(), BenchError> {
        let maker = first(config)?;
        let coin = || hex::decode(COIN.trim()).map_err(internal);
        let mut nonce = self.rpc.next_nonce(maker.address()).await?;
        stage.coins.0 = self.create(maker, &mut nonce, coin()?).await?;
        stage.coins.1 = self.create(maker, &mut nonce, coin()?).await?;
        let arguments = (stage.coins.0, stage.coins.1).abi_encode_params();
        let pool = [hex::decode(POOL.trim()).map_err(internal)?, arguments].concat();
        stage.pool = self.create(maker, &mut nonce, pool).await?;
        let holders: Vec<Address> = config.senders.iter().map(Signer::address).chain([stage.pool]).collect();
        let issue = IExchangeContracts::issueCall { holders, value: U256::from(COINS) };
        let input = Bytes::from(issue.abi_encode());
        for coin in [stage.coins.0, stage.coins.1] {
            self.act(maker, &mut nonce, coin.into(), input.clone(), GAS_MOST / 2).await?;
        }
        let sync = IExchangeContracts::syncCall {}.abi_encode();
        self.act(maker, &mut nonce, stage.pool.into(), sync.into(), GAS).await?;
        let approve = IExchangeContracts::approveCall { spender: stage.pool, value: U256::MAX }.abi_encode();
        let approve = Bytes::from(approve);
        for coin in [stage.coins.0, stage.coins.1] {
            self.all(&config.senders, |_| (coin, approve.clone())).await?;
        }
        Ok(())
    }

    /// Gives every account that batches pay its first unit, so that the measured batches find them.
    async fn fill(&self, config: &BenchConfig, progress: &(impl Fn(Progress) + Sync)) -> Result<(), BenchError> {
        let of = config.accounts;
        let mut nonces = Vec::new();
        for sender in &config.senders {
            nonces.push(self.rpc.next_nonce(sender.address()).await?);
        }
        let mut done = 0;
        while done < of {
            progress(Progress::Preparing { what: "accounts", done, of });
            let mut sent = Vec::new();
            // No sender has two under way, so that a node that refuses one does not hold up another.
            for (sender, nonce) in config.senders.iter().zip(&mut nonces).take(FILLS_UNDER_WAY) {
                let end = done.saturating_add(FILL_ITEMS).min(of);
                if done == end {
                    break;
                }
                let uetr = keccak256([sender.address().as_slice(), b"fill", &nonce.to_be_bytes()].concat());
                let input = batch_input(config.token, uetr, (done..end).map(numbered_account));
                sent.push(self.send(sender, *nonce, PAYMENT_ADDRESS.into(), input, GAS_MOST).await?);
                *nonce = nonce.saturating_add(1);
                done = end;
            }
            for hash in sent {
                self.rpc.wait_final(hash, STEP_MS_MAX).await?;
            }
        }
        Ok(())
    }

    async fn open_day(&self, config: &BenchConfig, stage: &mut Stage) -> Result<(), BenchError> {
        let operator = &clerk(config)?;
        let mut nonce = self.rpc.next_nonce(operator.address()).await?;
        let settlement = TxKind::Call(SETTLEMENT_ADDRESS);
        let create = createSchemeCall { token: config.token, bypassFifo: false, defaultRule: 0 }.abi_encode();
        let made = self.act(operator, &mut nonce, settlement, create.into(), GAS).await?;
        let event = made.inner.logs().iter().find_map(|log| SchemeCreated::decode_log(&log.inner).ok());
        stage.scheme = event.map(|event| event.schemeId).ok_or_else(|| internal("no scheme was created"))?;
        for sender in &config.senders {
            let admit = admitParticipantCall { schemeId: stage.scheme, account: sender.address() };
            self.act(operator, &mut nonce, settlement, admit.abi_encode().into(), GAS).await?;
        }
        let join = Bytes::from(joinCall { schemeId: stage.scheme }.abi_encode());
        self.all(&config.senders, |_| (SETTLEMENT_ADDRESS, join.clone())).await?;
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let open =
            openDayCall { schemeId: stage.scheme, valueDate: VALUE_DATE, cutOffMs: now_ms.saturating_add(DAY_MS) };
        self.act(operator, &mut nonce, settlement, open.abi_encode().into(), GAS).await?;
        let mut least = u128::MAX;
        for sender in &config.senders {
            let input = balanceOfCall { account: sender.address() }.abi_encode().into();
            let answer = self.rpc.eth_call(config.token, &input).await?;
            let balance = U256::try_from_be_slice(&answer).unwrap_or_default();
            least = least.min(balance.saturating_to());
        }
        stage.opening_balance = least;
        Ok(())
    }

    /// One call of every sender, all under way at once.
    async fn all(&self, senders: &[Signer], call: impl Fn(&Signer) -> (Address, Bytes)) -> Result<(), BenchError> {
        let mut sent = Vec::new();
        for sender in senders {
            let nonce = self.rpc.next_nonce(sender.address()).await?;
            let (to, input) = call(sender);
            sent.push(self.send(sender, nonce, to.into(), input, GAS).await?);
        }
        for hash in sent {
            self.rpc.wait_final(hash, STEP_MS_MAX).await?;
        }
        Ok(())
    }

    async fn create(&self, maker: &Signer, nonce: &mut u64, code: Vec<u8>) -> Result<Address, BenchError> {
        let receipt = self.act(maker, nonce, TxKind::Create, code.into(), GAS).await?;
        receipt.contract_address.ok_or_else(|| internal("a contract was not created"))
    }

    /// Sends, and waits until it is final and successful.
    async fn act(
        &self,
        sender: &Signer,
        nonce: &mut u64,
        to: TxKind,
        input: Bytes,
        gas_limit: u64,
    ) -> Result<TransactionReceipt, BenchError> {
        let hash = self.send(sender, *nonce, to, input, gas_limit).await?;
        *nonce = nonce.saturating_add(1);
        Ok(self.rpc.wait_final(hash, STEP_MS_MAX).await?)
    }

    async fn send(
        &self,
        sender: &Signer,
        nonce: u64,
        to: TxKind,
        input: Bytes,
        gas_limit: u64,
    ) -> Result<B256, BenchError> {
        let tx = TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: self.fee_wei,
            to,
            input,
            ..TxEip1559::default()
        };
        Ok(self.rpc.send(&sender.sign(tx).map_err(ClientError::from)?).await?)
    }
}

/// Operator of a scheme, who signs while the load runs: an account of its own, since the senders' nonces are all used.
pub(crate) fn clerk(config: &BenchConfig) -> Result<Signer, BenchError> {
    let made = derive_signers(secret_of(first(config)?)?, 1)?;
    made.into_iter().next().ok_or_else(|| internal("no operator"))
}

/// Its load is derived from it, so it must be here.
fn secret_of(signer: &Signer) -> Result<&[u8], BenchError> {
    signer.secret().map(|secret| secret.as_slice()).ok_or_else(|| internal("a key in a device derives nothing"))
}

fn first(config: &BenchConfig) -> Result<&Signer, BenchError> {
    config.senders.first().ok_or_else(|| internal("no sender"))
}

fn internal(reason: impl ToString) -> BenchError {
    BenchError::Internal { reason: reason.to_string() }
}
