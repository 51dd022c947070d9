//! Returns, requests for status, requests for cancellation, and their resolution.

use super::map::mapped;
use super::parts::{Account, Agent, Charge, OriginalGroup, OriginalIds, PaymentType, Principal, Reason};
use super::transfer::Settlement;
use florin_types::Amount;

mapped! {
    /// Money that comes back: a new movement that names the payment it undoes (pacs.004).
    pub struct PaymentReturns {
        /// What they share.
        group: ReturnGroup = within "GrpHdr",
        /// The group that all of them came in, where it is one.
        original_group: Option<OriginalGroup> = part "OrgnlGrpInf",
        /// The returns.
        returns: Vec<PaymentReturn> = parts "TxInf",
    }
}

mapped! {
    /// What returns of one message share.
    pub struct ReturnGroup {
        /// Identification of the message.
        message_id: String = required "MsgId",
        /// When it was made.
        created: String = required "CreDtTm",
        /// How many returns.
        count: Option<u64> = count "NbOfTxs",
        /// Whether the whole group comes back.
        whole_group: Option<bool> = flag "GrpRtr",
        /// The sum in money.
        total: Option<Amount> = money "TtlRtrdIntrBkSttlmAmt",
        /// The day of settlement of all of them.
        settlement_date: Option<String> = text "IntrBkSttlmDt",
        /// How they are settled.
        settlement: Option<Settlement> = part "SttlmInf",
        /// The bank that sends them.
        instructing: Option<Agent> = part "InstgAgt",
        /// The bank that receives them.
        instructed: Option<Agent> = part "InstdAgt",
    }
}

mapped! {
    /// One return.
    pub struct PaymentReturn {
        /// Identification of the return.
        id: Option<String> = text "RtrId",
        /// The payment that comes back.
        original: OriginalIds = within "",
        /// What was settled.
        original_amount: Option<Amount> = money "OrgnlIntrBkSttlmAmt",
        /// When it was settled.
        original_date: Option<String> = text "OrgnlIntrBkSttlmDt",
        /// What comes back.
        amount: Option<Amount> = money "RtrdIntrBkSttlmAmt",
        /// The day of settlement.
        settlement_date: Option<String> = text "IntrBkSttlmDt",
        /// What the debtor had ordered, in its currency.
        returned_instructed_amount: Option<Amount> = money "RtrdInstdAmt",
        /// Rate between the two amounts, as written.
        exchange_rate: Option<String> = text "XchgRate",
        /// Compensation for the use of the money.
        compensation: Option<Amount> = money "CompstnAmt",
        /// Who bears charges.
        charge_bearer: Option<String> = text "ChrgBr",
        /// Charges taken.
        charges: Vec<Charge> = parts "ChrgsInf",
        /// The bank that sends it.
        instructing: Option<Agent> = part "InstgAgt",
        /// The bank that receives it.
        instructed: Option<Agent> = part "InstdAgt",
        /// The way back.
        chain: Option<ReturnChain> = part "RtrChain",
        /// Why.
        reasons: Vec<Reason> = parts "RtrRsnInf",
        /// What the original payment said.
        reference: Option<OriginalReference> = part "OrgnlTxRef",
    }
}

mapped! {
    /// Who returns to whom: the debtor is the one that was paid.
    pub struct ReturnChain {
        /// Who returns.
        debtor: Principal = within "Dbtr",
        /// From which account.
        debtor_account: Option<Account> = part "DbtrAcct",
        /// Its bank.
        debtor_agent: Option<Agent> = part "DbtrAgt",
        /// A bank between.
        intermediary_1: Option<Agent> = part "IntrmyAgt1",
        /// The bank of the one who gets the money back.
        creditor_agent: Option<Agent> = part "CdtrAgt",
        /// Who gets the money back.
        creditor: Principal = within "Cdtr",
        /// On which account.
        creditor_account: Option<Account> = part "CdtrAcct",
    }
}

mapped! {
    /// What an original payment said, as far as a message repeats it.
    pub struct OriginalReference {
        /// What was settled.
        settlement_amount: Option<Amount> = money "IntrBkSttlmAmt",
        /// What was ordered.
        instructed_amount: Option<Amount> = money "Amt/InstdAmt",
        /// When it was settled.
        settlement_date: Option<String> = text "IntrBkSttlmDt",
        /// How it was handled.
        payment_type: Option<PaymentType> = part "PmtTpInf",
        /// Who paid.
        debtor: Option<Principal> = part "Dbtr",
        /// From which account.
        debtor_account: Option<Account> = part "DbtrAcct",
        /// The debtor's bank.
        debtor_agent: Option<Agent> = part "DbtrAgt",
        /// The creditor's bank.
        creditor_agent: Option<Agent> = part "CdtrAgt",
        /// Who was paid.
        creditor: Option<Principal> = part "Cdtr",
        /// On which account.
        creditor_account: Option<Account> = part "CdtrAcct",
    }
}

