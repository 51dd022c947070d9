//! Usage rules of CBPR+ (releases 2025 and 2026), by the names that the usage guidelines give them.
//!
//! Only rules that a program can decide from the message alone. Optional advice, and rules about what other banks know,
//! are not here.

use super::{Checks, decimal, family};
use crate::envelope::Envelope;
use crate::problem::{Kind, Problem, reason};
use crate::schema::{Base, Body};
use crate::tree::{Shape, View};
use crate::value::{by_owner, reason_for};
use std::collections::BTreeSet;

pub(super) fn check(envelope: &Envelope, checks: &mut Checks<'_>) {
    let root = envelope.document.root();
    let items = Shape::of(envelope.document.definition()).items(&envelope.document);
    header(envelope, &items, checks);
    if family(root) == "pacs.009.001" || family(root) == "pacs.008.001" {
        for (_, item) in &items {
            payment(*item, checks);
        }
    }
    initiation(root, checks);
    for (_, item) in &items {
        status(*item, checks);
        instructions(*item, checks);
        remittance(*item, checks);
    }
    root.walk(&mut |view| {
        agent(view, checks);
        party(view, checks);
        address(view, checks);
        characters(view, checks);
        time(view, checks);
        instruction_id(view, checks);
    });
    if let Some(header) = &envelope.header {
        header.root().walk(&mut |view| time(view, checks));
    }
}

/// `CBPR_BusinessMessageIdentifier`, `CBPR_From_Instructing_Agent_BIC`, `CBPR_To_Instructed_Agent_BIC` and
/// `CBPR_Priority_Instruction_Priority`.
fn header(envelope: &Envelope, items: &[(Option<View<'_>>, View<'_>)], checks: &mut Checks<'_>) {
    let root = envelope.document.root();
    let Some(header) = &envelope.header else {
        let text = "is missing: CBPR+ messages have a header";
        checks.problems.push(Problem::new(Kind::Rule, "/AppHdr", reason::MISSING, text));
        return;
    };
    let header = header.root();
    if let (Some(named), Some(own)) = (header.at("BizMsgIdr"), root.value("GrpHdr/MsgId"))
        && named.text() != own
    {
        checks.value(named, reason::CONTENT, format!("is not the message's own identification, which is {own:?}"));
    }
    let copy = matches!(header.value("CpyDplct"), Some("COPY" | "CODU"));
    let Some((_, item)) = items.first().filter(|_| family(root).starts_with("pacs.")) else { return };
    for (end, agent) in [("Fr", "InstgAgt"), ("To", "InstdAgt")] {
        let named = header.at(&format!("{end}/FIId/FinInstnId/BICFI"));
        let own = [*item, root].iter().find_map(|view| {
            view.any(&[&format!("{agent}/FinInstnId/BICFI"), &format!("GrpHdr/{agent}/FinInstnId/BICFI")])
        });
        if let (Some(named), Some(own)) = (named, own)
            && named.text() != own.text()
            && !(copy && end == "To")
        {
            checks.value(named, reason::BIC, format!("is not the {agent} of the message, which is {}", own.text()));
        }
    }
    if let (Some(priority), Some(own)) = (header.at("Prty"), item.value("PmtTpInf/InstrPrty"))
        && priority.text() != own
    {
        checks.value(priority, reason::PAYMENT_TYPE, format!("is not the priority of the payment, which is {own}"));
    }
}

/// What every payment between banks has in CBPR+, and the rules of its identifications and charges.
fn payment(item: View<'_>, checks: &mut Checks<'_>) {
    for (path, code) in [
        ("PmtId/InstrId", reason::MISSING),
        ("PmtId/UETR", reason::MISSING),
        ("IntrBkSttlmDt", reason::DATE),
        ("InstgAgt/FinInstnId/BICFI", reason::BIC),
        ("InstdAgt/FinInstnId/BICFI", reason::BIC),
    ] {
        if item.at(path).is_none() {
            checks.missing(item, path, code, "is missing: CBPR+ payments have one");
        }
    }
    if let Some(id) =
        item.at("PmtId/EndToEndId").filter(|id| family(*id) == "pacs.009.001" && has_loose_slash_in_16(id.text()))
    {
        checks.value(
            id,
            reason::CONTENT,
            "has a slash as the first or 16th character, or two in a row among the first 16",
        );
    }
    charges(item, checks);
}

