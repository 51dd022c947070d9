//! Writes one message of every kind that is written here into a directory, for other programs to judge:
//! `cargo run -p florin-iso20022 --example emit -- DIRECTORY`
#![allow(clippy::unwrap_used, reason = "a tool: it stops where it cannot write")]

use florin_iso20022::model::*;
use florin_iso20022::{Limits, Mark, accept};
use florin_types::{Amount, Currency};

const DEBTOR_BANK: &str = "COBADEFFXXX";
const CREDITOR_BANK: &str = "BNPAFRPPXXX";
const CREATED: &str = "2026-11-22T10:00:00+00:00";
const DAY: &str = "2026-11-23";
const UETR: &str = "eb6305c9-1f7f-49de-aed0-16487c27b42d";

fn main() {
    let directory = std::env::args().nth(1).unwrap();
    let transfer = Message::CustomerTransfers(transfers(false));
    let answer = {
        let text = transfer.write(Some(&header(&transfer))).unwrap().to_xml();
        let accepted = accept(text.as_bytes(), &Limits::default(), None).unwrap();
        let Some(Message::StatusReport(mut report)) = accepted.answer("ACSP", &mark()) else { panic!("no answer") };
        for item in &mut report.items {
            item.instructing = Some(Agent::of_bic(CREDITOR_BANK));
            item.instructed = Some(Agent::of_bic(DEBTOR_BANK));
        }
        Message::StatusReport(report)
    };
    let messages = [
        transfer,
        Message::BankTransfers(transfers(true)),
        answer,
        Message::CustomerStatusReport(refused_order()),
        Message::Returns(returns()),
        Message::StatusRequests(status_requests()),
        Message::CancellationRequests(cancellations()),
        Message::Resolution(resolution()),
        Message::Report(report("ITBD")),
        Message::Statement(report("CLBD")),
        Message::Notification(report("")),
    ];
    for message in messages {
        let envelope = message.write(Some(&header(&message))).unwrap();
        let name = message.name().unwrap();
        std::fs::write(format!("{directory}/{name}.xml"), envelope.to_xml()).unwrap();
        std::fs::write(format!("{directory}/{name}.json"), envelope.to_json()).unwrap();
    }
}

fn mark() -> Mark {
    Mark { message_id: "MSG-1".into(), created: CREATED.into() }
}

/// Requests go to the creditor's bank, answers and returns to the debtor's.
fn header(message: &Message) -> BusinessHeader {
    let back = matches!(message, Message::StatusReport(_) | Message::Returns(_) | Message::Resolution(_));
    let (from, to) = if back { (CREDITOR_BANK, DEBTOR_BANK) } else { (DEBTOR_BANK, CREDITOR_BANK) };
    BusinessHeader {
        from: HeaderParty::of_bic(from),
        to: HeaderParty::of_bic(to),
        message_id: "MSG-1".into(),
        message_name: message.name().unwrap().into(),
        service: Some("swift.cbprplus.02".into()),
        created: CREATED.into(),
        ..BusinessHeader::default()
    }
}

fn euro(minor: u128) -> Option<Amount> {
    Some(Amount::new(minor, Currency::new("EUR", 2).unwrap()))
}

fn party(name: &str, country: &str) -> Party {
    let address = Address {
        street: Some("Main Street".into()),
        building: Some("7".into()),
        post_code: Some("60311".into()),
        town: Some("Town".into()),
        country: Some(country.into()),
        ..Address::default()
    };
    Party { name: Some(name.into()), address: Some(address), ..Party::default() }
}

fn settlement() -> Option<Settlement> {
    Some(Settlement { method: "INDA".into(), ..Settlement::default() })
}

fn original() -> OriginalIds {
    OriginalIds {
        group: Some(OriginalGroup {
            message_id: "MSG-0".into(),
            message_name: "pacs.008.001.08".into(),
            created: Some(CREATED.into()),
        }),
        instruction: Some("INS-1".into()),
        end_to_end: Some("E2E-1".into()),
        transaction: None,
        uetr: Some(UETR.into()),
    }
}

