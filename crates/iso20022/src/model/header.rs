//! The business application header (head.001).

use super::map::mapped;
use super::parts::{Agent, Party};

mapped! {
    /// Who sends which message to whom.
    pub struct BusinessHeader {
        /// The sender.
        from: HeaderParty = within "Fr",
        /// The receiver.
        to: HeaderParty = within "To",
        /// Identification of the message.
        message_id: String = required "BizMsgIdr",
        /// Name of the message, such as `pacs.008.001.08`.
        message_name: String = required "MsgDefIdr",
        /// The service it belongs to, such as `swift.cbprplus.02`.
        service: Option<String> = text "BizSvc",
        /// When it was made.
        created: String = required "CreDt",
        /// `COPY`, `CODU` or `DUPL`.
        copy: Option<String> = text "CpyDplct",
        /// Whether it may have been sent before.
        possible_duplicate: Option<bool> = flag "PssblDplct",
        /// Priority.
        priority: Option<String> = text "Prty",
    }
}

mapped! {
    /// A sender or receiver.
    pub struct HeaderParty {
        /// A bank.
        agent: Option<Agent> = part "FIId",
        /// An organisation.
        organisation: Option<Party> = part "OrgId",
    }
}

impl HeaderParty {
    /// The bank with this BIC.
    pub fn of_bic(bic: &str) -> Self {
        Self { agent: Some(Agent::of_bic(bic)), organisation: None }
    }
}
