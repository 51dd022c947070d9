//! Events of policies, settlement and the registries that know names.

use super::{NameChange, Rows, kept, said};
use crate::record::{DecisionRecord, NameKind, NameRecord, SettlementRecord, Spot};
use alloy_primitives::{Address, Log};
use alloy_sol_types::{SolEvent as _, SolEventInterface as _};
use florin_modules::{
    factory::IFactory,
    governance::IGovernance,
    identity::IIdentity,
    policy::IPolicy,
    settlement::{ISettlement, ISettlement::ISettlementEvents as Event},
};
use florin_types::Height;

impl Rows {
    /// What the policy registry says of movements.
    pub(super) fn take_policy(&mut self, log: &Log, spot: Spot) {
        let empty = DecisionRecord {
            spot,
            kind: String::new(),
            policy: 0,
            token: Address::ZERO,
            version: None,
            rule: None,
            outcome: None,
            inputs_hash: None,
            payer_person: None,
            payee_person: None,
            amount: None,
            commitment: None,
        };
        if let Ok(event) = IPolicy::Decision::decode_log(log) {
            self.decisions.push(DecisionRecord {
                kind: "decision".into(),
                policy: event.policyId,
                token: event.token,
                version: Some(event.version.into()),
                rule: (event.rule != 0).then_some(event.rule),
                outcome: outcome(event.outcome).map(str::to_owned),
                inputs_hash: Some(event.inputsHash),
                ..empty
            });
        } else if let Ok(event) = IPolicy::ExchangeOpened::decode_log(log) {
            self.decisions.push(DecisionRecord {
                kind: "exchange_opened".into(),
                policy: event.policyId,
                token: event.token,
                payer_person: Some(event.payerPersonId),
                payee_person: Some(event.payeePersonId),
                amount: Some(event.amount),
                commitment: Some(event.commitment),
                ..empty
            });
        } else if let Ok(event) = IPolicy::ExchangeAcknowledged::decode_log(log) {
            self.decisions.push(DecisionRecord {
                kind: "exchange_acknowledged".into(),
                policy: event.policyId,
                token: event.token,
                payer_person: Some(event.payerPersonId),
                payee_person: Some(event.payeePersonId),
                commitment: Some(event.commitment),
                ..empty
            });
        }
    }

    /// What the settlement module says.
    pub(super) fn take_settlement(&mut self, log: &Log, spot: Spot) {
        let Ok(event) = Event::decode_raw_log(log.topics(), &log.data.data) else { return };
        let name = log.topics().first().and_then(|topic| Event::name_by_selector(topic.0)).unwrap_or_default();
        let told = SettlementRecord {
            spot,
            event: name.into(),
            scheme: None,
            instruction: None,
            window: None,
            run: None,
            account: None,
            counterparty: None,
            amount: None,
            code: None,
            count: None,
            reference: None,
        };
        self.settlement.push(settlement(event, told));
    }

    /// What registries say of names.
    pub(super) fn take_name(&mut self, log: &Log, height: Height) {
        let set = |account, kind, name: &str| NameChange::Set(NameRecord { account, kind, name: kept(name), height });
        if let Ok(event) = IFactory::TokenCreated::decode_log(log) {
            self.names.push(set(event.token, NameKind::Token, &event.name));
            self.names.push(set(event.token, NameKind::Symbol, &event.symbol));
        } else if let Ok(event) = IGovernance::SeatChanged::decode_log(log) {
            self.names.push(match event.newWeight {
                0 => NameChange::Removed { account: event.account, kind: NameKind::Seat },
                _ => set(event.account, NameKind::Seat, &event.name),
            });
        } else if let Ok(event) = IIdentity::PersonRegistered::decode_log(log) {
            if !event.lei.is_empty() {
                self.names.push(NameChange::Person { person: event.personId, lei: kept(&event.lei) });
            }
        } else if let Ok(event) = IIdentity::AddressLinkedTo::decode_log(log) {
            self.names.push(NameChange::Linked { account: event.account, person: event.personId, height });
        } else if let Ok(event) = IIdentity::AddressUnlinked::decode_log(log) {
            self.names.push(NameChange::Removed { account: event.account, kind: NameKind::Lei });
        }
    }
}

/// Outcomes of a decision, as the policy registry numbers them.
fn outcome(number: u8) -> Option<&'static str> {
    match number {
        1 => Some("admitted"),
        2 => Some("refused"),
        3 => Some("parked"),
        4 => Some("swept"),
        _ => None,
    }
}

