//! The model in both directions: what is written is what its schema says, and reads back equal.

use super::{PACS_008, read, with};
use crate::model::*;
use crate::{CBPR_PLUS, Definition};
use florin_types::{Amount, Currency};
use proptest::option;
use proptest::prelude::*;

fn money() -> impl Strategy<Value = Amount> {
    let currency = prop_oneof![Just(("EUR", 2)), Just(("JPY", 0)), Just(("KWD", 3)), Just(("CLF", 4))];
    (1u128..1_000_000_000_000, currency)
        .prop_map(|(minor, (code, digits))| Amount::new(minor, Currency::new(code, digits).unwrap()))
}

/// Text with characters that XML and JSON write otherwise.
fn text() -> impl Strategy<Value = String> {
    "[A-Za-z0-9 &<>\"'\\\\/äß€\r\n\t-]{0,30}[A-Za-z0-9]"
}

fn day() -> impl Strategy<Value = String> {
    (2000u32..2100, 1u32..13, 1u32..29).prop_map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}"))
}

fn time() -> impl Strategy<Value = String> {
    (day(), 0u32..24, 0u32..60).prop_map(|(day, hour, minute)| format!("{day}T{hour:02}:{minute:02}:09.5+01:00"))
}

fn uetr() -> impl Strategy<Value = String> {
    "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
}

fn bic() -> impl Strategy<Value = String> {
    "[A-Z0-9]{4}(DE|FR|GB|US)[A-Z0-9]{2}([A-Z0-9]{3})?"
}

fn coded() -> impl Strategy<Value = Coded> {
    prop_oneof![
        "[A-Z]{4}".prop_map(|code| Coded { code: Some(code), proprietary: None }),
        text().prop_map(|text| Coded { code: None, proprietary: Some(text) }),
    ]
}

fn address() -> impl Strategy<Value = Address> {
    (option::of(text()), option::of(text()), prop::collection::vec(text(), 0..3)).prop_map(|(street, town, lines)| {
        Address { street, town, country: Some("DE".into()), lines, ..Address::default() }
    })
}

fn other_id() -> impl Strategy<Value = OtherId> {
    (text(), option::of(coded()), option::of(text())).prop_map(|(id, scheme, issuer)| OtherId { id, scheme, issuer })
}

fn party() -> impl Strategy<Value = Party> {
    let ids = prop_oneof![
        (option::of(bic()), prop::collection::vec(other_id(), 0..3)).prop_map(|(bic, ids)| (bic, ids, Vec::new())),
        prop::collection::vec(other_id(), 0..3).prop_map(|ids| (None, Vec::new(), ids)),
    ];
    (option::of(text()), option::of(address()), ids).prop_map(
        |(name, address, (bic, organisation_ids, private_ids))| Party {
            name,
            address,
            bic,
            organisation_ids,
            private_ids,
            ..Party::default()
        },
    )
}

fn agent() -> impl Strategy<Value = Agent> {
    (option::of(bic()), option::of(text()), option::of(address())).prop_map(|(bic, name, address)| Agent {
        bic,
        name,
        address,
        ..Agent::default()
    })
}

fn account() -> impl Strategy<Value = Account> {
    prop_oneof![
        Just(Account::of_iban("DE89370400440532013000")),
        (other_id(), option::of(coded())).prop_map(|(other, kind)| Account {
            other: Some(other),
            kind,
            ..Account::default()
        }),
    ]
}

fn remittance() -> impl Strategy<Value = Remittance> {
    let structured = (option::of(text()), option::of(money())).prop_map(|(reference, amount)| StructuredRemittance {
        reference,
        amount,
        ..StructuredRemittance::default()
    });
    (prop::collection::vec(text(), 0..3), prop::collection::vec(structured, 0..3))
        .prop_map(|(unstructured, structured)| Remittance { unstructured, structured })
}

