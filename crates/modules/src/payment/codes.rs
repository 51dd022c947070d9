//! Codes of ISO 20022 as they stand in fixed bytes: their form only, never their meaning.

use alloy_primitives::FixedBytes;

/// A BIC of 8 or 11 characters, the shorter one padded with zero bytes. Source: ISO 20022 BICFIDec2014Identifier,
/// `[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?`.
pub(super) type Agent = FixedBytes<11>;

/// An external code of four characters.
pub(super) type Code = FixedBytes<4>;

/// Whether an agent is a BIC, or nobody.
pub(super) fn is_agent(agent: Agent) -> bool {
    let (institution, branch) = agent.split_at(8);
    let (party, rest) = institution.split_at(4);
    let (country, location) = rest.split_at(2);
    let named = party.iter().all(is_letter_or_digit)
        && country.iter().all(u8::is_ascii_uppercase)
        && location.iter().all(is_letter_or_digit)
        && (branch == [0; 3] || branch.iter().all(is_letter_or_digit));
    agent.is_zero() || named
}

/// Whether these are four of A-Z and 0-9.
pub(super) fn is_code(code: Code) -> bool {
    code.iter().all(is_letter_or_digit)
}

fn is_letter_or_digit(byte: &u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(text: &str) -> Agent {
        Agent::right_padding_from(text.as_bytes())
    }

    #[test]
    fn agents_are_bics_or_nobody() {
        for good in ["", "COBADEFF", "COBADEFFXXX", "4BNKGB2L", "DEUTDEFF500"] {
            assert!(is_agent(agent(good)), "{good}");
        }
        for bad in
            ["COBADEF", "COBADEFFX", "COBADEFFXX", "cobadeff", "COBA1EFF", "COBAD\u{c9}F", "COBADEFF XX", "\0OBADEFF"]
        {
            assert!(!is_agent(agent(bad)), "{bad}");
        }
        assert!(!is_agent(agent("\0\0\0\0\0\0\0\0XXX")), "a branch of nobody");
    }

    #[test]
    fn codes_are_four_characters() {
        for good in ["SALA", "SUPP", "AC04", "0000"] {
            assert!(is_code(Code::right_padding_from(good.as_bytes())), "{good}");
        }
        for bad in ["", "SAL", "sala", "SA A", "SAL-"] {
            assert!(!is_code(Code::right_padding_from(bad.as_bytes())), "{bad}");
        }
    }
}
