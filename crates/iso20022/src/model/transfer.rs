//! Credit transfers: of customers (pacs.008, pain.001) and of banks (pacs.009).

use super::map::mapped;
use super::parts::{
    Account, Agent, Charge, Coded, Instruction, Party, PaymentIds, PaymentType, Principal, Remittance, When,
};
use florin_types::Amount;

mapped! {
    /// Credit transfers of one message.
    pub struct CreditTransfers {
        /// What they share.
        group: TransferGroup = within "GrpHdr",
        /// The transfers. What their group or batch said for all of them stands in each.
        transfers: Vec<CreditTransfer> = parts "CdtTrfTxInf",
    }
}

mapped! {
    /// What transfers of one message share.
    pub struct TransferGroup {
        /// Identification of the message.
        message_id: String = required "MsgId",
        /// When it was made.
        created: String = required "CreDtTm",
        /// How many transfers.
        count: Option<u64> = count "NbOfTxs",
        /// The sum of their amounts, as written.
        control_sum: Option<String> = text "CtrlSum",
        /// The sum in money.
        total: Option<Amount> = money "TtlIntrBkSttlmAmt",
        /// The day of settlement of all of them.
        settlement_date: Option<String> = text "IntrBkSttlmDt",
        /// How they are settled.
        settlement: Option<Settlement> = part "SttlmInf",
        /// How they are handled.
        payment_type: Option<PaymentType> = part "PmtTpInf",
        /// The bank that sends them.
        instructing: Option<Agent> = part "InstgAgt",
        /// The bank that receives them.
        instructed: Option<Agent> = part "InstdAgt",
        /// Who initiates them, at a bank.
        initiating: Option<Party> = part "InitgPty",
    }
}

mapped! {
    /// How payments are settled between banks.
    pub struct Settlement {
        /// `INDA`, `INGA`, `COVE` or `CLRG`.
        method: String = required "SttlmMtd",
        /// The account.
        account: Option<Account> = part "SttlmAcct",
        /// The clearing system.
        clearing_system: Option<Coded> = part "ClrSys",
        /// Reimbursement agent of the sender.
        instructing_reimbursement: Option<Agent> = part "InstgRmbrsmntAgt",
        /// Reimbursement agent of the receiver.
        instructed_reimbursement: Option<Agent> = part "InstdRmbrsmntAgt",
        /// A third one.
        third_reimbursement: Option<Agent> = part "ThrdRmbrsmntAgt",
    }
}

mapped! {
    /// One credit transfer.
    pub struct CreditTransfer {
        /// References.
        ids: PaymentIds = within "PmtId",
        /// How it is handled.
        payment_type: Option<PaymentType> = part "PmtTpInf",
        /// What is settled between banks; a customer's order has none yet.
        settlement_amount: Option<Amount> = money "IntrBkSttlmAmt",
        /// The day of settlement.
        settlement_date: Option<String> = text "IntrBkSttlmDt",
        /// Urgency of settlement.
        settlement_priority: Option<String> = text "SttlmPrty",
        /// When the debtor's bank took it on.
        accepted: Option<String> = text "AccptncDtTm",
        /// What the debtor ordered.
        instructed_amount: Option<Amount> = money "InstdAmt|Amt/InstdAmt",
        /// An order whose amount is said in one currency and paid in another: the amount,
        equivalent_amount: Option<Amount> = money "Amt/EqvtAmt/Amt",
        /// and the currency in which it is paid.
        equivalent_currency: Option<String> = text "Amt/EqvtAmt/CcyOfTrf",
        /// Rate between the two amounts, as written.
        exchange_rate: Option<String> = text "XchgRate",
        /// `DEBT`, `CRED`, `SHAR` or `SLEV`.
        charge_bearer: Option<String> = text "ChrgBr",
        /// Charges taken so far.
        charges: Vec<Charge> = parts "ChrgsInf",
        /// Banks before the instructing one.
        previous_1: Option<Agent> = part "PrvsInstgAgt1|PrvsInstgAgt",
        /// The second of them.
        previous_2: Option<Agent> = part "PrvsInstgAgt2",
        /// The third of them.
        previous_3: Option<Agent> = part "PrvsInstgAgt3",
        /// The bank that sends it.
        instructing: Option<Agent> = part "InstgAgt",
        /// The bank that receives it.
        instructed: Option<Agent> = part "InstdAgt",
        /// Banks between.
        intermediary_1: Option<Agent> = part "IntrmyAgt1",
        /// The second of them.
        intermediary_2: Option<Agent> = part "IntrmyAgt2",
        /// The third of them.
        intermediary_3: Option<Agent> = part "IntrmyAgt3",
        /// On whose behalf the debtor pays.
        ultimate_debtor: Option<Principal> = part "UltmtDbtr",
        /// Who initiated it.
        initiating: Option<Party> = part "InitgPty",
        /// Who pays.
        debtor: Principal = within "Dbtr",
        /// From which account.
        debtor_account: Option<Account> = part "DbtrAcct",
        /// The debtor's bank.
        debtor_agent: Option<Agent> = part "DbtrAgt",
        /// Its account.
        debtor_agent_account: Option<Account> = part "DbtrAgtAcct",
        /// The creditor's bank.
        creditor_agent: Option<Agent> = part "CdtrAgt",
        /// Its account.
        creditor_agent_account: Option<Account> = part "CdtrAgtAcct",
        /// Who is paid.
        creditor: Principal = within "Cdtr",
        /// On which account.
        creditor_account: Option<Account> = part "CdtrAcct",
        /// For whom the creditor takes it.
        ultimate_creditor: Option<Principal> = part "UltmtCdtr",
        /// Instructions for the creditor's bank.
        creditor_agent_instructions: Vec<Instruction> = parts "InstrForCdtrAgt",
        /// Instructions for the next bank.
        next_agent_instructions: Vec<Instruction> = parts "InstrForNxtAgt",
        /// Why it is made.
        purpose: Option<Coded> = part "Purp",
        /// What it is for.
        remittance: Option<Remittance> = part "RmtInf",
        /// The customer's payment that a transfer of banks covers.
        covered: Option<CoveredTransfer> = part "UndrlygCstmrCdtTrf",
    }
}

