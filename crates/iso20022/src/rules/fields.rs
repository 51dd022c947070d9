//! Rules about one value: check digits, currencies, countries, external code lists.

use super::Checks;
use crate::identifier::{check_bic, check_creditor_reference, check_iban, check_lei};
use crate::problem::{Kind, Problem, reason};
use crate::reference::{currency_digits, is_country};
use crate::schema::{Body, external};
use crate::tree::{View, scope};
use crate::value::{country, identification, reason_for};

pub(super) fn check(view: View<'_>, checks: &mut Checks<'_>) {
    match &view.kind().body {
        Body::Amount(..) => amount(view, checks),
        Body::Text(_) => text(view, checks),
        _ => {}
    }
}

fn text(view: View<'_>, checks: &mut Checks<'_>) {
    let value = view.text();
    let kind = view.kind().name;
    if kind.starts_with("External") {
        return code(view, checks);
    }
    let found = if kind.starts_with("IBAN") {
        check_iban(value).map_err(|text| (reason::ACCOUNT, text))
    } else if kind.starts_with("BICFI") || kind.starts_with("AnyBIC") || kind.starts_with("BICIdentifier") {
        check_bic(value).map_err(|text| (reason::BIC, text))
    } else if kind.starts_with("LEI") {
        check_lei(value).map_err(|text| (identification(view), text))
    } else if kind == "CountryCode" && !is_country(value) {
        Err((country(view), "is no country of ISO 3166".into()))
    } else if kind.ends_with("CurrencyCode") && currency_digits(value).is_none() {
        Err((reason::CURRENCY, "is no currency of ISO 4217".into()))
    } else if view.name() == "Ref" && is_creditor_reference(view) {
        check_creditor_reference(value).map_err(|text| (reason::REMITTANCE, text))
    } else {
        Ok(())
    };
    if let Err((reason, text)) = found {
        checks.value(view, reason, text);
    }
}

/// Whether a reference is said to be one of ISO 11649, and begins as those do.
fn is_creditor_reference(view: View<'_>) -> bool {
    let parent = view.parent().filter(|parent| parent.name() == "CdtrRefInf");
    let kind = parent.and_then(|parent| parent.value("Tp/CdOrPrtry/Cd"));
    kind == Some("SCOR") && view.text().starts_with("RF")
}

/// External sets that say how a payment is handled, or what became of it and why. A code that is in none of their lists
/// cannot be acted on. The other sets name schemes of identification and kinds of documents, and new ones do no harm.
const DECISIVE: &[&str] = &[
    "ExternalBalanceType1Code",
    "ExternalCancellationReason1Code",
    "ExternalCategoryPurpose1Code",
    "ExternalEntryStatus1Code",
    "ExternalInvestigationExecutionConfirmation1Code",
    "ExternalLocalInstrument1Code",
    "ExternalPaymentCancellationRejection1Code",
    "ExternalPaymentGroupStatus1Code",
    "ExternalPaymentTransactionStatus1Code",
    "ExternalPurpose1Code",
    "ExternalReturnReason1Code",
    "ExternalServiceLevel1Code",
    "ExternalStatusReason1Code",
];

/// A code of a list that ISO publishes apart from the schemas.
fn code(view: View<'_>, checks: &mut Checks<'_>) {
    let (set, value) = (view.kind().name, view.text());
    let Some(codes) = external(set).filter(|_| DECISIVE.contains(&set)) else { return };
    if codes.binary_search(&value).is_ok() || checks.profile.codes_added.contains(&(set.into(), value.into())) {
        return;
    }
    let text = format!("is not in the list {set}");
    let problem = Problem::new(Kind::Code, view.path(), external_reason(view), text).with_value(value);
    checks.problems.push(problem.within(scope(view)));
}

/// The reason code for a code that is in no list: what the schema's own code sets are answered with, or that its content
/// is wrong.
fn external_reason(view: View<'_>) -> &'static str {
    match reason_for(view) {
        reason::FORMAT => reason::CONTENT,
        other => other,
    }
}

/// Amounts that move money, which nothing does.
const MOVING: &[&str] =
    &["IntrBkSttlmAmt", "InstdAmt", "RtrdIntrBkSttlmAmt", "TtlIntrBkSttlmAmt", "TtlRtrdIntrBkSttlmAmt"];

/// `CurrencyAmountRule`: no more decimals than the minor unit of the currency; and what moves is not nothing.
fn amount(view: View<'_>, checks: &mut Checks<'_>) {
    let Some(code) = view.currency() else { return };
    let place = || format!("{}/@Ccy", view.path());
    let Some(digits) = currency_digits(code) else {
        let text = "is no currency of ISO 4217";
        let problem = Problem::new(Kind::Code, place(), reason::CURRENCY, text).with_value(code);
        checks.problems.push(problem.within(scope(view)));
        return;
    };
    let moving = MOVING.contains(&view.name());
    let Some(digits) = digits else {
        if moving {
            let text = "is no currency that payments are made in";
            let problem = Problem::new(Kind::Rule, place(), reason::CURRENCY_REFUSED, text).with_value(code);
            checks.problems.push(problem.within(scope(view)));
        }
        return;
    };
    let number = view.text();
    let decimals = number.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    // Rates of securities and prices have more decimals than money; their type says so.
    if decimals > usize::from(digits) && !view.kind().name.contains("13Decimal") {
        checks.value(view, reason::DECIMALS, format!("has {decimals} decimals, and {code} has {digits}"));
    } else if moving && number.bytes().all(|byte| matches!(byte, b'0' | b'.' | b'+' | b'-')) {
        checks.value(view, reason::AMOUNT_ZERO, "is zero: nothing would move");
    }
}