/// `CBPR_DEBT`, `CBPR_CRED` and `CBPR_DEBT_Rule_1`.
fn charges(item: View<'_>, checks: &mut Checks<'_>) {
    let count = item.all("ChrgsInf").count();
    match item.at("ChrgBr").map(View::text) {
        Some("DEBT") if count > 1 => {
            item.all("ChrgsInf").skip(1).for_each(|view| {
                checks.element(view, reason::NOT_ALLOWED, "may stand once where the debtor bears charges")
            });
        }
        Some("CRED") if count == 0 => {
            checks.missing(
                item,
                "ChrgsInf",
                reason::MISSING,
                "is missing, and the creditor bears charges: give zero where none were taken",
            );
        }
        _ => {}
    }
    let (Some(settled), Some(instructed)) = (item.at("IntrBkSttlmAmt"), item.at("InstdAmt")) else { return };
    let differ = settled.currency() == instructed.currency() && decimal(settled.text()) != decimal(instructed.text());
    if differ && count == 0 {
        let text = "is missing, and the settled amount is not the instructed one";
        checks.missing(item, "ChrgsInf", reason::AMOUNT_DIFFERS, text);
    }
}

/// `CBPR_Instruction_for_Creditor_Agent1`, `…2` and `CBPR_Instruction_For_Creditor_Presence_Code`.
fn instructions(item: View<'_>, checks: &mut Checks<'_>) {
    let codes: Vec<View<'_>> = item.all("InstrForCdtrAgt").filter_map(|instruction| instruction.at("Cd")).collect();
    let has = |code: &str| codes.iter().any(|view| view.text() == code);
    let mut seen = BTreeSet::new();
    for view in &codes {
        let other = match view.text() {
            "HOLD" => Some("CHQB"),
            "TELB" => Some("PHOB"),
            _ => None,
        };
        if let Some(other) = other.filter(|other| has(other)) {
            checks.value(*view, reason::NOT_ALLOWED, format!("is not allowed beside {other}"));
        }
        if !seen.insert(view.text()) {
            checks.value(*view, reason::NOT_ALLOWED, "stands twice");
        }
    }
}

/// Most characters of all structured remittance information together.
const STRUCTURED_CHARS_MAX: usize = 9_000;

/// `CBPR_Remittance_Mutually_Exclusive`, `CBPR_Related_Remit_Info_Remit_Info_Mutually_Exclusive` and
/// `CBPR_Structured_RemittanceInformation`.
fn remittance(item: View<'_>, checks: &mut Checks<'_>) {
    let Some(remittance) = item.at("RmtInf") else { return };
    if let (Some(_), Some(structured)) = (remittance.at("Ustrd"), remittance.at("Strd")) {
        checks.element(structured, reason::REMITTANCE, "is not allowed beside Ustrd");
    }
    if let Some(related) = item.at("RltdRmtInf") {
        checks.element(related, reason::REMITTANCE, "is not allowed beside RmtInf");
    }
    let mut characters = 0usize;
    for structured in remittance.all("Strd") {
        structured.walk(&mut |view| characters = characters.saturating_add(view.text().chars().count()));
    }
    if characters > STRUCTURED_CHARS_MAX {
        let text = format!("has {characters} characters in Strd, at most {STRUCTURED_CHARS_MAX} are allowed");
        checks.element(remittance, reason::REMITTANCE, text);
    }
}

/// `CBPR_Agent_Name_Postal_Address`: name and address of an agent stand together.
fn agent(view: View<'_>, checks: &mut Checks<'_>) {
    if view.name() != "FinInstnId" {
        return;
    }
    match (view.at("Nm"), view.at("PstlAdr")) {
        (Some(_), None) => checks.missing(view, "PstlAdr", reason::AGENT, "is missing beside the name of the agent"),
        (None, Some(_)) => checks.missing(view, "Nm", reason::AGENT, "is missing beside the address of the agent"),
        _ => {}
    }
}

/// `CBPR_Party_Name_Postal_Address` and `CBPR_Party_Name_Any_BIC`.
fn party(view: View<'_>, checks: &mut Checks<'_>) {
    let is_party = matches!(view.name(), "Dbtr" | "Cdtr" | "UltmtDbtr" | "UltmtCdtr" | "InitgPty");
    if !is_party || !view.kind().name.starts_with("PartyIdentification") {
        return;
    }
    let code = match view.name() {
        "Dbtr" => reason::DEBTOR_NAME,
        "Cdtr" => reason::CREDITOR_NAME,
        _ => reason::NAME,
    };
    let named = view.at("Nm").is_some();
    let identified = view.any(&["Id/OrgId/AnyBIC", "Id/OrgId/BICOrBEI"]).is_some();
    if view.at("PstlAdr").is_some() && !named {
        checks.missing(view, "Nm", code, "is missing beside the address");
    } else if matches!(view.name(), "Dbtr" | "Cdtr") && !named && !identified {
        checks.missing(view, "Nm", code, "is missing, and there is no BIC");
    }
}

