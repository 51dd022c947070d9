//! Why an order is refused, in ISO 20022's codes: of this gateway's own rules, and of what the ledger's modules say. Pure.

use florin_client::{ClientError, Explanation};

/// A code of `ExternalStatusReason1Code`, with words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The code.
    pub code: &'static str,
    /// The rule with its values, and what to do.
    pub words: String,
}

impl Reason {
    /// A code with words.
    pub fn new(code: &'static str, words: impl Into<String>) -> Self {
        Self { code, words: words.into() }
    }

    /// What a module of the ledger said.
    pub fn of_ledger(explained: &Explanation) -> Self {
        let words = format!("{}({}): {}", explained.code, explained.values, explained.rule);
        Self { code: code_of(explained.code), words }
    }

    /// Why an item of a batch was not paid; `None` where it was.
    pub fn of_item(result: u8) -> Option<Self> {
        Some(match result {
            0 => return None,
            1 => Self::new("AC03", "payee_must_be_able_to_hold: the payee is the zero address or a module"),
            2 => Self::new("AM01", "amount_must_not_be_zero"),
            3 => Self::new("AC03", "payee_must_not_be_payer"),
            4 => Self::new("AC06", "payee_must_not_be_frozen"),
            5 => Self::new("RR04", "policy_must_admit_payment: the token's policy refuses it as it is"),
            6 => Self::new("AM04", "payer_must_have_units: not enough that are neither frozen nor on hold"),
            other => Self::new("NARR", format!("the ledger gave result {other}, which this version does not know")),
        })
    }

    /// The refusal in a failed call, where it is the ledger's. Anything else is no reason to refuse an order.
    pub fn of_failure(error: &ClientError) -> Option<Self> {
        error.explanation().map(|explained| Self::of_ledger(&explained))
    }
}

/// The code for a permanent name of the ledger. What has no code of its own is told in words.
fn code_of(name: &str) -> &'static str {
    match name {
        "ERC20InsufficientBalance" | "InsufficientUnfrozenBalance" | "InsufficientUnheldBalance" => "AM04",
        "AccountFrozen" => "AC06",
        "PolicyForbids" | "TravelRuleUnmet" => "RR04",
        "PaymentLimitExceeded" => "AM14",
        "HoldingLimitExceeded" | "OrderAmountInvalid" | "SentAboveMax" | "ReceivedBelowMin" => "AM02",
        "EnforcedPause" | "ModulePaused" | "CallerForbidden" => "AG01",
        "TokenUnknown" => "AM03",
        "AmountInvalid" => "AM12",
        "PartyInvalid" | "ERC20InvalidReceiver" => "AC03",
        "AgentInvalid" => "RC01",
        "PurposeInvalid" => "FF07",
        "UetrUsed" | "ExchangeUetrUsed" | "ReturnReferenceUsed" => "DUPL",
        "UetrInvalid" | "ReasonInvalid" | "ReturnReferenceMissing" => "CH16",
        "ReturnExceeded" => "AM09",
        _ => "NARR",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, B256, U256};
    use alloy_sol_types::SolError;
    use florin_iso20022::model::{ItemStatus, Message, OriginalIds, Reason as Told, StatusReport};
    use florin_iso20022::{Limits, Profile, check, parse};
    use florin_modules::{explain, payment::IPayment, token::IToken};

    fn of(error: impl SolError) -> Reason {
        Reason::of_ledger(&explain(&error.abi_encode()).unwrap())
    }

    #[test]
    fn refusals_of_the_ledger_have_the_codes_that_the_specification_says() {
        let (who, uetr, one) = (Address::repeat_byte(1), B256::repeat_byte(2), U256::from(1));
        let short = IToken::ERC20InsufficientBalance { sender: who, balance: one, needed: one };
        assert_eq!(of(short).code, "AM04");
        assert_eq!(of(IToken::AccountFrozen { account: who }).code, "AC06");
        assert_eq!(of(IToken::PolicyForbids { policyId: 1, account: who }).code, "RR04");
        assert_eq!(of(IToken::EnforcedPause {}).code, "AG01");
        assert_eq!(of(IToken::TokenUnknown { token: who }).code, "AM03");
        let limit = IToken::HoldingLimitExceeded { policyId: 1, limit: one, held: one, amount: one };
        assert_eq!(of(limit).code, "AM02");
        assert_eq!(of(IPayment::UetrUsed { payer: who, uetr, state: 3 }).code, "DUPL");
        assert_eq!(of(IPayment::PartyInvalid { party: who }).code, "AC03");
        let other = of(IPayment::ReturnsExhausted { returnsMax: 1_000 });
        assert_eq!(other.code, "NARR");
        assert!(other.words.starts_with("ReturnsExhausted("), "{}", other.words);
    }

    /// The names in the table are the ledger's: a name that it does not have would never match.
    #[test]
    fn every_name_is_one_of_the_ledgers() {
        let source = include_str!("reason.rs");
        let table = source.split("match name {").nth(1).unwrap().split("_ =>").next().unwrap();
        let names = table.split('"').skip(1).step_by(2).filter(|name| name.len() > 4);
        let abi: String = florin_modules::references().into_iter().map(|(_, text)| text).collect();
        for name in names {
            assert!(abi.contains(&format!("\"{name}\"")), "{name} is no error of a module");
        }
    }

    #[test]
    fn items_have_codes_and_a_result_that_is_unknown_is_told_in_words() {
        let codes: Vec<_> = (0..=7).map(|result| Reason::of_item(result).map(|reason| reason.code)).collect();
        let expected = ["AC03", "AM01", "AC03", "AC06", "RR04", "AM04", "NARR"].map(Some);
        assert_eq!((codes[0], &codes[1..]), (None, &expected[..]));
    }

    #[test]
    fn every_code_is_in_isos_list() {
        let codes = ["AC02", "AC03", "AC06", "AG01", "AM01", "AM02", "AM03", "AM04", "AM09", "AM12", "AM14", "CH16"];
        for code in codes.into_iter().chain(["CH21", "DT01", "DUPL", "FF07", "NARR", "RC01", "RR04"]) {
            let item = ItemStatus {
                original: OriginalIds { end_to_end: Some("E".into()), ..OriginalIds::default() },
                status: Some("RJCT".into()),
                reasons: vec![Told::new(code, &["words"])],
                ..ItemStatus::default()
            };
            let created = "2026-11-22T10:00:00+00:00".into();
            let report = StatusReport { message_id: "M".into(), created, items: vec![item], ..StatusReport::default() };
            let envelope = Message::StatusReport(report).write(None).unwrap();
            let read = parse(envelope.to_xml().as_bytes(), &Limits::default()).unwrap();
            assert_eq!(check(&read, &Profile::default()).problems, Vec::new(), "{code}");
        }
    }
}
