//! The payments that a simulation makes: accounts with keys, a currency, and a stream of signed transfers.

use alloy_primitives::{Address, B256, TxKind, U256};
use florin_client::{Signer, TxEip1559, transfer_input};
use florin_state::FinalizedBlock;
use florin_types::{
    Access, Currency, Genesis, GenesisAccount, GenesisToken, GenesisTokenRoles, Rules, RulesSchedule, VerifiedTx,
};
use std::{collections::BTreeMap, sync::Arc};
use zeroize::Zeroizing;

/// Chain id of simulated networks.
pub(crate) const CHAIN_ID: u64 = 7_357;
/// Units of the currency, and wei, that each account starts with.
pub(crate) const START_BALANCE: u128 = 1_000_000_000;
/// Address of the first token of a network.
pub(crate) const TOKEN: Address = alloy_primitives::address!("f101000000000000000000000000000000000001");

/// Accounts that pay one another.
pub(crate) struct Workload {
    signers: Vec<Signer>,
    nonces: Vec<u64>,
    /// Transactions made so far; decides who pays whom how much.
    made: u64,
    /// Accepted transactions that are not known to be final: their senders would send them again.
    kept: BTreeMap<B256, VerifiedTx>,
}

impl Workload {
    pub(crate) fn new(accounts: usize) -> Self {
        let signer = |index: usize| {
            let mut secret = Zeroizing::new([7u8; 32]);
            secret[24..].copy_from_slice(&(index as u64 + 1).to_be_bytes());
            Signer::from_bytes(secret).expect("a small number is a key")
        };
        Self { signers: (0..accounts).map(signer).collect(), nonces: vec![0; accounts], made: 0, kept: BTreeMap::new() }
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = Address> {
        self.signers.iter().map(Signer::address)
    }

    /// The genesis file of a network in which these accounts hold a currency.
    pub(crate) fn genesis(&self) -> Genesis {
        let admin = self.signers.first().map(Signer::address).unwrap_or_default();
        let accounts: BTreeMap<Address, GenesisAccount> = self
            .addresses()
            .map(|address| {
                (address, GenesisAccount { balance: U256::from(START_BALANCE), ..GenesisAccount::default() })
            })
            .collect();
        let roles =
            GenesisTokenRoles { admin: vec![admin], issuer: vec![admin], pauser: vec![admin], freezer: vec![admin] };
        let token = GenesisToken {
            name: "Simulated Euro".into(),
            currency: Currency::new("EURS", 2).expect("a well-formed currency"),
            supply_cap_minor: None,
            policy: None,
            roles,
            balances: self.addresses().map(|address| (address, START_BALANCE)).collect(),
        };
        Genesis {
            chain_id: CHAIN_ID,
            network: "simulation".into(),
            timestamp_ms: 0,
            rules: RulesSchedule::constant(Rules::default()).expect("the default rules are valid"),
            threshold_public: Default::default(),
            dealt_for_development: true,
            nodes: Vec::new(),
            permission_admin: admin,
            transact: Access::Open,
            deploy: Access::Open,
            connect: Access::Open,
            transactors: Default::default(),
            deployers: Default::default(),
            accounts,
            policies: Vec::new(),
            tokens: vec![token],
        }
    }

    /// A node took it.
    pub(crate) fn keep(&mut self, tx: VerifiedTx) {
        self.kept.insert(tx.hash(), tx);
    }

    /// No node took it: its sender will use the nonce for the next one.
    pub(crate) fn take_back(&mut self, tx: &VerifiedTx) {
        if let Some(index) = self.signers.iter().position(|signer| signer.address() == tx.sender()) {
            self.nonces[index] -= 1;
        }
    }

    /// What may have to be sent again.
    pub(crate) fn kept(&self) -> Vec<VerifiedTx> {
        self.kept.values().cloned().collect()
    }

    /// What is final needs no sender any more.
    pub(crate) fn forget_final(&mut self, chain: &[Arc<FinalizedBlock>]) {
        for tx in chain.iter().flat_map(|block| block.block.transactions()) {
            self.kept.remove(tx.tx_hash());
        }
    }

    /// The next transaction: nine payments in the currency for each transfer of the native unit.
    pub(crate) fn next(&mut self) -> VerifiedTx {
        let count = self.signers.len();
        let from = (self.made as usize * 7 + 3) % count;
        let to = (from + 1 + (self.made as usize / count) % (count - 1)) % count;
        let receiver = self.signers[to].address();
        let amount = U256::from(1 + self.made % 997);
        let (to, value, input) = match self.made % 10 {
            9 => (receiver, amount, Default::default()),
            _ => (TOKEN, U256::ZERO, transfer_input(receiver, amount)),
        };
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: self.nonces[from],
            gas_limit: 200_000,
            max_fee_per_gas: 0,
            max_priority_fee_per_gas: 0,
            to: TxKind::Call(to),
            value,
            access_list: Default::default(),
            input,
        };
        self.nonces[from] += 1;
        self.made += 1;
        let signed = self.signers[from].sign(tx).expect("a complete transaction can be signed");
        VerifiedTx::from_bytes(&signed.bytes, CHAIN_ID).expect("what was just signed is valid")
    }
}
