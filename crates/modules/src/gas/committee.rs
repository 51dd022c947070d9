//! Operations on validators whom bonds elect, on a ledger of their own: bonding, going back, conviction.

use alloy_primitives::{B256, U256, hex};
use florin_types::{GenesisGovernance, GenesisSeat, GenesisStake, NodeRole};

use super::{ADMIN, ALICE, BOB, CAROL, Meter};
use crate::{
    GOVERNANCE_ADDRESS, STAKING_ADDRESS,
    governance::{self, IGovernance},
    permission,
    staking::{self, IStaking},
    token::IToken,
    token_address,
};

/// Two votes of a node that contradict one another, on the network of the meter. A test makes them.
pub(crate) const EVIDENCE: &str = include_str!("evidence.hex");
/// Hash of block 0 on the network of the meter.
pub(crate) const GENESIS_HASH: B256 = B256::repeat_byte(0xbe);

const FOLDER: &str = "staking";

impl Meter {
    /// Alice bonds for a validator that contradicts itself; Carol gets what it loses.
    pub(super) fn committee(&mut self) {
        let evidence = hex::decode(EVIDENCE.trim()).unwrap_or_default();
        let node = evidence.get(1..33).map(B256::from_slice).unwrap_or_default();
        if self.found_committee(node).is_err() {
            return;
        }
        let to = STAKING_ADDRESS;
        let amount = U256::from(1_000);
        self.note(FOLDER, "first", ADMIN, to, IStaking::nameInstitutionCall { node, account: ALICE });
        self.note(FOLDER, "first", ALICE, to, IStaking::bondCall { node, amount });
        self.note(FOLDER, "a further one", ALICE, to, IStaking::bondCall { node, amount });
        self.note(FOLDER, "in part", ALICE, to, IStaking::unbondCall { node, amount: U256::from(100) });
        self.note(FOLDER, "one part", ALICE, to, IStaking::withdrawCall { node });
        let freeze = |freeze| IToken::setAddressFrozenCall { userAddress: ALICE, freeze };
        self.quietly(ADMIN, token_address(1), freeze(true));
        let punish = IGovernance::punishCall { evidence: evidence.into() };
        self.note("governance", "with a bond, paid later", BOB, GOVERNANCE_ADDRESS, punish);
        self.quietly(ADMIN, token_address(1), freeze(false));
        self.note(FOLDER, "to a new holder", BOB, to, IStaking::collectCall { node });
    }

    /// A network whose only validator is the node. Units go back in the epoch in which they were unbonded.
    fn found_committee(&mut self, node: B256) -> Result<(), crate::Failure> {
        let stake = GenesisStake {
            token: 0,
            validators_max: 4,
            bond_min_minor: 1,
            unbonding_epochs: 0,
            slash_basis_points: 500,
            slashed_to: CAROL,
            institutions: Default::default(),
        };
        let section = GenesisGovernance {
            seats: vec![GenesisSeat { account: BOB, name: "Bank".into(), weight: 1 }],
            stake: Some(stake.clone()),
            ..GenesisGovernance::default()
        };
        self.run(ADMIN, |context| {
            permission::register(context, node, "Bank B", "b.example:9000", NodeRole::Validator)?;
            let nodes = [node];
            let epochs = Some((64, nodes.as_slice()));
            governance::initialise(context, &section, epochs).map_err(|(_, failure)| failure)?;
            staking::initialise(context, &stake).map_err(|(_, failure)| failure)?;
            governance::layout::layout().genesis_hash.write(context, GENESIS_HASH)
        })
    }
}
