//! What happened on an account: within the day (camt.052), at its end (camt.053), one movement (camt.054).

use super::map::mapped;
use super::parts::{Account, Agent, Coded, Principal, Reason, Remittance, When};
use florin_types::Amount;

mapped! {
    /// A report, statement or notification about accounts.
    pub struct AccountReport {
        /// Identification of the message.
        message_id: String = required "GrpHdr/MsgId",
        /// When it was made.
        created: String = required "GrpHdr/CreDtTm",
        /// One for each account.
        accounts: Vec<AccountStatement> = parts_of_kind "Stmt|Rpt|Ntfctn",
    }
}

mapped! {
    /// What happened on one account. Booked and pending entries differ, and so do their balances.
    pub struct AccountStatement {
        /// Its identification.
        id: String = required "Id",
        /// Its number in the electronic sequence, as written.
        sequence: Option<String> = text "ElctrncSeqNb",
        /// When it was made.
        created: Option<String> = text "CreDtTm",
        /// From when,
        from: Option<String> = text "FrToDt/FrDtTm",
        /// and to when.
        to: Option<String> = text "FrToDt/ToDtTm",
        /// The account.
        account: Account = within "Acct",
        /// Its owner.
        owner: Option<String> = text "Acct/Ownr/Nm",
        /// Its bank.
        servicer: Option<Agent> = part "Acct/Svcr",
        /// Balances.
        balances: Vec<Balance> = parts "Bal",
        /// Movements.
        entries: Vec<Entry> = parts "Ntry",
        /// Further words.
        additional: Option<String> = text "AddtlStmtInf|AddtlRptInf|AddtlNtfctnInf",
    }
}

mapped! {
    /// A balance.
    pub struct Balance {
        /// `OPBD`, `CLBD`, `ITBD`, `CLAV`, …
        kind: Option<String> = text "Tp/CdOrPrtry/Cd",
        /// How much.
        amount: Option<Amount> = money "Amt",
        /// `CRDT`: the bank owes it. `DBIT`: the customer does.
        side: String = required "CdtDbtInd",
        /// When.
        at: When = within "Dt",
    }
}

mapped! {
    /// A movement on an account.
    pub struct Entry {
        /// Its reference.
        reference: Option<String> = text "NtryRef",
        /// How much.
        amount: Option<Amount> = money "Amt",
        /// `CRDT` or `DBIT`.
        side: String = required "CdtDbtInd",
        /// Whether it undoes an earlier one.
        reversal: Option<bool> = flag "RvslInd",
        /// `BOOK`, `PDNG`, `INFO` or `FUTR`.
        status: Option<String> = text "Sts/Cd|Sts",
        /// When it was booked.
        booked: Option<When> = part "BookgDt",
        /// From when it counts.
        valued: Option<When> = part "ValDt",
        /// Reference of the bank.
        servicer_reference: Option<String> = text "AcctSvcrRef",
        /// Domain of the kind of transaction,
        domain: Option<String> = text "BkTxCd/Domn/Cd",
        /// family,
        family: Option<String> = text "BkTxCd/Domn/Fmly/Cd",
        /// and sub-family.
        sub_family: Option<String> = text "BkTxCd/Domn/Fmly/SubFmlyCd",
        /// A kind of transaction of the bank's own.
        proprietary: Option<String> = text "BkTxCd/Prtry/Cd",
        /// Its payments.
        details: Vec<EntryDetails> = parts "NtryDtls",
        /// Further words.
        additional: Option<String> = text "AddtlNtryInf",
    }
}

mapped! {
    /// Payments of an entry.
    pub struct EntryDetails {
        /// The payments.
        transactions: Vec<EntryTransaction> = parts "TxDtls",
    }
}

mapped! {
    /// One payment of an entry.
    pub struct EntryTransaction {
        /// `MsgId` of the message that ordered it.
        message_id: Option<String> = text "Refs/MsgId",
        /// Reference of the bank.
        servicer_reference: Option<String> = text "Refs/AcctSvcrRef",
        /// `PmtInfId`.
        batch: Option<String> = text "Refs/PmtInfId",
        /// `InstrId`.
        instruction: Option<String> = text "Refs/InstrId",
        /// `EndToEndId`.
        end_to_end: Option<String> = text "Refs/EndToEndId",
        /// `UETR`.
        uetr: Option<String> = text "Refs/UETR",
        /// `TxId`.
        transaction: Option<String> = text "Refs/TxId",
        /// How much.
        amount: Option<Amount> = money "Amt|AmtDtls/TxAmt/Amt",
        /// `CRDT` or `DBIT`.
        side: Option<String> = text "CdtDbtInd",
        /// The other leg, where currencies were exchanged.
        counter_value: Option<Amount> = money "AmtDtls/CntrValAmt/Amt",
        /// The currency that was sold.
        exchange_source: Option<String> = text "AmtDtls/CntrValAmt/CcyXchg/SrcCcy",
        /// The currency that was bought.
        exchange_target: Option<String> = text "AmtDtls/CntrValAmt/CcyXchg/TrgtCcy",
        /// The currency of which one unit has the rate for its price.
        exchange_unit: Option<String> = text "AmtDtls/CntrValAmt/CcyXchg/UnitCcy",
        /// Rate: a decimal of at most 11 digits.
        exchange_rate: Option<String> = text "AmtDtls/CntrValAmt/CcyXchg/XchgRate",
        /// Who paid.
        debtor: Option<Principal> = part "RltdPties/Dbtr",
        /// From which account.
        debtor_account: Option<Account> = part "RltdPties/DbtrAcct",
        /// Who was paid.
        creditor: Option<Principal> = part "RltdPties/Cdtr",
        /// On which account.
        creditor_account: Option<Account> = part "RltdPties/CdtrAcct",
        /// The debtor's bank.
        debtor_agent: Option<Agent> = part "RltdAgts/DbtrAgt",
        /// The creditor's bank.
        creditor_agent: Option<Agent> = part "RltdAgts/CdtrAgt",
        /// Why it was made.
        purpose: Option<Coded> = part "Purp",
        /// What it was for.
        remittance: Option<Remittance> = part "RmtInf",
        /// Why it came back.
        return_reason: Option<Reason> = part "RtrInf",
    }
}