fn reason() -> impl Strategy<Value = Reason> {
    (option::of(party()), option::of(coded()), prop::collection::vec(text(), 0..3))
        .prop_map(|(originator, reason, additional)| Reason { originator, reason, additional })
}

fn original() -> impl Strategy<Value = OriginalIds> {
    let group = (text(), option::of(time())).prop_map(|(message_id, created)| OriginalGroup {
        message_id,
        message_name: "pacs.008.001.08".into(),
        created,
    });
    (option::of(group), option::of(text()), option::of(text()), option::of(uetr())).prop_map(
        |(group, end_to_end, transaction, uetr)| OriginalIds {
            group,
            instruction: None,
            end_to_end,
            transaction,
            uetr,
        },
    )
}

fn settlement() -> impl Strategy<Value = Settlement> {
    option::of(account()).prop_map(|account| Settlement { method: "INDA".into(), account, ..Settlement::default() })
}

fn transfer(bank: bool) -> impl Strategy<Value = CreditTransfer> {
    let principal = move || {
        let party = party().prop_map(Principal::Party).boxed();
        if bank { agent().prop_map(Principal::Agent).boxed() } else { party }
    };
    let ids = (option::of(text()), text(), option::of(uetr())).prop_map(|(instruction, end_to_end, uetr)| PaymentIds {
        instruction,
        end_to_end: Some(end_to_end),
        uetr,
        ..PaymentIds::default()
    });
    let charge = (money(), agent()).prop_map(|(amount, agent)| Charge { amount: Some(amount), agent: Some(agent) });
    let amounts = (money(), option::of(money()), prop::collection::vec(charge, 0..3));
    let parties = (principal(), principal(), agent(), agent(), option::of(account()), option::of(principal()));
    let rest = (day(), option::of(coded()), option::of(remittance()), option::of(agent()), option::of(agent()));
    (ids, amounts, parties, rest).prop_map(move |(ids, amounts, parties, rest)| {
        let (settlement_amount, instructed_amount, charges) = amounts;
        let (debtor, creditor, debtor_agent, creditor_agent, creditor_account, ultimate_debtor) = parties;
        let (date, purpose, remittance, instructing, intermediary_1) = rest;
        let remittance = remittance.filter(|remittance| !bank || remittance.structured.is_empty());
        CreditTransfer {
            ids,
            settlement_amount: Some(settlement_amount),
            settlement_date: Some(date),
            instructed_amount: instructed_amount.filter(|_| !bank),
            charge_bearer: (!bank).then(|| "SHAR".into()),
            charges: if bank { Vec::new() } else { charges },
            instructing,
            intermediary_1,
            ultimate_debtor,
            debtor,
            debtor_agent: Some(debtor_agent),
            creditor_agent: Some(creditor_agent),
            creditor,
            creditor_account,
            purpose,
            remittance,
            ..CreditTransfer::default()
        }
    })
}

fn transfers(bank: bool) -> impl Strategy<Value = CreditTransfers> {
    (text(), time(), settlement(), prop::collection::vec(transfer(bank), 1..4)).prop_map(
        |(message_id, created, settlement, transfers)| {
            let count = Some(transfers.len() as u64);
            let group =
                TransferGroup { message_id, created, count, settlement: Some(settlement), ..TransferGroup::default() };
            CreditTransfers { group, transfers }
        },
    )
}

fn returns() -> impl Strategy<Value = PaymentReturns> {
    let chain = (party(), party()).prop_map(|(debtor, creditor)| ReturnChain {
        debtor: Principal::Party(debtor),
        creditor: Principal::Party(creditor),
        ..ReturnChain::default()
    });
    let one = (original(), money(), day(), option::of(chain), prop::collection::vec(reason(), 0..3));
    let one = one.prop_map(|(original, amount, day, chain, reasons)| PaymentReturn {
        original,
        amount: Some(amount),
        settlement_date: Some(day),
        chain,
        reasons,
        ..PaymentReturn::default()
    });
    (text(), time(), settlement(), prop::collection::vec(one, 1..4)).prop_map(
        |(message_id, created, settlement, returns)| {
            let count = Some(returns.len() as u64);
            let group =
                ReturnGroup { message_id, created, count, settlement: Some(settlement), ..ReturnGroup::default() };
            PaymentReturns { group, original_group: None, returns }
        },
    )
}