/// Instructions, runs and windows. What else there is goes to [`participants`].
fn settlement(event: Event, mut told: SettlementRecord) -> SettlementRecord {
    match event {
        Event::InstructionSubmitted(event) => {
            (told.instruction, told.scheme) = (Some(event.instructionId), Some(event.schemeId));
            (told.account, told.counterparty) = (Some(event.debtor), Some(event.creditor));
            (told.amount, told.code) = (Some(event.amount), Some(event.priority.into()));
            told.reference = said(event.instructionReference);
        }
        Event::InstructionQueued(event) => {
            (told.instruction, told.code) = (Some(event.instructionId), Some(event.priority.into()));
            told.count = Some(event.position.into());
        }
        Event::InstructionWaiting(event) => {
            (told.instruction, told.run) = (Some(event.instructionId), Some(event.run.into()));
        }
        Event::InstructionForLater(event) => {
            (told.instruction, told.count) = (Some(event.instructionId), Some(event.valueDate.into()));
        }
        Event::InstructionSettled(event) => {
            (told.instruction, told.scheme) = (Some(event.instructionId), Some(event.schemeId));
        }
        Event::InstructionCancelled(event) => told.instruction = Some(event.instructionId),
        Event::InstructionHeld(event) => told.instruction = Some(event.instructionId),
        Event::InstructionRejected(event) => {
            (told.instruction, told.code) = (Some(event.instructionId), Some(event.reason.into()));
        }
        Event::RunStarted(event) => {
            (told.scheme, told.run, told.count) =
                (Some(event.schemeId), Some(event.run.into()), Some(event.queued.into()));
        }
        Event::RunSettled(event) => {
            (told.scheme, told.run, told.count) = (Some(event.schemeId), Some(event.run.into()), Some(event.count));
            (told.amount, told.reference) = (Some(event.value), said(event.proof));
        }
        Event::RunDeadlocked(event) => {
            (told.scheme, told.run, told.count) = (Some(event.schemeId), Some(event.run.into()), Some(event.dropped));
            told.reference = said(event.proof);
        }
        Event::RunEmpty(event) => (told.scheme, told.run) = (Some(event.schemeId), Some(event.run.into())),
        Event::RunAbandoned(event) => (told.scheme, told.run) = (Some(event.schemeId), Some(event.run.into())),
        Event::QueueSettled(event) => {
            (told.scheme, told.run) = (Some(event.schemeId), Some(event.run.into()));
            (told.account, told.code) = (Some(event.debtor), Some(event.priority.into()));
            told.count = Some(event.toPosition.saturating_sub(event.fromPosition).into());
        }
        Event::WindowOpened(event) => (told.window, told.scheme) = (Some(event.windowId), Some(event.schemeId)),
        Event::InstructionAssigned(event) => {
            (told.instruction, told.window) = (Some(event.instructionId), Some(event.windowId));
        }
        Event::WindowClosed(event) => {
            (told.window, told.count, told.amount) =
                (Some(event.windowId), Some(event.count.into()), Some(event.value));
        }
        Event::WindowSettlementStarted(event) => told.window = Some(event.windowId),
        Event::WindowSettled(event) => (told.window, told.amount) = (Some(event.windowId), Some(event.value)),
        Event::WindowAborted(event) => {
            (told.window, told.amount) = (Some(event.windowId), Some(event.needed));
            told.account = (!event.defaulter.is_zero()).then_some(event.defaulter);
        }
        other => participants(other, &mut told),
    }
    told
}

/// Days, participants, limits and credit.
fn participants(event: Event, told: &mut SettlementRecord) {
    use ISettlement as S;
    let (scheme, account, amount) = match event {
        Event::DayOpened(S::DayOpened { schemeId: scheme, day, .. })
        | Event::DayClosing(S::DayClosing { schemeId: scheme, day })
        | Event::DayClosed(S::DayClosed { schemeId: scheme, day }) => {
            told.count = Some(day.into());
            (scheme, None, None)
        }
        Event::SchemeCreated(event) => (event.schemeId, Some(event.operator), None),
        Event::OperatorProposed(event) => (event.schemeId, Some(event.operator), None),
        Event::OperatorChanged(event) => (event.schemeId, Some(event.newOperator), None),
        Event::ParticipantStatusChanged(event) => {
            told.code = Some(event.status.into());
            (event.schemeId, Some(event.account), None)
        }
        Event::ReserveSet(event) => (event.schemeId, Some(event.account), Some(event.amount)),
        Event::MultilateralLimitSet(event) => (event.schemeId, Some(event.account), Some(event.amount)),
        Event::BilateralLimitSet(event) => {
            told.counterparty = Some(event.counterparty);
            (event.schemeId, Some(event.account), Some(event.amount))
        }
        Event::Prefunded(event) => (event.schemeId, Some(event.account), Some(event.amount)),
        Event::PrefundWithdrawn(event) => (event.schemeId, Some(event.account), Some(event.amount)),
        Event::CreditLineSet(event) => (event.schemeId, Some(event.lender), Some(event.amount)),
        Event::CollateralSet(event) => (event.schemeId, Some(event.token), Some(event.price)),
        Event::CollateralPledged(event) => (event.schemeId, Some(event.account), Some(event.amount)),
        Event::CollateralWithdrawn(event) => (event.schemeId, Some(event.account), Some(event.amount)),
        Event::CreditDrawn(event) => (event.schemeId, Some(event.account), Some(event.amount)),
        Event::CreditRepaid(event) => (event.schemeId, Some(event.account), Some(event.amount)),
        Event::CreditFellDue(event) => (event.schemeId, Some(event.account), Some(event.outstanding)),
        Event::CollateralRealised(event) => (event.schemeId, Some(event.account), Some(event.amount)),
        Event::MarginCalled(event) => (event.schemeId, Some(event.account), Some(event.outstanding)),
        // Told with their instruction, run or window.
        _ => return,
    };
    (told.scheme, told.account, told.amount) = (Some(scheme), account, amount);
}
