//! Parts that many messages have: parties, agents, accounts, addresses, references, reasons.

use super::map::{Map, Mapped, mapped};
use florin_types::Amount;

mapped! {
    /// A postal address: elements, lines, or both (hybrid).
    pub struct Address {
        /// Department.
        department: Option<String> = text "Dept",
        /// Sub-department.
        sub_department: Option<String> = text "SubDept",
        /// Street.
        street: Option<String> = text "StrtNm",
        /// Number of the building.
        building: Option<String> = text "BldgNb",
        /// Name of the building.
        building_name: Option<String> = text "BldgNm",
        /// Floor.
        floor: Option<String> = text "Flr",
        /// Post box.
        post_box: Option<String> = text "PstBx",
        /// Room.
        room: Option<String> = text "Room",
        /// Post code.
        post_code: Option<String> = text "PstCd",
        /// Town.
        town: Option<String> = text "TwnNm",
        /// Part of the town.
        town_location: Option<String> = text "TwnLctnNm",
        /// District.
        district: Option<String> = text "DstrctNm",
        /// State, province, canton.
        subdivision: Option<String> = text "CtrySubDvsn",
        /// Country, two letters.
        country: Option<String> = text "Ctry",
        /// Lines.
        lines: Vec<String> = texts "AdrLine",
    }
}

mapped! {
    /// A code of a list, or a text of one's own.
    pub struct Coded {
        /// The code.
        code: Option<String> = text "Cd",
        /// The text.
        proprietary: Option<String> = text "Prtry",
    }
}

impl Coded {
    /// A code of a list.
    pub fn code(code: &str) -> Self {
        Self { code: Some(code.into()), proprietary: None }
    }
}

mapped! {
    /// An identification in a scheme.
    pub struct OtherId {
        /// The identification.
        id: String = required "Id",
        /// Its scheme.
        scheme: Option<Coded> = part "SchmeNm",
        /// Who gave it.
        issuer: Option<String> = text "Issr",
    }
}

mapped! {
    /// A person or an organisation.
    pub struct Party {
        /// Name.
        name: Option<String> = text "Nm",
        /// Address.
        address: Option<Address> = part "PstlAdr",
        /// BIC of an organisation, bank or not.
        bic: Option<String> = text "Id/OrgId/AnyBIC|Id/OrgId/BICOrBEI",
        /// Legal entity identifier.
        lei: Option<String> = text "Id/OrgId/LEI",
        /// Other identifications of an organisation.
        organisation_ids: Vec<OtherId> = parts "Id/OrgId/Othr",
        /// Identifications of a person.
        private_ids: Vec<OtherId> = parts "Id/PrvtId/Othr",
        /// Country of residence.
        residence: Option<String> = text "CtryOfRes",
    }
}

mapped! {
    /// A bank.
    pub struct Agent {
        @always "FinInstnId",
        /// BIC.
        bic: Option<String> = text "FinInstnId/BICFI|FinInstnId/BIC",
        /// The clearing system that knows it, by code.
        clearing_system: Option<String> = text "FinInstnId/ClrSysMmbId/ClrSysId/Cd",
        /// Its number there.
        clearing_member: Option<String> = text "FinInstnId/ClrSysMmbId/MmbId",
        /// Legal entity identifier.
        lei: Option<String> = text "FinInstnId/LEI",
        /// Name.
        name: Option<String> = text "FinInstnId/Nm",
        /// Address.
        address: Option<Address> = part "FinInstnId/PstlAdr",
        /// An identification of another kind.
        other_id: Option<String> = text "FinInstnId/Othr/Id",
        /// Branch.
        branch: Option<String> = text "BrnchId/Id",
    }
}

impl Agent {
    /// The bank with this BIC.
    pub fn of_bic(bic: &str) -> Self {
        Self { bic: Some(bic.into()), ..Self::default() }
    }
}

/// Who pays or is paid: a customer or a bank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// A customer.
    Party(Party),
    /// A bank.
    Agent(Agent),
}

impl Default for Principal {
    fn default() -> Self {
        Self::Party(Party::default())
    }
}

impl Mapped for Principal {
    /// The same element holds a party, a bank, or a choice of both, by message.
    fn map(&mut self, map: &mut Map<'_, '_>) {
        if map.has("FinInstnId") || map.has("Agt") {
            *self = Self::Agent(Agent::default());
        }
        match self {
            Self::Party(party) => map.within(if map.offers("Pty") { "Pty" } else { "" }, party),
            Self::Agent(agent) => map.within(if map.offers("Agt") { "Agt" } else { "" }, agent),
        }
    }
}

mapped! {
    /// An account.
    pub struct Account {
        /// IBAN.
        iban: Option<String> = text "Id/IBAN",
        /// A number of another kind.
        other: Option<OtherId> = part "Id/Othr",
        /// Kind of account.
        kind: Option<Coded> = part "Tp",
        /// Its currency.
        currency: Option<String> = text "Ccy",
        /// Its name.
        name: Option<String> = text "Nm",
        /// Another name that stands for it, such as a telephone number.
        proxy: Option<String> = text "Prxy/Id",
        /// What kind of name that is.
        proxy_kind: Option<Coded> = part "Prxy/Tp",
    }
}