fn assignment() -> impl Strategy<Value = Assignment> {
    (text(), agent(), party(), time()).prop_map(|(id, assigner, assignee, created)| Assignment {
        id,
        assigner: Principal::Agent(assigner),
        assignee: Principal::Party(assignee),
        created,
    })
}

fn cancellations() -> impl Strategy<Value = CancellationRequests> {
    let one = (original(), option::of(money()), prop::collection::vec(reason(), 0..2)).prop_map(
        |(original, amount, reasons)| CancellationRequest {
            original,
            amount,
            reasons,
            ..CancellationRequest::default()
        },
    );
    (assignment(), prop::collection::vec(one, 1..4)).prop_map(|(assignment, requests)| CancellationRequests {
        assignment,
        count: Some(requests.len() as u64),
        underlying: vec![CancellationGroup { group: None, requests }],
        ..CancellationRequests::default()
    })
}

fn resolution() -> impl Strategy<Value = Resolution> {
    let one = (original(), prop::collection::vec(reason(), 0..2)).prop_map(|(original, reasons)| ResolutionItem {
        original,
        status: Some("RJCR".into()),
        reasons,
        ..ResolutionItem::default()
    });
    (assignment(), prop::collection::vec(one, 1..3)).prop_map(|(assignment, items)| Resolution {
        assignment,
        status: Some("RJCR".into()),
        details: vec![ResolutionDetails { items }],
        ..Resolution::default()
    })
}

fn item_status() -> impl Strategy<Value = ItemStatus> {
    (original(), option::of(time()), prop::collection::vec(reason(), 0..2)).prop_map(|(original, accepted, reasons)| {
        ItemStatus { original, status: Some("ACSP".into()), reasons, accepted, ..ItemStatus::default() }
    })
}

fn status(customer: bool) -> impl Strategy<Value = StatusReport> {
    let group = (text(), prop::collection::vec(reason(), 0..2)).prop_map(|(message_id, reasons)| GroupStatus {
        message_id,
        message_name: "pain.001.001.09".into(),
        status: Some("PART".into()),
        reasons,
        ..GroupStatus::default()
    });
    (text(), time(), group, prop::collection::vec(item_status(), 0..4)).prop_map(
        move |(message_id, created, group, mut items)| {
            let mut batches = Vec::new();
            if customer {
                items.iter_mut().for_each(|item| {
                    item.original.group = None;
                    item.original.transaction = None;
                });
                batches.push(BatchStatus {
                    id: "B".into(),
                    items: std::mem::take(&mut items),
                    ..BatchStatus::default()
                });
            }
            StatusReport { message_id, created, groups: vec![group], batches, items, ..StatusReport::default() }
        },
    )
}

fn requests() -> impl Strategy<Value = StatusRequests> {
    let one = (original(), option::of(agent())).prop_map(|(original, instructing)| StatusRequest {
        original,
        instructing,
        ..StatusRequest::default()
    });
    (text(), time(), prop::collection::vec(one, 1..4)).prop_map(|(message_id, created, requests)| StatusRequests {
        message_id,
        created,
        requests,
        ..StatusRequests::default()
    })
}

