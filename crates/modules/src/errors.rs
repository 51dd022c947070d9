//! Errors in words: what a revert of a module says, from the ABI's own comments.
//!
//! An error is a Solidity custom error. Its identity is its selector, for ever: a golden file holds it. The comment
//! above it in `abi.rs` states the rule and the next action, and is what people are shown.

use alloy_sol_types::SolInterface;
use std::fmt;

use crate::{
    calls::{self, IModule::IModuleErrors},
    channel::{self, IChannel::IChannelErrors},
    escrow::{self, IEscrow::IEscrowErrors},
    factory::{self, IFactory::IFactoryErrors},
    fx::{self, IExchange::IExchangeErrors},
    governance::{self, IGovernance::IGovernanceErrors},
    identity::{self, IIdentity::IIdentityErrors},
    payment::{self, IPayment::IPaymentErrors},
    permission::{self, IPermission::IPermissionErrors},
    policy::{self, IPolicy::IPolicyErrors},
    settlement::{self, ISettlement::ISettlementErrors},
    staking::{self, IStaking::IStakingErrors},
    token::{self, IToken::ITokenErrors},
    voucher::{self, IVoucher::IVoucherErrors},
};

/// A module's error in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Name of the error: a permanent code.
    pub code: &'static str,
    /// Signature, whose hash is the selector.
    pub signature: &'static str,
    /// The values, by name.
    pub values: String,
    /// The rule that was broken, and what to do.
    pub rule: String,
}

impl Explanation {
    /// The rule that was broken: the first sentence of [`Self::rule`].
    pub fn broken(&self) -> &str {
        self.rule.split_once(". ").map_or(self.rule.as_str(), |(broken, _)| broken)
    }

    /// What to do now: the sentences after the first. Empty only for a rule of one sentence, which no module has.
    pub fn remedy(&self) -> &str {
        self.rule.split_once(". ").map_or("", |(_, remedy)| remedy)
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}): {}", self.code, self.values, self.rule)
    }
}

/// What the data of a revert says, if a module wrote it.
pub fn explain(data: &[u8]) -> Option<Explanation> {
    // Errors that two interfaces share have the same signature and the same meaning.
    macro_rules! first_of {
        ($($errors:ty, $source:expr;)*) => {
            None$(.or_else(|| {
                let error = <$errors>::abi_decode_validate(data).ok()?;
                let selector = error.selector();
                let code = <$errors>::name_by_selector(selector)?;
                let signature = <$errors>::signature_by_selector(selector)?;
                Some(Explanation { code, signature, values: values(&error), rule: rule($source, code) })
            }))*
        };
    }
    first_of! {
        ITokenErrors, token::SOURCE;
        IPolicyErrors, policy::SOURCE;
        IPermissionErrors, permission::SOURCE;
        IFactoryErrors, factory::SOURCE;
        IEscrowErrors, escrow::SOURCE;
        IChannelErrors, channel::SOURCE;
        IExchangeErrors, fx::SOURCE;
        ISettlementErrors, settlement::SOURCE;
        IIdentityErrors, identity::SOURCE;
        IPaymentErrors, payment::SOURCE;
        IVoucherErrors, voucher::SOURCE;
        IGovernanceErrors, governance::SOURCE;
        IStakingErrors, staking::SOURCE;
        IModuleErrors, calls::SOURCE;
    }
}

/// The fields of an error, taken from its `Debug` form: `Variant(Error { name: value, … })`.
fn values(error: &impl fmt::Debug) -> String {
    let text = format!("{error:?}");
    let inner = text.split_once(" { ").map_or("", |(_, rest)| rest);
    inner.trim_end_matches([')', '}']).trim_end().to_owned()
}

fn rule(source: &str, code: &str) -> String {
    let error = declarations(source).into_iter().find(|item| item.kind == "error" && item.name == code);
    error.map_or_else(String::new, |item| item.comment)
}

/// A function, event or error of an interface, as its source declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declaration {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    /// The declaration itself, without the semicolon.
    pub(crate) text: String,
    /// Its comment, in one line.
    pub(crate) comment: String,
}

