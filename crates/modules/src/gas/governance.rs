//! Operations of governance. What a call of `execute` costs is the sum of a begin, the actions, and a step for each.

use alloy_primitives::{Address, B256};
use alloy_sol_types::SolCall;
use florin_types::{GenesisGovernance, GenesisSeat, GovernanceParameters};

use super::{ADMIN, ALICE, BOB, CAROL, Meter};
use crate::{
    GOVERNANCE_ADDRESS, PERMISSION_ADDRESS, TOKENS_ADDRESS,
    governance::{self, IGovernance, IGovernance::Action},
    permission::IPermission,
};

const FOLDER: &str = "governance";
const GOV: Address = GOVERNANCE_ADDRESS;
const FOR: u8 = 1;

fn action(call: &impl SolCall) -> Action {
    Action { target: GOV, data: call.abi_encode().into() }
}

impl Meter {
    /// Two seats of which one decides, and a guardian who pauses alone.
    pub(super) fn governance(&mut self) {
        let seat = |account, weight| GenesisSeat { account, name: "Bank".into(), weight };
        let parameters = GovernanceParameters { guardian_quorum: 1, delay_ms: 0, ..GovernanceParameters::default() };
        let section = GenesisGovernance {
            seats: vec![seat(ALICE, 70), seat(BOB, 30)],
            guardians: [CAROL].into(),
            parameters,
            ..GenesisGovernance::default()
        };
        let founded = self.run(ADMIN, |context| {
            governance::initialise(context, &section, None).map_err(|(_, failure)| failure)?;
            governance::parameters(context)
        });
        let Ok(values) = founded else { return };
        let listing = IPermission::setListedCall { capability: 0, accounts: vec![BOB], listed: true };
        let listing = Action { target: PERMISSION_ADDRESS, data: listing.abi_encode().into() };
        let propose = |actions| IGovernance::proposeCall { actions, descriptionHash: B256::ZERO };
        self.note(FOLDER, "one call of 132 bytes", ALICE, GOV, propose(vec![listing]));
        let cancel = IGovernance::cancelCall { proposalId: 1 };
        let cast_vote = |proposal| IGovernance::castVoteCall { proposalId: proposal, support: FOR };
        self.note(FOLDER, "undecided", BOB, GOV, cast_vote(1));
        self.note(FOLDER, "any", ALICE, GOV, cancel);
        let name = "Bank";
        let acts = [
            action(&IGovernance::setSeatCall { account: CAROL, weight: 5, name: name.into() }),
            action(&IGovernance::removeSeatCall { account: CAROL }),
            action(&IGovernance::setGuardianCall { account: BOB, guardian: true }),
            action(&IGovernance::setParametersCall { parameters: values.clone() }),
            action(&IGovernance::pauseModuleCall { module: TOKENS_ADDRESS, durationMs: 1_000 }),
            action(&IGovernance::unpauseModuleCall { module: TOKENS_ADDRESS }),
        ];
        self.note(FOLDER, "six acts", ALICE, GOV, propose(acts.to_vec()));
        self.note(FOLDER, "decides", ALICE, GOV, cast_vote(2));
        self.quietly(ALICE, GOV, propose(acts[..1].to_vec()));
        self.quietly(ALICE, GOV, cast_vote(3));
        self.note(FOLDER, "does not suffice", BOB, GOV, IGovernance::vetoCall { proposalId: 3 });
        self.governance_acts(values);
        let pause = IGovernance::emergencyPauseCall { module: PERMISSION_ADDRESS, descriptionHash: B256::ZERO };
        self.note(FOLDER, "takes effect", CAROL, GOV, pause);
        let ask = IGovernance::proposalOfCall { proposalId: 2 };
        self.note(FOLDER, "executed", ALICE, GOV, ask);
    }

    /// The acts of proposal 2, in its execution.
    fn governance_acts(&mut self, parameters: IGovernance::Parameters) {
        let begin = IGovernance::beginExecutionCall { proposalId: 2 };
        self.note(FOLDER, "and the first action", GOV, GOV, begin);
        let name = "Bank";
        let seat = IGovernance::setSeatCall { account: CAROL, weight: 5, name: name.into() };
        self.note(FOLDER, "a new one", GOV, GOV, seat);
        self.note(FOLDER, "the second action", GOV, GOV, IGovernance::nextActionCall {});
        self.note(FOLDER, "the last", GOV, GOV, IGovernance::removeSeatCall { account: CAROL });
        let guardian = IGovernance::setGuardianCall { account: BOB, guardian: true };
        self.note(FOLDER, "a new one", GOV, GOV, guardian);
        self.note(FOLDER, "as before", GOV, GOV, IGovernance::setParametersCall { parameters });
        let pause = IGovernance::pauseModuleCall { module: TOKENS_ADDRESS, durationMs: 1_000 };
        self.note(FOLDER, "first", GOV, GOV, pause);
        self.note(FOLDER, "any", GOV, GOV, IGovernance::unpauseModuleCall { module: TOKENS_ADDRESS });
        for _ in 2..6 {
            self.quietly(GOV, GOV, IGovernance::nextActionCall {});
        }
        self.note(FOLDER, "after the last action", GOV, GOV, IGovernance::nextActionCall {});
    }
}
