//! Events of tokens and payments.

use super::{DecodeError, PaymentEvent, PaymentStep, Rows, code, kept, place, said};
use crate::record::{PaymentRecord, Spot, Status, TransferKind, TransferRecord};
use alloy_primitives::{Address, Bytes, Log, U256};
use alloy_sol_types::{SolEvent as _, SolEventInterface as _};
use florin_modules::{
    Module,
    payment::{IPayment, IPayment::IPaymentEvents as Event, State},
    token::{IToken, ItemResult, batch_items},
};

impl Rows {
    /// What a token says. Of an emitter that is no module of the ledger only ERC-20's Transfer is taken.
    pub(super) fn take_token(&mut self, log: &Log, spot: Spot, first_transfer: u64) -> Result<(), DecodeError> {
        let Some(topic) = log.topics().first() else { return Ok(()) };
        let is_ours = Module::at(log.address).is_some();
        match *topic {
            IToken::Transfer::SIGNATURE_HASH => {
                // Three topics and one word: ERC-721's Transfer, with the same signature, has four topics.
                let Ok(event) = IToken::Transfer::decode_log_validate(log) else { return Ok(()) };
                let kind = match (event.from.is_zero(), event.to.is_zero()) {
                    (true, false) => TransferKind::Mint,
                    (false, true) => TransferKind::Burn,
                    _ => TransferKind::Transfer,
                };
                self.transfer(log.address, spot, kind, (event.from, event.to, event.value), None)?;
            }
            IToken::TransferWithMemo::SIGNATURE_HASH if is_ours => {
                if let Ok(event) = IToken::TransferWithMemo::decode_log(log) {
                    self.remember(log.address, &event.data, first_transfer);
                }
            }
            IToken::BatchTransfer::SIGNATURE_HASH if is_ours => {
                if let Ok(event) = IToken::BatchTransfer::decode_log(log) {
                    self.batch(log.address, spot, &event.data)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn transfer(
        &mut self,
        token: Address,
        spot: Spot,
        kind: TransferKind,
        (payer, payee, amount): (Address, Address, U256),
        memo: Option<Bytes>,
    ) -> Result<(), DecodeError> {
        let place = place(spot.place.height(), self.transfers.len())?;
        let (log_number, spot) = (spot.place.number(), Spot { place, ..spot });
        self.transfers.push(TransferRecord {
            spot,
            log_number,
            kind,
            token,
            payer,
            payee,
            amount,
            memo,
            reference: None,
        });
        Ok(())
    }

    /// The items of a batch that moved units.
    fn batch(&mut self, token: Address, spot: Spot, event: &IToken::BatchTransfer) -> Result<(), DecodeError> {
        let Some(items) = batch_items(&event.items).filter(|items| items.len() == event.results.len()) else {
            return Ok(());
        };
        for (item, _) in items.zip(event.results.iter()).filter(|(_, result)| **result == ItemResult::Settled.number())
        {
            let memo = item.reference.iter().any(|byte| *byte != 0).then(|| Bytes::copy_from_slice(&item.reference));
            self.transfer(token, spot, TransferKind::Batch, (event.from, item.to, U256::from(item.amount)), memo)?;
        }
        Ok(())
    }

    /// Memo and reference follow the transfer that they belong to, perhaps with what was swept between them. Those of a
    /// parked movement belong to none.
    fn remember(&mut self, token: Address, event: &IToken::TransferWithMemo, first_transfer: u64) {
        let own = self.transfers.iter_mut().rev().take_while(|transfer| transfer.spot.place.number() >= first_transfer);
        let meant = own.into_iter().find(|transfer| {
            let parties = (transfer.token, transfer.payer, transfer.payee) == (token, event.from, event.to);
            parties && transfer.amount == event.value && transfer.memo.is_none() && transfer.reference.is_none()
        });
        if let Some(transfer) = meant {
            transfer.memo = said(event.memo).map(|memo| Bytes::copy_from_slice(memo.as_slice()));
            let reference = kept(&event.paymentReference);
            transfer.reference = (!reference.is_empty()).then_some(reference);
        }
    }

    /// What the payment module says.
    pub(super) fn take_payment(&mut self, log: &Log, spot: Spot) {
        let Ok(event) = Event::decode_raw_log(log.topics(), &log.data.data) else { return };
        let told = match event {
            Event::PaymentOrdered(event) => ordered(event, spot),
            Event::BatchPaid(event) => Some(batch_paid(event, spot)),
            Event::PaymentReserved(event) => {
                let poster = (!event.poster.is_zero()).then_some(event.poster);
                Some((event.payer, event.uetr, PaymentStep::Reserved { expiry_ms: event.expiryMs, poster }))
            }
            Event::PaymentParked(event) => {
                let (expiry_ms, policy, account) = (event.expiryMs, event.policyId, event.account);
                Some((event.payer, event.uetr, PaymentStep::Parked { expiry_ms, policy, account }))
            }
            Event::PaymentPosted(event) => {
                Some((event.payer, event.uetr, PaymentStep::Posted { amount: event.posted }))
            }
            Event::PaymentVoided(event) => Some((event.payer, event.uetr, PaymentStep::Voided { by: event.by })),
            Event::PaymentExpired(event) => Some((event.payer, event.uetr, PaymentStep::Expired)),
            Event::PaymentReturned(event) => {
                let (amount, reason) = (event.amount, code(event.reason.as_slice()));
                Some((event.payer, event.uetr, PaymentStep::Returned { amount, reason }))
            }
            _ => None,
        };
        self.payments.extend(told.map(|(payer, uetr, step)| PaymentEvent { spot, payer, uetr, step }));
    }
}

type Told = (Address, alloy_primitives::B256, PaymentStep);

fn ordered(event: IPayment::PaymentOrdered, spot: Spot) -> Option<Told> {
    let status = status(event.state)?;
    let payment = PaymentRecord {
        spot,
        payer: event.payer,
        uetr: event.uetr,
        payee: (!event.payee.is_zero()).then_some(event.payee),
        token: event.token,
        amount: event.amount,
        status,
        received: if status == Status::Settled { event.amount } else { U256::ZERO },
        returned: U256::ZERO,
        debtor_agent: code(event.debtorAgent.as_slice()),
        creditor_agent: code(event.creditorAgent.as_slice()),
        end_to_end: said(event.endToEnd),
        purpose: code(event.purpose.as_slice()),
        remittance: said(event.remittance),
        priority: event.priority.into(),
        expiry_ms: None,
        items: None,
        items_settled: None,
        updated_height: spot.place.height(),
        updated_ms: spot.time_ms,
    };
    Some((event.payer, event.uetr, PaymentStep::Ordered(Box::new(payment))))
}

fn batch_paid(event: IPayment::BatchPaid, spot: Spot) -> Told {
    let payment = PaymentRecord {
        spot,
        payer: event.payer,
        uetr: event.uetr,
        payee: None,
        token: event.token,
        amount: event.total,
        status: Status::Settled,
        received: event.total,
        returned: U256::ZERO,
        debtor_agent: None,
        creditor_agent: None,
        end_to_end: None,
        purpose: None,
        remittance: None,
        priority: 0,
        expiry_ms: None,
        items: Some(event.items.into()),
        items_settled: Some(event.settled.into()),
        updated_height: spot.place.height(),
        updated_ms: spot.time_ms,
    };
    (event.payer, event.uetr, PaymentStep::Ordered(Box::new(payment)))
}

/// A state of the payment module.
fn status(number: u8) -> Option<Status> {
    let named = [
        (State::Pending, Status::Pending),
        (State::Parked, Status::Parked),
        (State::Settled, Status::Settled),
        (State::Voided, Status::Voided),
        (State::Expired, Status::Expired),
    ];
    named.into_iter().find(|(state, _)| state.number() == number).map(|(_, status)| status)
}
