//! Messages in the field's vocabulary: what a gateway reads and writes.
//!
//! [`Message::read`] takes what a payment needs out of an [`Envelope`]; [`Message::write`] makes a message in the version
//! of CBPR+ and HVPS+, in schema order, and holds it to its schema. What is written reads back equal. Elements that the
//! model has no field for stay in the envelope's tree.

mod draft;
mod exceptions;
mod header;
mod map;
mod parts;
mod report;
mod status;
mod transfer;

pub use exceptions::{
    Assignment, CancellationGroup, CancellationRequest, CancellationRequests, Case, GroupCancellation,
    OriginalReference, PaymentReturn, PaymentReturns, Resolution, ResolutionDetails, ResolutionItem, ReturnChain,
    ReturnGroup, StatusRequest, StatusRequests,
};
pub use header::{BusinessHeader, HeaderParty};
pub use parts::{
    Account, Address, Agent, Charge, Coded, Instruction, OriginalGroup, OriginalIds, OtherId, Party, PaymentIds,
    PaymentType, Principal, Reason, Remittance, StructuredRemittance, When,
};
pub use report::{AccountReport, AccountStatement, Balance, Entry, EntryDetails, EntryTransaction};
pub use status::{BatchStatus, GroupStatus, ItemStatus, StatusReport};
pub use transfer::{Batch, CoveredTransfer, CreditTransfer, CreditTransfers, Initiation, Settlement, TransferGroup};

use crate::envelope::Envelope;
use crate::problem::{Problem, Rejection};
use crate::tree::{Tree, View};
use draft::Draft;
use map::{Map, Mapped, read};

/// A message, by what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Customers' transfers between banks (pacs.008).
    CustomerTransfers(CreditTransfers),
    /// Banks' own transfers (pacs.009).
    BankTransfers(CreditTransfers),
    /// A customer's order (pain.001). It is read, not written.
    Initiation(Initiation),
    /// Returns (pacs.004).
    Returns(PaymentReturns),
    /// Statuses between banks (pacs.002).
    StatusReport(StatusReport),
    /// Statuses to customers (pain.002).
    CustomerStatusReport(StatusReport),
    /// Requests for status (pacs.028).
    StatusRequests(StatusRequests),
    /// Requests for cancellation (camt.056).
    CancellationRequests(CancellationRequests),
    /// Their resolution (camt.029).
    Resolution(Resolution),
    /// Movements and balances within the day (camt.052).
    Report(AccountReport),
    /// Movements and balances of a day (camt.053).
    Statement(AccountReport),
    /// Single movements (camt.054).
    Notification(AccountReport),
}

impl Message {
    /// Takes a message out of an envelope, whichever version it has.
    ///
    /// An error only where an amount is in no currency of payments or does not fit its minor units, which
    /// [`crate::check`] refuses with the same words.
    pub fn read(envelope: &Envelope) -> Result<Self, Rejection> {
        let (message, problems) = read_leniently(envelope)?;
        if problems.is_empty() {
            return Ok(message);
        }
        Err(Rejection { problems, more: false, original: Box::new(envelope.original()) })
    }

    /// Keeps the items for which `keep` says so, asked in the order of the message.
    pub(crate) fn keep_items(&mut self, keep: &mut impl FnMut() -> bool) {
        match self {
            Self::CustomerTransfers(message) | Self::BankTransfers(message) => message.transfers.retain(|_| keep()),
            Self::Initiation(message) => {
                message.batches.iter_mut().for_each(|batch| batch.transfers.retain(|_| keep()))
            }
            Self::Returns(message) => message.returns.retain(|_| keep()),
            Self::StatusReport(message) => message.items.retain(|_| keep()),
            Self::CustomerStatusReport(message) => {
                message.batches.iter_mut().for_each(|batch| batch.items.retain(|_| keep()))
            }
            Self::StatusRequests(message) => message.requests.retain(|_| keep()),
            Self::CancellationRequests(message) => {
                message.underlying.iter_mut().for_each(|group| group.requests.retain(|_| keep()));
            }
            Self::Resolution(message) => message.details.iter_mut().for_each(|group| group.items.retain(|_| keep())),
            Self::Report(_) | Self::Statement(_) | Self::Notification(_) => {}
        }
    }