/// All declarations of an interface's source, in order: one a line, each below its comment.
pub(crate) fn declarations(source: &str) -> Vec<Declaration> {
    let mut items = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            comment.push(text.trim());
            continue;
        }
        let kind = ["function", "event", "error"]
            .into_iter()
            .find(|kind| line.strip_prefix(kind).is_some_and(|rest| rest.starts_with(' ')) && line.ends_with(';'));
        if let Some(kind) = kind {
            let text = line.trim_end_matches(';').to_owned();
            let rest = text[kind.len()..].trim_start();
            let name = rest.split('(').next().unwrap_or_default().to_owned();
            items.push(Declaration { kind, name, text, comment: comment.join(" ") });
        }
        comment.clear();
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::IToken;
    use alloy_primitives::{Address, U256};
    use alloy_sol_types::SolError;

    const SOURCES: &[&str] = &[
        token::SOURCE,
        policy::SOURCE,
        permission::SOURCE,
        factory::SOURCE,
        escrow::SOURCE,
        channel::SOURCE,
        fx::SOURCE,
        settlement::SOURCE,
        identity::SOURCE,
        payment::SOURCE,
        voucher::SOURCE,
        governance::SOURCE,
        calls::SOURCE,
    ];

    #[test]
    fn an_error_says_rule_values_and_next_action() {
        let error = IToken::ERC20InsufficientBalance {
            sender: Address::repeat_byte(1),
            balance: U256::from(5),
            needed: U256::from(7),
        };
        let explanation = explain(&error.abi_encode()).unwrap();
        assert_eq!(explanation.code, "ERC20InsufficientBalance");
        assert_eq!(explanation.signature, "ERC20InsufficientBalance(address,uint256,uint256)");
        assert_eq!(
            explanation.to_string(),
            "ERC20InsufficientBalance(sender: 0x0101010101010101010101010101010101010101, balance: 5, needed: 7): \
             The balance does not suffice. Pay in, or send less."
        );
    }

    #[test]
    fn an_error_without_values_and_foreign_data() {
        let explanation = explain(&IToken::EnforcedPause {}.abi_encode()).unwrap();
        assert_eq!(explanation.to_string(), "EnforcedPause(): The token is paused. Try again when it is resumed.");
        for foreign in [&[][..], &[1, 2, 3], &[0xde, 0xad, 0xbe, 0xef], &[0x08, 0xc3, 0x79, 0xa0, 0]] {
            assert_eq!(explain(foreign), None);
        }
    }

    /// A name has one meaning: interfaces that share an error share its values too.
    #[test]
    fn a_name_never_has_two_meanings() {
        let mut meanings = std::collections::BTreeMap::new();
        for error in SOURCES.iter().flat_map(|source| declarations(source)).filter(|item| item.kind == "error") {
            let before = meanings.insert(error.name.clone(), error.text.clone());
            assert!(before.is_none_or(|before| before == error.text), "{}", error.name);
        }
    }

    /// House rule: an error says the rule and the next action, hence at least two sentences.
    #[test]
    fn every_error_of_every_interface_is_explained() {
        let mut errors = 0;
        for source in SOURCES {
            for error in declarations(source).iter().filter(|item| item.kind == "error") {
                errors += 1;
                let sentences = error.comment.matches(". ").count();
                assert!(sentences >= 1 && error.comment.ends_with('.'), "{}: {:?}", error.name, error.comment);
            }
        }
        let declared = ITokenErrors::COUNT
            + IPolicyErrors::COUNT
            + IPermissionErrors::COUNT
            + IFactoryErrors::COUNT
            + IEscrowErrors::COUNT
            + IChannelErrors::COUNT
            + IExchangeErrors::COUNT
            + ISettlementErrors::COUNT
            + IIdentityErrors::COUNT
            + IPaymentErrors::COUNT
            + IVoucherErrors::COUNT
            + IGovernanceErrors::COUNT
            + IModuleErrors::COUNT;
        assert_eq!(errors, declared, "a declaration is not on one line");
    }
}
