//! One value: whether it is what its type says, and which reason code says that it is not.

use crate::problem::{Kind, reason};
use crate::schema::{Base, Body, Fault, Type};
use crate::tree::View;

/// A value without the blanks around it where its type gives them no meaning: everything but character strings.
pub(crate) fn collapse<'t>(kind: &Type, text: &'t str) -> &'t str {
    match &kind.body {
        Body::Text(form) if form.base == Base::String => text,
        _ => text.trim_matches([' ', '\t', '\n', '\r']),
    }
}

/// Whether a value is what its type says.
pub(crate) fn check(kind: &Type, text: &str) -> Result<(), Fault> {
    match &kind.body {
        Body::Text(form) => form.check(text),
        _ => Ok(()),
    }
}

/// What a fault is in words that follow the value.
pub(crate) fn words(fault: &Fault) -> String {
    match fault {
        Fault::Value => "is not one of the codes that are allowed here".into(),
        Fault::Form(text) | Fault::Number(text) | Fault::Decimals(text) => text.clone(),
        Fault::Date(text) => (*text).into(),
    }
}

/// The sort of problem, the reason code and the words for a value that is not what its type says.
pub(crate) fn refusal(view: View<'_>, fault: &Fault) -> (Kind, &'static str, String) {
    let kind = if *fault == Fault::Value { Kind::Code } else { Kind::Structure };
    let text = match &view.kind().body {
        Body::Text(form) if form.values.len() <= 12 && *fault == Fault::Value => {
            format!("is not one of {}", form.values.join(", "))
        }
        _ => words(fault),
    };
    let text = form_of(view.kind()).map_or(text, String::from);
    (kind, reason_for(view), text)
}

/// What the common types look like, in better words than their patterns.
fn form_of(kind: &Type) -> Option<&'static str> {
    let known = [
        ("BICFI", "is not a BIC: 4 letters or digits, a country, 2 letters or digits, and 3 more for a branch"),
        ("AnyBIC", "is not a BIC: 4 letters or digits, a country, 2 letters or digits, and 3 more for a branch"),
        ("BICIdentifier", "is not a BIC: 6 letters, 2 letters or digits, and 3 more for a branch"),
        ("IBAN", "is not an IBAN: a country, 2 digits, up to 30 letters and digits, no blanks"),
        ("LEI", "is not an LEI: 18 capital letters and digits, then 2 digits"),
        ("UUIDv4", "is not a UETR: a UUID of version 4 in lower case"),
        ("CountryCode", "is not a country code: 2 capital letters"),
    ];
    known.iter().find(|(name, _)| kind.name.starts_with(name)).map(|(_, text)| *text)
}

/// The reason code for a wrong value at this place.
pub(crate) fn reason_for(view: View<'_>) -> &'static str {
    let kind = view.kind().name;
    let parent = view.parent().map(View::name).unwrap_or_default();
    match (parent, view.name()) {
        ("SvcLvl", _) => return reason::SERVICE_LEVEL,
        ("LclInstrm", _) => return reason::LOCAL_INSTRUMENT,
        ("CtgyPurp", _) => return reason::CATEGORY_PURPOSE,
        ("Purp", _) => return reason::PURPOSE,
        (_, "InstrPrty" | "ClrChanl") => return reason::PAYMENT_TYPE,
        (_, "ChrgBr") => return reason::CHARGE_BEARER,
        (_, "NbOfTxs") => return reason::COUNT,
        (_, "CtrlSum") => return reason::CONTROL_SUM,
        (_, "CreDtTm" | "CreDt") => return reason::CREATED,
        (_, "MmbId") => return reason::CLEARING_MEMBER,
        _ => {}
    }
    if kind.contains("BIC") || kind.starts_with("BEI") {
        return reason::BIC;
    }
    if kind.contains("IBAN") || kind.contains("BBAN") {
        return reason::ACCOUNT;
    }
    if kind.starts_with("LEI") {
        return identification(view);
    }
    if kind.starts_with("CountryCode") {
        return country(view);
    }
    if kind.contains("CurrencyCode") {
        return reason::CURRENCY;
    }
    if kind.starts_with("UUID") {
        return reason::CONTENT;
    }
    if matches!(&view.kind().body, Body::Text(form) if matches!(form.base, Base::Date | Base::DateTime | Base::DateTimeUtc | Base::Time))
    {
        return reason::DATE;
    }
    reason::FORMAT
}

/// The one of four reason codes that says whose the value is: an agent's, a debtor's, a creditor's, or somebody else's.
pub(crate) fn by_owner(view: View<'_>, [agent, debtor, creditor, other]: [&'static str; 4]) -> &'static str {
    let within = |names: [&str; 2]| names.iter().any(|name| view.within(name).is_some());
    if view.within("FinInstnId").is_some() {
        agent
    } else if within(["Dbtr", "UltmtDbtr"]) {
        debtor
    } else if within(["Cdtr", "UltmtCdtr"]) {
        creditor
    } else {
        other
    }
}

/// The reason code for a country that is none, by whose it is.
pub(crate) fn country(view: View<'_>) -> &'static str {
    by_owner(view, [reason::AGENT_COUNTRY, reason::DEBTOR_COUNTRY, reason::CREDITOR_COUNTRY, reason::COUNTRY])
}

/// The reason code for an identification that is none, by whose it is.
pub(crate) fn identification(view: View<'_>) -> &'static str {
    let (debtor, creditor) = (reason::DEBTOR_IDENTIFICATION, reason::CREDITOR_IDENTIFICATION);
    by_owner(view, [reason::AGENT, debtor, creditor, reason::IDENTIFICATION])
}