fn report(balances: bool) -> impl Strategy<Value = AccountReport> {
    let payment = (uetr(), option::of(money()), option::of(money()), option::of(party()), option::of(remittance()));
    let payment = payment.prop_map(|(uetr, amount, counter_value, debtor, remittance)| EntryTransaction {
        uetr: Some(uetr),
        side: amount.map(|_| "CRDT".into()),
        amount,
        counter_value,
        exchange_source: counter_value.map(|_| "USD".into()),
        exchange_rate: counter_value.map(|_| "1.0855".into()),
        debtor: debtor.map(Principal::Party),
        remittance,
        ..EntryTransaction::default()
    });
    let entry = (money(), day(), prop::collection::vec(payment, 1..3)).prop_map(|(amount, day, transactions)| Entry {
        amount: Some(amount),
        side: "CRDT".into(),
        status: Some("BOOK".into()),
        booked: Some(When::on(&day)),
        domain: Some("PMNT".into()),
        family: Some("RCDT".into()),
        sub_family: Some("XBCT".into()),
        details: vec![EntryDetails { transactions }],
        ..Entry::default()
    });
    let balance = (money(), day()).prop_map(|(amount, day)| Balance {
        kind: Some("CLBD".into()),
        amount: Some(amount),
        side: "CRDT".into(),
        at: When::on(&day),
    });
    let balance = prop::collection::vec(balance, if balances { 1..3 } else { 0..1 });
    (text(), time(), account(), balance, prop::collection::vec(entry, 0..3)).prop_map(
        |(id, created, account, balances, entries)| {
            let statement =
                AccountStatement { id: id.clone(), account, balances, entries, ..AccountStatement::default() };
            AccountReport { message_id: id, created, accounts: vec![statement] }
        },
    )
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        transfers(false).prop_map(Message::CustomerTransfers),
        transfers(true).prop_map(Message::BankTransfers),
        returns().prop_map(Message::Returns),
        status(false).prop_map(Message::StatusReport),
        status(true).prop_map(Message::CustomerStatusReport),
        requests().prop_map(Message::StatusRequests),
        cancellations().prop_map(Message::CancellationRequests),
        resolution().prop_map(Message::Resolution),
        report(false).prop_map(Message::Report),
        report(true).prop_map(Message::Statement),
        report(false).prop_map(Message::Notification),
    ]
}