fn transfers(bank: bool) -> CreditTransfers {
    let agent = |bic: &str| Some(Agent::of_bic(bic));
    let (debtor, creditor) = if bank {
        (Principal::Agent(Agent::of_bic(DEBTOR_BANK)), Principal::Agent(Agent::of_bic(CREDITOR_BANK)))
    } else {
        (Principal::Party(party("Anna Debtor & Sons", "DE")), Principal::Party(party("Bruno Creditor", "FR")))
    };
    let transfer = CreditTransfer {
        ids: PaymentIds {
            instruction: Some("INS-1".into()),
            end_to_end: Some("E2E-1".into()),
            uetr: Some(UETR.into()),
            ..PaymentIds::default()
        },
        settlement_amount: euro(125_075),
        settlement_date: Some(DAY.into()),
        instructed_amount: euro(125_075).filter(|_| !bank),
        charge_bearer: (!bank).then(|| "SHAR".into()),
        instructing: agent(DEBTOR_BANK),
        instructed: agent(CREDITOR_BANK),
        debtor,
        debtor_account: (!bank).then(|| Account::of_iban("DE89370400440532013000")),
        debtor_agent: agent(DEBTOR_BANK).filter(|_| !bank),
        creditor_agent: agent(CREDITOR_BANK).filter(|_| !bank),
        creditor,
        creditor_account: (!bank).then(|| Account::of_iban("FR1420041010050500013M02606")),
        purpose: Some(Coded::code("SUPP")),
        remittance: Some(Remittance { unstructured: vec!["Invoice 7".into()], structured: Vec::new() }),
        ..CreditTransfer::default()
    };
    let group = TransferGroup {
        message_id: "MSG-1".into(),
        created: CREATED.into(),
        count: Some(1),
        settlement: settlement(),
        ..TransferGroup::default()
    };
    CreditTransfers { group, transfers: vec![transfer] }
}

fn refused_order() -> StatusReport {
    let item = |number: u32, status: &str, reasons: Vec<Reason>| ItemStatus {
        original: OriginalIds { end_to_end: Some(format!("E-{number}")), ..OriginalIds::default() },
        status: Some(status.into()),
        reasons,
        ..ItemStatus::default()
    };
    let why = Reason::new("AC01", &["/Document/CstmrCdtTrfInitn/PmtInf[1]/CdtTrfTxInf[2]/CdtrAcct/Id/IBAN"]);
    StatusReport {
        message_id: "MSG-1".into(),
        created: CREATED.into(),
        groups: vec![GroupStatus {
            message_id: "ORDER-1".into(),
            message_name: "pain.001.001.09".into(),
            status: Some("PART".into()),
            ..GroupStatus::default()
        }],
        batches: vec![BatchStatus {
            id: "BATCH-A".into(),
            items: vec![item(1, "ACCP", Vec::new()), item(2, "RJCT", vec![why])],
            ..BatchStatus::default()
        }],
        ..StatusReport::default()
    }
}

fn returns() -> PaymentReturns {
    let one = PaymentReturn {
        id: Some("RTR-1".into()),
        original: original(),
        original_amount: euro(125_075),
        original_date: Some(DAY.into()),
        amount: euro(125_075),
        settlement_date: Some(DAY.into()),
        charge_bearer: Some("SHAR".into()),
        instructing: Some(Agent::of_bic(CREDITOR_BANK)),
        instructed: Some(Agent::of_bic(DEBTOR_BANK)),
        chain: Some(ReturnChain {
            debtor: Principal::Party(party("Bruno Creditor", "FR")),
            debtor_agent: Some(Agent::of_bic(CREDITOR_BANK)),
            creditor_agent: Some(Agent::of_bic(DEBTOR_BANK)),
            creditor: Principal::Party(party("Anna Debtor & Sons", "DE")),
            ..ReturnChain::default()
        }),
        reasons: vec![Reason::new("AC04", &[])],
        ..PaymentReturn::default()
    };
    let group = ReturnGroup {
        message_id: "MSG-1".into(),
        created: CREATED.into(),
        count: Some(1),
        settlement: settlement(),
        ..ReturnGroup::default()
    };
    PaymentReturns { group, original_group: None, returns: vec![one] }
}