/// `CBPR_Duplication_Postal_Address`, and the forms of an address: structured, hybrid (town, country and at most two
/// lines), or, while it is allowed, at most three lines alone.
fn address(view: View<'_>, checks: &mut Checks<'_>) {
    if view.name() != "PstlAdr" || !view.kind().name.starts_with("PostalAddress") {
        return;
    }
    let other = reason::CREDITOR_ADDRESS;
    let code = by_owner(view, [reason::AGENT, reason::DEBTOR_ADDRESS, other, other]);
    let lines: Vec<View<'_>> = view.all("AdrLine").collect();
    let structured: Vec<View<'_>> =
        view.children().filter(|child| child.name() != "AdrLine" && child.name() != "AdrTp").collect();
    if structured.is_empty() {
        if !checks.profile.unstructured_addresses {
            checks.missing(
                view,
                "TwnNm",
                code,
                "is missing: an address has at least town and country in elements of their own",
            );
        }
        return;
    }
    for name in ["TwnNm", "Ctry"] {
        if view.at(name).is_none() {
            checks.missing(
                view,
                name,
                code,
                "is missing: an address has at least town and country in elements of their own",
            );
        }
    }
    if let Some(third) = lines.get(2) {
        checks.value(*third, code, "is one line more than the two that may stand beside structured elements");
    }
    for line in &lines {
        let repeated = structured.iter().find(|element| element.text().len() > 2 && line.text() == element.text());
        if let Some(element) = repeated {
            checks.value(*line, code, format!("repeats {}", element.name()));
        }
    }
}

/// Characters of the SWIFT character set X.
const FIN_X: &str = "/-?:().,'+ ";
/// What names, addresses, remittance information and free text may have besides.
const FIN_X_EXTENDED: &str = "!#$%&*=^_`{|}~\";<>@[\\]";
/// References, which may have the character set X alone.
const REFERENCES: &[&str] = &[
    "MsgId",
    "InstrId",
    "EndToEndId",
    "TxId",
    "PmtInfId",
    "OrgnlMsgId",
    "OrgnlInstrId",
    "OrgnlEndToEndId",
    "OrgnlTxId",
];

/// `CBPR_RestrictedFINXMax…Text` and its extended form.
fn characters(view: View<'_>, checks: &mut Checks<'_>) {
    if !matches!(&view.kind().body, Body::Text(form) if form.base == Base::String) {
        return;
    }
    let extended = !REFERENCES.contains(&view.name());
    let is_allowed =
        |c: char| c.is_ascii_alphanumeric() || FIN_X.contains(c) || (extended && FIN_X_EXTENDED.contains(c));
    if let Some(wrong) = view.text().chars().find(|c| !is_allowed(*c)) {
        checks.value(
            view,
            reason::CHARACTERS,
            format!("has the character {wrong:?}, which is not in the SWIFT character set"),
        );
    }
}

/// `CBPR_Instruction_Identification`, wherever one stands.
fn instruction_id(view: View<'_>, checks: &mut Checks<'_>) {
    if view.name() == "InstrId" && has_loose_slash(view.text()) {
        checks.value(view, reason::CONTENT, "begins or ends with a slash, or has two in a row");
    }
}

/// `CBPR_MessageIdentification_PaymentInformationIdentification`: a customer's order is one batch with its own name.
fn initiation(root: View<'_>, checks: &mut Checks<'_>) {
    let own = root.value("GrpHdr/MsgId").unwrap_or_default();
    let batches = root.all("PmtInf").filter_map(|batch| batch.at("PmtInfId"));
    for id in batches.filter(|id| id.text() != own) {
        checks.value(id, reason::CONTENT, format!("is not the identification of the message, which is {own:?}"));
    }
}

/// `CBPR_Transaction_Status_Reject_Reason` and `CBPR_Transaction_Status_Reject_Effective_Sett_Date`.
fn status(item: View<'_>, checks: &mut Checks<'_>) {
    if item.value("TxSts") != Some("RJCT") {
        return;
    }
    if item.at("StsRsnInf/Rsn").is_none() {
        checks.missing(item, "StsRsnInf/Rsn", reason::MISSING, "is missing: a refusal says why");
    }
    if let Some(date) = item.at("FctvIntrBkSttlmDt") {
        checks.element(date, reason::NOT_ALLOWED, "is not allowed with a refusal: nothing was settled");
    }
}

/// `CBPR_DateTime`: a time says its offset from UTC in hours and minutes.
fn time(view: View<'_>, checks: &mut Checks<'_>) {
    let is_time = matches!(&view.kind().body, Body::Text(form) if form.base == Base::DateTime);
    let offset = view.text().len().checked_sub(6).and_then(|start| view.text().get(start..));
    if is_time && !offset.is_some_and(|offset| offset.starts_with(['+', '-']) && offset.contains(':')) {
        checks.value(view, reason_for(view), "has no offset from UTC such as +00:00");
    }
}

fn has_loose_slash(text: &str) -> bool {
    text.starts_with('/') || text.ends_with('/') || text.contains("//")
}

fn has_loose_slash_in_16(text: &str) -> bool {
    let first: String = text.chars().take(16).collect();
    first.starts_with('/') || first.contains("//") || first.chars().nth(15) == Some('/')
}
