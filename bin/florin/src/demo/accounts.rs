//! The people of the demo: who holds what, from one phrase that everyone knows.
//!
//! The phrase is the one that Ethereum's development tools share, so that nobody takes these keys for real ones and
//! every wallet can import them. They are worth nothing anywhere.

use crate::{failure::Failure, key::mnemonic};
use alloy_primitives::{Address, U256};
use florin_client::Signer;
use florin_types::{
    Access, Currency, Genesis, GenesisAccount, GenesisGovernance, GenesisNode, GenesisPolicy, GenesisSeat,
    GenesisToken, GenesisTokenRoles, GovernanceParameters, Rules, RulesSchedule,
};
use std::collections::{BTreeMap, BTreeSet};

/// Known to everyone.
pub(crate) const DEMO_PHRASE: &str = "test test test test test test test test test test test junk";
/// Chain id of every demo.
pub(crate) const DEMO_CHAIN_ID: u64 = 461_337;
/// Symbol of the demo's currency.
pub(crate) const DEMO_SYMBOL: &str = "DEUR";
/// Accounts for `florin bench`, beside the named ones.
pub(crate) const LOAD_ACCOUNTS: u32 = 64;

const LOAD_ACCOUNT_FIRST: u32 = 1_000;
const NAMES: [&str; 8] = ["developer", "central-bank", "bank-a", "bank-b", "bank-c", "alma", "bruno", "chiara"];

/// An account of the demo.
pub(crate) struct DemoAccount {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its key.
    pub(crate) key: Signer,
}

/// Everyone, by role.
pub(crate) struct People {
    named: Vec<DemoAccount>,
    load: Vec<Signer>,
    /// Whether the currency is for them alone.
    closed: bool,
}

impl People {
    /// Derives everyone.
    pub(crate) fn derive() -> Result<Self, Failure> {
        let key = |index| mnemonic::derive(DEMO_PHRASE, "", index);
        let named = (0u32..).zip(NAMES).map(|(index, name)| Ok(DemoAccount { name, key: key(index)? }));
        let load = (LOAD_ACCOUNT_FIRST..LOAD_ACCOUNT_FIRST + LOAD_ACCOUNTS).map(key);
        let (named, load) = (named.collect::<Result<_, Failure>>()?, load.collect::<Result<_, Failure>>()?);
        Ok(Self { named, load, closed: true })
    }

    /// The same people, with a currency that everybody may hold whom the central bank does not exclude.
    pub(crate) fn among_others(self) -> Self {
        Self { closed: false, ..self }
    }

    /// Those with a name, the developer first.
    pub(crate) fn named(&self) -> &[DemoAccount] {
        &self.named
    }

    /// Issues the currency and governs who may hold it.
    pub(crate) fn central_bank(&self) -> &DemoAccount {
        &self.named[1]
    }

    /// The commercial banks.
    pub(crate) fn banks(&self) -> &[DemoAccount] {
        &self.named[2..5]
    }

    /// Customers, one of each bank in their order.
    pub(crate) fn customers(&self) -> &[DemoAccount] {
        &self.named[5..]
    }

    /// Accounts from which load is generated.
    pub(crate) fn load(&self) -> &[Signer] {
        &self.load
    }

    fn addresses(&self) -> impl Iterator<Item = Address> + '_ {
        self.named.iter().map(|account| account.key.address()).chain(self.load.iter().map(Signer::address))
    }

    /// The central bank and the commercial banks decide about the network, one voice each and without a time lock, so that
    /// it can be tried; the central bank pauses a module alone.
    fn governance(&self) -> GenesisGovernance {
        let seat = |account: &DemoAccount| GenesisSeat {
            account: account.key.address(),
            name: account.name.into(),
            weight: 1,
        };
        GenesisGovernance {
            seats: self.named[1..5].iter().map(seat).collect(),
            guardians: [self.central_bank().key.address()].into(),
            parameters: GovernanceParameters { guardian_quorum: 1, delay_ms: 0, ..GovernanceParameters::default() },
            ..GenesisGovernance::default()
        }
    }

    /// The genesis of a demo with these nodes.
    pub(crate) fn genesis(
        &self,
        timestamp_ms: u64,
        threshold_public: alloy_primitives::Bytes,
        nodes: Vec<GenesisNode>,
    ) -> Result<Genesis, Failure> {
        let broken = |error: &dyn std::fmt::Display| {
            Failure::input("demo.genesis", error, "report this: the demo's own genesis is refused")
        };
        let governor = self.central_bank().key.address();
        let native = |address| if address == self.named[0].key.address() { 1_000_000u64 } else { 1_000 };
        let account = |address| GenesisAccount {
            balance: U256::from(native(address)).saturating_mul(U256::from(10u64.pow(18))),
            ..GenesisAccount::default()
        };
        Ok(Genesis {
            chain_id: DEMO_CHAIN_ID,
            network: "Florin demo".into(),
            timestamp_ms,
            rules: RulesSchedule::constant(Rules::default()).map_err(|error| broken(&error))?,
            threshold_public,
            dealt_for_development: true,
            nodes,
            permission_admin: governor,
            transact: Access::Open,
            deploy: Access::Open,
            connect: Access::Listed,
            transactors: BTreeSet::new(),
            deployers: BTreeSet::new(),
            accounts: self.addresses().map(|address| (address, account(address))).collect(),
            policies: vec![if self.closed {
                GenesisPolicy::Allow { admin: governor, members: self.addresses().collect() }
            } else {
                GenesisPolicy::Deny { admin: governor, members: BTreeSet::new() }
            }],
            tokens: vec![GenesisToken {
                name: "Demo Euro".into(),
                currency: Currency::new(DEMO_SYMBOL, 2).map_err(|error| broken(&error))?,
                supply_cap_minor: None,
                policy: Some(0),
                roles: GenesisTokenRoles {
                    admin: vec![governor],
                    issuer: vec![governor],
                    pauser: vec![governor],
                    freezer: vec![governor],
                },
                balances: self.balances(),
            }],
            governance: Some(self.governance()),
            epoch_blocks: None,
        })
    }

    fn balances(&self) -> BTreeMap<Address, u128> {
        let million = 100_000_000u128;
        let named = self.named.iter().map(|account| match account.name {
            "developer" => (account.key.address(), million),
            name if name.starts_with("bank-") => (account.key.address(), million.saturating_mul(1_000)),
            // The central bank issues; customers get what their banks pay them.
            _ => (account.key.address(), 0),
        });
        let load = self.load.iter().map(|key| (key.address(), million.saturating_mul(10)));
        named.chain(load).filter(|(_, minor)| *minor > 0).collect()
    }
}