    /// The name of the message that this is written as; `None` for what is not written here.
    pub const fn name(&self) -> Option<&'static str> {
        Some(match self {
            Self::CustomerTransfers(_) => "pacs.008.001.08",
            Self::BankTransfers(_) => "pacs.009.001.08",
            Self::Initiation(_) => return None,
            Self::Returns(_) => "pacs.004.001.09",
            Self::StatusReport(_) => "pacs.002.001.10",
            Self::CustomerStatusReport(_) => "pain.002.001.10",
            Self::StatusRequests(_) => "pacs.028.001.03",
            Self::CancellationRequests(_) => "camt.056.001.08",
            Self::Resolution(_) => "camt.029.001.09",
            Self::Report(_) => "camt.052.001.08",
            Self::Statement(_) => "camt.053.001.08",
            Self::Notification(_) => "camt.054.001.08",
        })
    }

    /// Writes it, with a header where there is one. The error names every place that its schema refuses.
    pub fn write(&self, header: Option<&BusinessHeader>) -> Result<Envelope, Rejection> {
        let name = self
            .name()
            .ok_or_else(|| Rejection::of(Problem::unsupported("/", "a customer's order is not written here")))?;
        let document = match self {
            Self::CustomerTransfers(transfers) | Self::BankTransfers(transfers) => {
                let mut transfers = transfers.clone();
                transfers.spread();
                transfers.gather();
                write(name, transfers)
            }
            Self::Initiation(message) => write(name, message.clone()),
            Self::Returns(message) => write(name, message.clone()),
            Self::StatusReport(message) | Self::CustomerStatusReport(message) => write(name, message.clone()),
            Self::StatusRequests(message) => write(name, message.clone()),
            Self::CancellationRequests(message) => write(name, message.clone()),
            Self::Resolution(message) => write(name, message.clone()),
            Self::Report(message) | Self::Statement(message) | Self::Notification(message) => {
                write(name, message.clone())
            }
        }?;
        let header = header.map(|header| write(crate::HEADER_VERSION, header.clone())).transpose()?;
        Ok(Envelope { header, document })
    }
}

impl BusinessHeader {
    /// The header of an envelope, where it has one.
    pub fn read(envelope: &Envelope) -> Option<Self> {
        Some(read(envelope.header.as_ref()?.root(), &mut Vec::new()))
    }
}

/// As [`Message::read`], with what could not be taken over beside the message.
pub(crate) fn read_leniently(envelope: &Envelope) -> Result<(Message, Vec<Problem>), Rejection> {
    let mut problems = Vec::new();
    let (root, out) = (envelope.document.root(), &mut problems);
    let message = match envelope.document.definition().family {
        "pacs.008.001" => Message::CustomerTransfers(transfers(root, out)),
        "pacs.009.001" => Message::BankTransfers(transfers(root, out)),
        "pain.001.001" => {
            let mut initiation: Initiation = read(root, out);
            initiation.spread();
            Message::Initiation(initiation)
        }
        "pacs.004.001" => Message::Returns(read(root, out)),
        "pacs.002.001" => Message::StatusReport(read(root, out)),
        "pain.002.001" => Message::CustomerStatusReport(read(root, out)),
        "pacs.028.001" => Message::StatusRequests(read(root, out)),
        "camt.056.001" => Message::CancellationRequests(read(root, out)),
        "camt.029.001" => Message::Resolution(read(root, out)),
        "camt.052.001" => Message::Report(read(root, out)),
        "camt.053.001" => Message::Statement(read(root, out)),
        "camt.054.001" => Message::Notification(read(root, out)),
        other => return Err(Rejection::of(Problem::unsupported("/", format!("{other} is no message of payments")))),
    };
    Ok((message, problems))
}

fn transfers(root: View<'_>, problems: &mut Vec<Problem>) -> CreditTransfers {
    let mut transfers: CreditTransfers = read(root, problems);
    transfers.spread();
    transfers
}

/// Following the fields needs them for itself, in either direction.
fn write<T: Mapped>(name: &str, mut message: T) -> Result<Tree, Rejection> {
    let mut draft = Draft::new(name)?;
    message.map(&mut Map::Write(&mut draft, 0));
    draft.finish()
}