mapped! {
    /// The customer's payment that a transfer of banks covers.
    pub struct CoveredTransfer {
        /// On whose behalf the debtor pays.
        ultimate_debtor: Option<Party> = part "UltmtDbtr",
        /// Who initiated it.
        initiating: Option<Party> = part "InitgPty",
        /// Who pays.
        debtor: Party = within "Dbtr",
        /// From which account.
        debtor_account: Option<Account> = part "DbtrAcct",
        /// The debtor's bank.
        debtor_agent: Option<Agent> = part "DbtrAgt",
        /// The creditor's bank.
        creditor_agent: Option<Agent> = part "CdtrAgt",
        /// Who is paid.
        creditor: Party = within "Cdtr",
        /// On which account.
        creditor_account: Option<Account> = part "CdtrAcct",
        /// For whom the creditor takes it.
        ultimate_creditor: Option<Party> = part "UltmtCdtr",
        /// What it is for.
        remittance: Option<Remittance> = part "RmtInf",
        /// What the debtor ordered.
        instructed_amount: Option<Amount> = money "InstdAmt",
    }
}

mapped! {
    /// A customer's order of payments, batch by batch (pain.001).
    pub struct Initiation {
        /// What the batches share.
        group: TransferGroup = within "GrpHdr",
        /// The batches.
        batches: Vec<Batch> = parts "PmtInf",
    }
}

mapped! {
    /// A batch of transfers from one account on one day.
    pub struct Batch {
        /// Identification of the batch.
        id: String = required "PmtInfId",
        /// `TRF`, `TRA` or `CHK`.
        method: String = required "PmtMtd",
        /// Whether one booking for all of them is wanted.
        batch_booking: Option<bool> = flag "BtchBookg",
        /// How many transfers.
        count: Option<u64> = count "NbOfTxs",
        /// The sum of their amounts, as written.
        control_sum: Option<String> = text "CtrlSum",
        /// How they are handled.
        payment_type: Option<PaymentType> = part "PmtTpInf",
        /// When they are to be executed.
        requested_date: When = requested "ReqdExctnDt",
        /// Who pays.
        debtor: Party = within "Dbtr",
        /// From which account.
        debtor_account: Option<Account> = part "DbtrAcct",
        /// The debtor's bank.
        debtor_agent: Option<Agent> = part "DbtrAgt",
        /// On whose behalf the debtor pays.
        ultimate_debtor: Option<Principal> = part "UltmtDbtr",
        /// Who bears charges.
        charge_bearer: Option<String> = text "ChrgBr",
        /// The transfers.
        transfers: Vec<CreditTransfer> = parts "CdtTrfTxInf",
    }
}

impl CreditTransfers {
    /// Says in each transfer what the group said for all of them.
    pub(super) fn spread(&mut self) {
        let group = &mut self.group;
        let instructing = group.instructing.take();
        let instructed = group.instructed.take();
        let payment_type = group.payment_type.take();
        // A total needs its day beside it, so the group's day stays where there is one.
        let date = if group.total.is_some() { group.settlement_date.clone() } else { group.settlement_date.take() };
        for transfer in &mut self.transfers {
            transfer.instructing = transfer.instructing.take().or_else(|| instructing.clone());
            transfer.instructed = transfer.instructed.take().or_else(|| instructed.clone());
            transfer.payment_type = transfer.payment_type.take().or_else(|| payment_type.clone());
            transfer.settlement_date = transfer.settlement_date.take().or_else(|| date.clone());
        }
    }

    /// What stands in the group alone is not said again in each transfer.
    pub(super) fn gather(&mut self) {
        if self.group.settlement_date.is_some() {
            self.transfers.iter_mut().for_each(|transfer| transfer.settlement_date = None);
        }
    }
}

impl Initiation {
    /// Says in each transfer what its batch said for all of them.
    pub(super) fn spread(&mut self) {
        for batch in &mut self.batches {
            let (debtor, account, agent) = (&batch.debtor, &batch.debtor_account, &batch.debtor_agent);
            for transfer in &mut batch.transfers {
                transfer.debtor = Principal::Party(debtor.clone());
                transfer.debtor_account.clone_from(account);
                transfer.debtor_agent.clone_from(agent);
                transfer.payment_type = transfer.payment_type.take().or_else(|| batch.payment_type.clone());
                transfer.ultimate_debtor = transfer.ultimate_debtor.take().or_else(|| batch.ultimate_debtor.clone());
                transfer.charge_bearer = transfer.charge_bearer.take().or_else(|| batch.charge_bearer.clone());
            }
        }
    }
}