impl Account {
    /// The account with this IBAN.
    pub fn of_iban(iban: &str) -> Self {
        Self { iban: Some(iban.into()), ..Self::default() }
    }

    /// Its number, of whichever kind.
    pub fn number(&self) -> Option<&str> {
        self.iban.as_deref().or(self.other.as_ref().map(|other| other.id.as_str()))
    }
}

mapped! {
    /// References of one payment.
    pub struct PaymentIds {
        /// Of the instructing party, for the next one alone.
        instruction: Option<String> = text "InstrId",
        /// Of the customer, unchanged to the end.
        end_to_end: Option<String> = text "EndToEndId",
        /// Of the first bank, unchanged between banks.
        transaction: Option<String> = text "TxId",
        /// Unique end-to-end transaction reference: constant from end to end, and the key that makes a payment pay once.
        uetr: Option<String> = text "UETR",
        /// Of the clearing system.
        clearing: Option<String> = text "ClrSysRef",
    }
}

mapped! {
    /// How a payment is to be handled.
    pub struct PaymentType {
        /// `HIGH` or `NORM`.
        priority: Option<String> = text "InstrPrty",
        /// Channel of clearing.
        clearing_channel: Option<String> = text "ClrChanl",
        /// Service levels.
        service_levels: Vec<Coded> = parts "SvcLvl",
        /// Local instrument.
        local_instrument: Option<Coded> = part "LclInstrm",
        /// Category of purpose.
        category_purpose: Option<Coded> = part "CtgyPurp",
    }
}

mapped! {
    /// A charge that a bank took.
    pub struct Charge {
        /// How much.
        amount: Option<Amount> = money "Amt",
        /// Who took it.
        agent: Option<Agent> = part "Agt|Pty",
    }
}

mapped! {
    /// What a payment is for.
    pub struct Remittance {
        /// Free text.
        unstructured: Vec<String> = texts "Ustrd",
        /// Documents and references.
        structured: Vec<StructuredRemittance> = parts "Strd",
    }
}

mapped! {
    /// One document or reference that is paid.
    pub struct StructuredRemittance {
        /// Number of the first document.
        document: Option<String> = text "RfrdDocInf/Nb",
        /// Date of the first document.
        document_date: Option<String> = text "RfrdDocInf/RltdDt",
        /// Amount that is paid of it.
        amount: Option<Amount> = money "RfrdDocAmt/RmtdAmt",
        /// Code of the creditor's reference, such as `SCOR`.
        reference_kind: Option<String> = text "CdtrRefInf/Tp/CdOrPrtry/Cd",
        /// The creditor's reference.
        reference: Option<String> = text "CdtrRefInf/Ref",
        /// Further text.
        additional: Vec<String> = texts "AddtlRmtInf",
    }
}

mapped! {
    /// An instruction for a bank.
    pub struct Instruction {
        /// Code.
        code: Option<String> = text "Cd",
        /// Text.
        text: Option<String> = text "InstrInf",
    }
}

mapped! {
    /// A date, or a date and time.
    pub struct When {
        /// `YYYY-MM-DD`.
        date: Option<String> = text "Dt",
        /// With time and offset.
        date_time: Option<String> = text "DtTm",
    }
}

impl When {
    /// A day.
    pub fn on(date: &str) -> Self {
        Self { date: Some(date.into()), date_time: None }
    }
}

mapped! {
    /// Why a payment has a status, is returned, or is to be cancelled.
    pub struct Reason {
        /// Who says so.
        originator: Option<Party> = part "Orgtr",
        /// The code.
        reason: Option<Coded> = part "Rsn",
        /// In words, 105 characters a piece.
        additional: Vec<String> = texts "AddtlInf",
    }
}

impl Reason {
    /// A code, with words.
    pub fn new(code: &str, words: &[&str]) -> Self {
        let additional = words.iter().map(|word| (*word).into()).collect();
        Self { originator: None, reason: Some(Coded::code(code)), additional }
    }
}

mapped! {
    /// The group that a payment came in.
    pub struct OriginalGroup {
        /// `MsgId` of that message.
        message_id: String = required "OrgnlMsgId",
        /// Its name, such as `pacs.008.001.08`.
        message_name: String = required "OrgnlMsgNmId",
        /// When it was made.
        created: Option<String> = text "OrgnlCreDtTm",
    }
}

mapped! {
    /// References of the payment that a message is about.
    pub struct OriginalIds {
        /// The group it came in.
        group: Option<OriginalGroup> = part "OrgnlGrpInf",
        /// `InstrId`.
        instruction: Option<String> = text "OrgnlInstrId",
        /// `EndToEndId`.
        end_to_end: Option<String> = text "OrgnlEndToEndId",
        /// `TxId`.
        transaction: Option<String> = text "OrgnlTxId",
        /// `UETR`.
        uetr: Option<String> = text "OrgnlUETR",
    }
}