fn status_requests() -> StatusRequests {
    let request = StatusRequest {
        original: original(),
        instructing: Some(Agent::of_bic(DEBTOR_BANK)),
        instructed: Some(Agent::of_bic(CREDITOR_BANK)),
        ..StatusRequest::default()
    };
    StatusRequests {
        message_id: "MSG-1".into(),
        created: CREATED.into(),
        requests: vec![request],
        ..StatusRequests::default()
    }
}

fn assignment(from: &str, to: &str) -> Assignment {
    Assignment {
        id: "MSG-1".into(),
        assigner: Principal::Agent(Agent::of_bic(from)),
        assignee: Principal::Agent(Agent::of_bic(to)),
        created: CREATED.into(),
    }
}

fn cancellations() -> CancellationRequests {
    let request = CancellationRequest {
        id: Some("CXL-1".into()),
        original: original(),
        amount: euro(125_075),
        settlement_date: Some(DAY.into()),
        reasons: vec![Reason::new("DUPL", &["Sent twice"])],
        ..CancellationRequest::default()
    };
    CancellationRequests {
        assignment: assignment(DEBTOR_BANK, CREDITOR_BANK),
        count: Some(1),
        underlying: vec![CancellationGroup { group: None, requests: vec![request] }],
        ..CancellationRequests::default()
    }
}

fn resolution() -> Resolution {
    let item = ResolutionItem {
        id: Some("CXL-1".into()),
        original: original(),
        status: Some("RJCR".into()),
        reasons: vec![Reason::new("ARDT", &[])],
        ..ResolutionItem::default()
    };
    Resolution {
        assignment: assignment(CREDITOR_BANK, DEBTOR_BANK),
        status: Some("RJCR".into()),
        details: vec![ResolutionDetails { items: vec![item] }],
        ..Resolution::default()
    }
}

fn report(balance: &str) -> AccountReport {
    let payment = EntryTransaction {
        instruction: Some("INS-1".into()),
        end_to_end: Some("E2E-1".into()),
        uetr: Some(UETR.into()),
        amount: euro(125_075),
        side: Some("CRDT".into()),
        counter_value: euro(115_273),
        exchange_source: Some("EUR".into()),
        exchange_target: Some("EUR".into()),
        exchange_unit: Some("EUR".into()),
        exchange_rate: Some("1.0850331".into()),
        debtor: Some(Principal::Party(party("Anna Debtor & Sons", "DE"))),
        debtor_agent: Some(Agent::of_bic(DEBTOR_BANK)),
        remittance: Some(Remittance { unstructured: vec!["Invoice 7".into()], structured: Vec::new() }),
        ..EntryTransaction::default()
    };
    let entry = Entry {
        amount: euro(125_075),
        side: "CRDT".into(),
        status: Some("BOOK".into()),
        booked: Some(When::on(DAY)),
        valued: Some(When::on(DAY)),
        domain: Some("PMNT".into()),
        family: Some("RCDT".into()),
        sub_family: Some("XBCT".into()),
        details: vec![EntryDetails { transactions: vec![payment] }],
        ..Entry::default()
    };
    let balance = Balance { kind: Some(balance.into()), amount: euro(125_075), side: "CRDT".into(), at: When::on(DAY) };
    let statement = AccountStatement {
        id: "STMT-1".into(),
        sequence: Some("1".into()),
        created: Some(CREATED.into()),
        account: Account { currency: Some("EUR".into()), ..Account::of_iban("FR1420041010050500013M02606") },
        balances: Some(balance).into_iter().filter(|balance| balance.kind.as_deref() != Some("")).collect(),
        entries: vec![entry],
        ..AccountStatement::default()
    };
    AccountReport { message_id: "MSG-1".into(), created: CREATED.into(), accounts: vec![statement] }
}