mapped! {
    /// What became of payments, asked (pacs.028). Silence is no rejection.
    pub struct StatusRequests {
        /// Identification of the message.
        message_id: String = required "GrpHdr/MsgId",
        /// When it was made.
        created: String = required "GrpHdr/CreDtTm",
        /// The bank that asks, for all requests.
        instructing: Option<Agent> = part "GrpHdr/InstgAgt",
        /// The bank that is asked.
        instructed: Option<Agent> = part "GrpHdr/InstdAgt",
        /// Groups that are asked about.
        groups: Vec<OriginalGroup> = parts "OrgnlGrpInf",
        /// Payments that are asked about.
        requests: Vec<StatusRequest> = parts "TxInf",
    }
}

mapped! {
    /// One payment that is asked about.
    pub struct StatusRequest {
        /// Identification of the request.
        id: Option<String> = text "StsReqId",
        /// The payment.
        original: OriginalIds = within "",
        /// When it was accepted.
        accepted: Option<String> = text "AccptncDtTm",
        /// Of the clearing system.
        clearing_reference: Option<String> = text "ClrSysRef",
        /// The bank that asks.
        instructing: Option<Agent> = part "InstgAgt",
        /// The bank that is asked.
        instructed: Option<Agent> = part "InstdAgt",
        /// What the payment said.
        reference: Option<OriginalReference> = part "OrgnlTxRef",
    }
}

mapped! {
    /// Who hands a case to whom.
    pub struct Assignment {
        /// Identification of the assignment.
        id: String = required "Id",
        /// Who hands it on.
        assigner: Principal = within "Assgnr",
        /// Who takes it.
        assignee: Principal = within "Assgne",
        /// When.
        created: String = required "CreDtTm",
    }
}

mapped! {
    /// A case.
    pub struct Case {
        /// Its identification.
        id: String = required "Id",
        /// Who opened it.
        creator: Principal = within "Cretr",
        /// Whether it was closed before.
        reopened: Option<bool> = flag "ReopCaseIndctn",
    }
}

mapped! {
    /// Payments that are to be cancelled before they are settled (camt.056).
    pub struct CancellationRequests {
        /// Who asks whom.
        assignment: Assignment = within "Assgnmt",
        /// The case, where it is one.
        case: Option<Case> = part "Case",
        /// How many payments.
        count: Option<u64> = count "CtrlData/NbOfTxs",
        /// What is to be cancelled.
        underlying: Vec<CancellationGroup> = parts "Undrlyg",
    }
}

mapped! {
    /// A group, or payments of it.
    pub struct CancellationGroup {
        /// The whole group is to be cancelled.
        group: Option<GroupCancellation> = part "OrgnlGrpInfAndCxl",
        /// Payments that are to be cancelled.
        requests: Vec<CancellationRequest> = parts "TxInf",
    }
}

mapped! {
    /// A group that is to be cancelled.
    pub struct GroupCancellation {
        /// `MsgId` of the group.
        message_id: String = required "OrgnlMsgId",
        /// Name of its message.
        message_name: String = required "OrgnlMsgNmId",
        /// Whether all of it is to be cancelled.
        whole_group: Option<bool> = flag "GrpCxl",
        /// Why.
        reasons: Vec<Reason> = parts "CxlRsnInf",
    }
}

mapped! {
    /// One payment that is to be cancelled.
    pub struct CancellationRequest {
        /// Identification of the request.
        id: Option<String> = text "CxlId",
        /// The case.
        case: Option<Case> = part "Case",
        /// The payment.
        original: OriginalIds = within "",
        /// What was to be settled.
        amount: Option<Amount> = money "OrgnlIntrBkSttlmAmt",
        /// On which day.
        settlement_date: Option<String> = text "OrgnlIntrBkSttlmDt",
        /// Why.
        reasons: Vec<Reason> = parts "CxlRsnInf",
        /// What the payment said.
        reference: Option<OriginalReference> = part "OrgnlTxRef",
    }
}

mapped! {
    /// What became of a request for cancellation (camt.029).
    pub struct Resolution {
        /// Who answers whom.
        assignment: Assignment = within "Assgnmt",
        /// The case that is resolved.
        case: Option<Case> = part "RslvdCase",
        /// `CNCL` (cancelled), `RJCR` (refused), `PDCR` (undecided), and others.
        status: Option<String> = text "Sts/Conf",
        /// What became of each payment.
        details: Vec<ResolutionDetails> = parts "CxlDtls",
    }
}

mapped! {
    /// What became of payments of one group.
    pub struct ResolutionDetails {
        /// The payments.
        items: Vec<ResolutionItem> = parts "TxInfAndSts",
    }
}

mapped! {
    /// What became of one request.
    pub struct ResolutionItem {
        /// Identification of the answer.
        id: Option<String> = text "CxlStsId",
        /// The case that is resolved.
        case: Option<Case> = part "RslvdCase",
        /// The payment.
        original: OriginalIds = within "",
        /// `ACCR`, `RJCR` or `PDCR`.
        status: Option<String> = text "TxCxlSts",
        /// Why.
        reasons: Vec<Reason> = parts "CxlStsRsnInf",
        /// What was to be settled.
        amount: Option<Amount> = money "OrgnlIntrBkSttlmAmt",
        /// On which day.
        settlement_date: Option<String> = text "OrgnlIntrBkSttlmDt",
    }
}