fn header() -> impl Strategy<Value = BusinessHeader> {
    (bic(), bic(), text(), time(), option::of(any::<bool>())).prop_map(
        |(from, to, message_id, created, possible_duplicate)| BusinessHeader {
            from: HeaderParty::of_bic(&from),
            to: HeaderParty::of_bic(&to),
            message_id,
            message_name: "pacs.008.001.08".into(),
            created,
            possible_duplicate,
            ..BusinessHeader::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_written_reads_back_equal(message in message(), header in option::of(header())) {
        let envelope = message.write(header.as_ref()).unwrap();
        for text in [envelope.to_xml(), envelope.to_json()] {
            let read = read(&text).unwrap();
            prop_assert_eq!(&read, &envelope);
            prop_assert_eq!(&Message::read(&read).unwrap(), &message);
            prop_assert_eq!(&BusinessHeader::read(&read), &header);
        }
    }

    #[test]
    fn damaged_messages_are_read_or_refused(at in 0usize..PACS_008.len(), byte in any::<u8>(), json in any::<bool>()) {
        let mut bytes = if json { read(PACS_008).unwrap().to_json().into_bytes() } else { PACS_008.as_bytes().to_vec() };
        let at = at % bytes.len();
        bytes[at] = byte;
        let mark = crate::Mark { message_id: "A".into(), created: "2026-11-22T12:00:00Z".into() };
        let answer = match crate::accept(&bytes, &crate::Limits::default(), None) {
            Ok(accepted) => {
                prop_assert_eq!(&read(&accepted.envelope.to_xml()).unwrap(), &accepted.envelope);
                accepted.answer("ACSP", &mark)
            }
            Err(rejection) => rejection.answer(&mark),
        };
        // Whatever was wrong, what is answered is a message.
        prop_assert!(answer.is_none_or(|answer| answer.write(None).is_ok()));
    }
}

#[test]
fn what_is_written_is_of_the_versions_of_cbpr_plus() {
    let empty = || CreditTransfers::default();
    let names =
        [Message::CustomerTransfers(empty()), Message::BankTransfers(empty())].map(|message| message.name().unwrap());
    assert!(names.iter().all(|name| CBPR_PLUS.contains(name)));
    assert!(Message::Initiation(Initiation::default()).write(None).is_err());
}

#[test]
fn what_the_schema_refuses_is_not_written() {
    let rejection = Message::CustomerTransfers(CreditTransfers::default()).write(None).unwrap_err();
    let places: Vec<&str> = rejection.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert!(places.contains(&"/Document/FIToFICstmrCdtTrf/GrpHdr/MsgId"), "{places:?}");
    let mut request =
        StatusRequests { message_id: "M".into(), created: "2026-11-22T10:00:00Z".into(), ..StatusRequests::default() };
    request.message_id = "x".repeat(36);
    assert!(Message::StatusRequests(request).write(None).is_err());
}

#[test]
fn what_the_group_says_is_said_in_each_transfer() {
    let text = with(PACS_008, "<IntrBkSttlmDt>2026-11-23</IntrBkSttlmDt>", "");
    let text = with(&text, "<SttlmInf>", "<IntrBkSttlmDt>2026-11-25</IntrBkSttlmDt><SttlmInf>");
    let Message::CustomerTransfers(message) = Message::read(&read(&text).unwrap()).unwrap() else {
        panic!("not transfers")
    };
    assert_eq!(message.transfers[0].settlement_date.as_deref(), Some("2026-11-25"));
    assert_eq!(message.group.settlement_date, None);
}

#[test]
fn early_versions_say_the_same_with_other_names() {
    let text = r#"<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.03"><CstmrCdtTrfInitn><GrpHdr><MsgId>M</MsgId><CreDtTm>2026-11-22T10:00:00</CreDtTm><NbOfTxs>1</NbOfTxs><InitgPty><Nm>F</Nm></InitgPty></GrpHdr><PmtInf><PmtInfId>B</PmtInfId><PmtMtd>TRF</PmtMtd><ReqdExctnDt>2026-11-23</ReqdExctnDt><Dbtr><Nm>F</Nm></Dbtr><DbtrAcct><Id><IBAN>DE89370400440532013000</IBAN></Id></DbtrAcct><DbtrAgt><FinInstnId><BIC>COBADEFFXXX</BIC></FinInstnId></DbtrAgt><CdtTrfTxInf><PmtId><EndToEndId>E</EndToEndId></PmtId><Amt><InstdAmt Ccy="EUR">1.5</InstdAmt></Amt><Cdtr><Nm>C</Nm></Cdtr><CdtrAcct><Id><IBAN>NL91ABNA0417164300</IBAN></Id></CdtrAcct></CdtTrfTxInf></PmtInf></CstmrCdtTrfInitn></Document>"#;
    let Message::Initiation(order) = Message::read(&read(text).unwrap()).unwrap() else { panic!("not an order") };
    let batch = &order.batches[0];
    assert_eq!(batch.requested_date, When::on("2026-11-23"));
    assert_eq!(batch.transfers[0].debtor_agent.as_ref().unwrap().bic.as_deref(), Some("COBADEFFXXX"));
    assert_eq!(batch.transfers[0].instructed_amount.unwrap().minor(), 150);
    let statement = r#"<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId><CreDtTm>2026-11-22T10:00:00</CreDtTm></GrpHdr><Stmt><Id>S</Id><CreDtTm>2026-11-22T10:00:00</CreDtTm><Acct><Id><Othr><Id>4711</Id></Othr></Id></Acct><Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">7</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-22</Dt></Dt></Bal><Ntry><Amt Ccy="EUR">7</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BkTxCd/></Ntry></Stmt></BkToCstmrStmt></Document>"#;
    let Message::Statement(report) = Message::read(&read(statement).unwrap()).unwrap() else {
        panic!("not a statement")
    };
    assert_eq!(report.accounts[0].entries[0].status.as_deref(), Some("BOOK"));
    assert!(Definition::find("camt.053.001.02").is_some());
}
