//! Numbers of transactions, control sums, totals, and what stands twice.

use super::{Checks, decimal, family, sum, written};
use crate::problem::reason;
use crate::tree::{Shape, View};
use std::collections::BTreeSet;

pub(super) fn check(root: View<'_>, checks: &mut Checks<'_>) {
    let items: Vec<View<'_>> =
        Shape::of(root.tree().definition()).items(root.tree()).into_iter().map(|(_, item)| item).collect();
    match family(root) {
        "pain.001.001" => {
            group(root.at("GrpHdr"), &items, &initiated(&items), checks);
            for batch in root.all("PmtInf") {
                let items: Vec<View<'_>> = batch.all("CdtTrfTxInf").collect();
                group(Some(batch), &items, &initiated(&items), checks);
            }
            unique(&items, "PmtId/EndToEndId", checks);
            unique(&root.all("PmtInf").collect::<Vec<_>>(), "PmtInfId", checks);
        }
        "pacs.008.001" | "pacs.009.001" => {
            let amounts: Vec<View<'_>> = items.iter().filter_map(|item| item.at("IntrBkSttlmAmt")).collect();
            group(root.at("GrpHdr"), &items, &amounts, checks);
            total(root, "TtlIntrBkSttlmAmt", &amounts, checks);
            unique(&items, "PmtId/TxId", checks);
        }
        "pacs.004.001" if root.at("GrpHdr/GrpRtr").is_none_or(|whole| matches!(whole.text(), "false" | "0")) => {
            let amounts: Vec<View<'_>> = items.iter().filter_map(|item| item.at("RtrdIntrBkSttlmAmt")).collect();
            group(root.at("GrpHdr"), &items, &amounts, checks);
            total(root, "TtlRtrdIntrBkSttlmAmt", &amounts, checks);
            unique(&items, "RtrId", checks);
            unique(&items, "OrgnlUETR", checks);
        }
        "camt.056.001" => {
            let whole = root.all("Undrlyg").any(|underlying| underlying.all("TxInf").next().is_none());
            if let Some(control) = root.at("CtrlData").filter(|_| !whole) {
                let amounts: Vec<View<'_>> = items.iter().filter_map(|item| item.at("OrgnlIntrBkSttlmAmt")).collect();
                group(Some(control), &items, &amounts, checks);
            }
            unique(&items, "CxlId", checks);
        }
        _ => {}
    }
    unique(&items, "PmtId/UETR", checks);
}

/// Amounts of initiated payments: the instructed one, or its equivalent.
fn initiated<'t>(items: &[View<'t>]) -> Vec<View<'t>> {
    items.iter().filter_map(|item| item.any(&["Amt/InstdAmt", "Amt/EqvtAmt/Amt"])).collect()
}

/// `NumberOfTransactionsAndCreditTransfersRule` and `ControlSumAndInstructedAmountRule`.
fn group(head: Option<View<'_>>, items: &[View<'_>], amounts: &[View<'_>], checks: &mut Checks<'_>) {
    let Some(head) = head else { return };
    if let Some(count) = head.at("NbOfTxs") {
        let stated = count.text().parse::<usize>().ok();
        if stated != Some(items.len()) {
            checks.value(count, reason::COUNT, format!("is not the number of transactions, which is {}", items.len()));
        }
    }
    let Some(control) = head.at("CtrlSum") else { return };
    if amounts.len() != items.len() {
        return;
    }
    match sum(amounts.iter().copied()) {
        Some(sum) if decimal(control.text()) == Some(sum) => {}
        Some(sum) => checks.value(
            control,
            reason::CONTROL_SUM,
            format!("is not the sum of the amounts, which is {}", written(sum)),
        ),
        None => checks.value(control, reason::CONTROL_SUM, "cannot be compared: the amounts are too large to add up"),
    }
}

/// `TotalInterbankSettlementAmountRule`, `…AndSumRule` and `…AndDateRule`.
fn total(root: View<'_>, name: &str, amounts: &[View<'_>], checks: &mut Checks<'_>) {
    let Some(head) = root.at("GrpHdr") else { return };
    let Some(total) = head.at(name) else { return };
    let other = amounts.iter().find(|amount| amount.currency() != total.currency());
    if let Some(other) = other {
        let text = format!("is not in {}, in which the total stands", total.currency().unwrap_or_default());
        checks.value(*other, reason::CURRENCY, text);
    } else if let Some(sum) = sum(amounts.iter().copied()).filter(|sum| decimal(total.text()) != Some(*sum)) {
        checks.value(total, reason::CONTROL_SUM, format!("is not the sum of the amounts, which is {}", written(sum)));
    }
    if head.at("IntrBkSttlmDt").is_none() {
        checks.missing(head, "IntrBkSttlmDt", reason::DATE, format!("is missing, and {name} needs it"));
    }
}

/// A reference that one message gives twice. The customer's word that there is none may be repeated.
fn unique(items: &[View<'_>], path: &str, checks: &mut Checks<'_>) {
    let mut seen = BTreeSet::new();
    for view in items.iter().filter_map(|item| item.at(path)) {
        if view.text() != "NOTPROVIDED" && !seen.insert(view.text()) {
            checks.value(view, reason::DUPLICATE, "stands before in this message");
        }
    }
}
