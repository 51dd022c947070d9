//! Constraints of ISO 20022 on messages between banks: what stands in the group or in the transaction, how a payment is
//! settled, and the order of agents.

use super::{Checks, family};
use crate::problem::reason;
use crate::tree::{Shape, View};

pub(super) fn check(root: View<'_>, checks: &mut Checks<'_>) {
    if !matches!(family(root), "pacs.008.001" | "pacs.009.001" | "pacs.004.001") {
        return;
    }
    let Some(head) = root.at("GrpHdr") else { return };
    if let Some(settlement) = head.at("SttlmInf") {
        settlement_method(settlement, checks);
    }
    for (_, item) in Shape::of(root.tree().definition()).items(root.tree()) {
        once(head, item, checks);
        instructed(item, checks);
        agents(item, checks);
    }
}

/// `InstructingAgentRule`, `InstructedAgentRule`, `PaymentTypeInformationRule` and
/// `GroupHeaderInterbankSettlementDateRule`: in the group or in the transaction, never in both.
fn once(head: View<'_>, item: View<'_>, checks: &mut Checks<'_>) {
    for name in ["InstgAgt", "InstdAgt", "PmtTpInf", "IntrBkSttlmDt"] {
        if let (Some(_), Some(here)) = (head.at(name), item.at(name)) {
            checks.element(here, reason::NOT_ALLOWED, "stands in the group header too, and may stand in one of them");
        }
    }
}

const REIMBURSEMENT: &[&str] = &["InstgRmbrsmntAgt", "InstdRmbrsmntAgt", "ThrdRmbrsmntAgt"];

/// `SettlementMethodAgentRule`, `SettlementMethodClearingRule`, `SettlementMethodCoverRule`,
/// `SettlementMethodCoverAgentRule`, `ThirdReimbursementAgentRule` and the rules of their accounts.
fn settlement_method(settlement: View<'_>, checks: &mut Checks<'_>) {
    let method = settlement.value("SttlmMtd").unwrap_or_default();
    let excluded: &[&str] = match method {
        "INDA" | "INGA" => &["ClrSys", "InstgRmbrsmntAgt", "InstdRmbrsmntAgt", "ThrdRmbrsmntAgt"],
        "CLRG" => &["SttlmAcct", "InstgRmbrsmntAgt", "InstdRmbrsmntAgt", "ThrdRmbrsmntAgt"],
        "COVE" => &["SttlmAcct", "ClrSys"],
        _ => &[],
    };
    for view in excluded.iter().filter_map(|name| settlement.at(name)) {
        checks.element(view, reason::NOT_ALLOWED, format!("is not allowed with the settlement method {method}"));
    }
    let has = |name: &str| settlement.at(name).is_some();
    // A pacs.009 that advises of cover names them in the payment that it covers.
    if method == "COVE" && family(settlement) != "pacs.009.001" && !has("InstgRmbrsmntAgt") && !has("InstdRmbrsmntAgt")
    {
        let text = "is missing, and so is InstdRmbrsmntAgt: cover needs one of them";
        checks.missing(settlement, "InstgRmbrsmntAgt", reason::AGENT, text);
    }
    if has("ThrdRmbrsmntAgt") && !(has("InstgRmbrsmntAgt") && has("InstdRmbrsmntAgt")) {
        let text = "needs InstgRmbrsmntAgt and InstdRmbrsmntAgt beside it";
        settlement.all("ThrdRmbrsmntAgt").for_each(|view| checks.element(view, reason::AGENT, text));
    }
    REIMBURSEMENT.iter().for_each(|name| account_has_agent(settlement, name, checks));
}

/// `InstructedAmountAndExchangeRate1Rule` to `3Rule`, and `ChargesInformationAndInstructedAmountRule`.
fn instructed(item: View<'_>, checks: &mut Checks<'_>) {
    let settled = item.any(&["IntrBkSttlmAmt", "RtrdIntrBkSttlmAmt"]);
    let instructed = item.any(&["InstdAmt", "RtrdInstdAmt"]);
    match (settled, instructed, item.at("XchgRate")) {
        (Some(settled), Some(instructed), None) if settled.currency() != instructed.currency() => {
            let (from, to) = (instructed.currency().unwrap_or_default(), settled.currency().unwrap_or_default());
            checks.missing(
                item,
                "XchgRate",
                reason::AMOUNT_DIFFERS,
                format!("is missing, and {from} was turned into {to}"),
            );
        }
        (Some(settled), Some(instructed), Some(rate)) if settled.currency() == instructed.currency() => {
            checks.value(rate, reason::NOT_ALLOWED, "is not allowed: both amounts are in one currency");
        }
        (_, None, Some(rate)) => {
            checks.value(rate, reason::NOT_ALLOWED, "is not allowed without an instructed amount");
        }
        _ => {}
    }
    if let (None, Some(charges)) = (instructed, item.at("ChrgsInf")) {
        checks.element(charges, reason::AMOUNT, "needs the instructed amount beside it");
    }
}

const CHAINS: &[[&str; 3]] =
    &[["IntrmyAgt1", "IntrmyAgt2", "IntrmyAgt3"], ["PrvsInstgAgt1", "PrvsInstgAgt2", "PrvsInstgAgt3"]];

/// `IntermediaryAgent2Rule`, `PreviousInstructingAgent2Rule` and the like: no gap in a chain, no account without its agent.
pub(super) fn agents(item: View<'_>, checks: &mut Checks<'_>) {
    for chain in CHAINS {
        for pair in chain.windows(2) {
            let [before, after] = pair else { continue };
            if let (None, Some(view)) = (item.at(before), item.at(after)) {
                checks.element(view, reason::AGENT, format!("needs {before} before it"));
            }
        }
        chain.iter().for_each(|name| account_has_agent(item, name, checks));
    }
}

fn account_has_agent(parent: View<'_>, agent: &str, checks: &mut Checks<'_>) {
    if let (None, Some(account)) = (parent.at(agent), parent.at(&format!("{agent}Acct"))) {
        checks.element(account, reason::AGENT, format!("needs {agent} beside it"));
    }
}
