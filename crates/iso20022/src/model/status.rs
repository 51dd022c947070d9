//! What became of payments: pacs.002 between banks, pain.002 to customers.

use super::map::mapped;
use super::parts::{Agent, OriginalIds, Party, Reason, When};

mapped! {
    /// Statuses of one or more messages. The status of a group does not imply that of its payments.
    pub struct StatusReport {
        /// Identification of this report.
        message_id: String = required "GrpHdr/MsgId",
        /// When it was made.
        created: String = required "GrpHdr/CreDtTm",
        /// Who initiated the order, to customers.
        initiating: Option<Party> = part "GrpHdr/InitgPty",
        /// The bank that reports.
        instructing: Option<Agent> = part "GrpHdr/InstgAgt",
        /// The bank that is told.
        instructed: Option<Agent> = part "GrpHdr/InstdAgt",
        /// Statuses of groups.
        groups: Vec<GroupStatus> = parts "OrgnlGrpInfAndSts",
        /// Statuses of batches and their payments, to customers.
        batches: Vec<BatchStatus> = parts "OrgnlPmtInfAndSts",
        /// Statuses of payments, between banks.
        items: Vec<ItemStatus> = parts "TxInfAndSts",
    }
}

mapped! {
    /// The status of a group.
    pub struct GroupStatus {
        /// `MsgId` of the group.
        message_id: String = required "OrgnlMsgId",
        /// Name of its message.
        message_name: String = required "OrgnlMsgNmId",
        /// When it was made.
        created: Option<String> = text "OrgnlCreDtTm",
        /// How many payments it has, as written.
        count: Option<String> = text "OrgnlNbOfTxs",
        /// The sum of their amounts, as written.
        control_sum: Option<String> = text "OrgnlCtrlSum",
        /// `ACTC`, `ACSP`, `ACSC`, `PART`, `RJCT`, …
        status: Option<String> = text "GrpSts",
        /// Why.
        reasons: Vec<Reason> = parts "StsRsnInf",
    }
}

mapped! {
    /// The status of a batch.
    pub struct BatchStatus {
        /// `PmtInfId` of the batch.
        id: String = required "OrgnlPmtInfId",
        /// Its status.
        status: Option<String> = text "PmtInfSts",
        /// Why.
        reasons: Vec<Reason> = parts "StsRsnInf",
        /// Statuses of its payments.
        items: Vec<ItemStatus> = parts "TxInfAndSts",
    }
}

mapped! {
    /// The status of one payment.
    pub struct ItemStatus {
        /// Identification of the status.
        id: Option<String> = text "StsId",
        /// The payment.
        original: OriginalIds = within "",
        /// `ACTC`, `ACSP`, `ACSC`, `RJCT`, …
        status: Option<String> = text "TxSts",
        /// Why.
        reasons: Vec<Reason> = parts "StsRsnInf",
        /// When it was accepted.
        accepted: Option<String> = text "AccptncDtTm",
        /// When it is or was settled.
        settled: Option<When> = part "FctvIntrBkSttlmDt",
        /// Of the clearing system.
        clearing_reference: Option<String> = text "ClrSysRef",
        /// The bank that reports.
        instructing: Option<Agent> = part "InstgAgt",
        /// The bank that is told.
        instructed: Option<Agent> = part "InstdAgt",
    }
}
