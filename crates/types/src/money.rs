//! Money: an amount in minor units that never forgets its currency.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Longest symbol a currency may have, in characters.
pub const CURRENCY_SYMBOL_CHARS_MAX: usize = 12;
/// Most decimal digits a currency may have (ERC-20 tokens use up to 18; ISO 4217 up to 4).
pub const CURRENCY_DIGITS_MAX: u8 = 18;

/// Why money could not be made or moved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Two amounts of different currencies met in one operation.
    #[error("amounts of {left} and {right} cannot be combined: convert one of them first")]
    CurrencyMismatch {
        /// Currency of the left operand.
        left: Currency,
        /// Currency of the right operand.
        right: Currency,
    },
    /// The result does not fit 128 bits of minor units.
    #[error("{left} + {right} minor units exceeds the largest amount: split the payment")]
    Overflow {
        /// Left operand in minor units.
        left: u128,
        /// Right operand in minor units.
        right: u128,
    },
    /// The result would be negative.
    #[error("{left} - {right} minor units is below zero: an amount is never negative")]
    Underflow {
        /// Left operand in minor units.
        left: u128,
        /// Right operand in minor units.
        right: u128,
    },
    /// A symbol is not 1 to 12 characters of `A-Z`, `0-9`, `.` or `-` starting with a letter.
    #[error("currency symbol {symbol:?} is not 1 to 12 of A-Z, 0-9, '.' or '-' starting with a letter")]
    Symbol {
        /// The symbol as given.
        symbol: String,
    },
    /// More decimal digits than any currency here may have.
    #[error("a currency has at most {CURRENCY_DIGITS_MAX} decimal digits, not {digits}")]
    Digits {
        /// The digits as given.
        digits: u8,
    },
    /// A decimal text is not an amount of this currency.
    #[error("{text:?} is not an amount of {currency}: write digits with at most {} decimals, such as 12.5", currency.digits())]
    Text {
        /// The text as given.
        text: String,
        /// The currency it was read in.
        currency: Currency,
    },
}

/// A currency: its symbol and how many decimal digits its minor unit has (ISO 4217's "exponent").
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency {
    symbol: [u8; CURRENCY_SYMBOL_CHARS_MAX],
    symbol_len: u8,
    digits: u8,
}

impl Currency {
    /// Makes a currency of `symbol` (1 to 12 of `A-Z`, `0-9`, `.`, `-`, first a letter) and `digits` decimals (0 to 18).
    pub fn new(symbol: &str, digits: u8) -> Result<Self, MoneyError> {
        let bytes = symbol.as_bytes();
        let well_formed = (1..=CURRENCY_SYMBOL_CHARS_MAX).contains(&bytes.len())
            && bytes[0].is_ascii_uppercase()
            && bytes.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-'));
        if !well_formed {
            return Err(MoneyError::Symbol { symbol: symbol.chars().take(64).collect() });
        }
        if digits > CURRENCY_DIGITS_MAX {
            return Err(MoneyError::Digits { digits });
        }
        let mut padded = [0u8; CURRENCY_SYMBOL_CHARS_MAX];
        padded[..bytes.len()].copy_from_slice(bytes);
        let symbol_len = u8::try_from(bytes.len()).map_err(|_| MoneyError::Symbol { symbol: symbol.into() })?;
        Ok(Self { symbol: padded, symbol_len, digits })
    }

    /// The symbol, such as `EUR`.
    pub fn symbol(&self) -> &str {
        std::str::from_utf8(&self.symbol[..usize::from(self.symbol_len)]).unwrap_or_default()
    }

    /// Decimal digits of the minor unit: 2 for cents.
    pub const fn digits(&self) -> u8 {
        self.digits
    }

    /// Minor units in one major unit: 100 for cents.
    pub fn minor_per_major(&self) -> u128 {
        10u128.pow(u32::from(self.digits))
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Currency({}, {} digits)", self.symbol(), self.digits)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

/// An amount of money: minor units (cents, for a currency of two digits) of one currency.
///
/// Operations are checked: a sum that does not fit, a negative result and two currencies in one sum are errors.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Amount {
    minor: u128,
    currency: Currency,
}

impl Amount {
    /// `minor` minor units of `currency`.
    pub const fn new(minor: u128, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing of `currency`.
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// The number of minor units.
    pub const fn minor(&self) -> u128 {
        self.minor
    }

    /// The currency.
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// Whether it is nothing.
    pub const fn is_zero(&self) -> bool {
        self.minor == 0
    }

    /// The sum; an error when currencies differ or it does not fit.
    pub fn checked_add(&self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(&other)?;
        let minor =
            self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow { left: self.minor, right: other.minor })?;
        Ok(Self { minor, currency: self.currency })
    }

    /// The difference; an error when currencies differ or it would be negative.
    pub fn checked_sub(&self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(&other)?;
        let minor = self
            .minor
            .checked_sub(other.minor)
            .ok_or(MoneyError::Underflow { left: self.minor, right: other.minor })?;
        Ok(Self { minor, currency: self.currency })
    }

    /// Reads a decimal text such as `1250.75` in `currency`. No sign, no exponent, no grouping, no more decimals than
    /// the currency has: nothing is ever rounded on the way in.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let wrong = || MoneyError::Text { text: text.chars().take(64).collect(), currency };
        let (major, minor) = text.split_once('.').unwrap_or((text, "0"));
        let digits = usize::from(currency.digits());
        let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let minor_digits = if text.contains('.') { minor.len() } else { 0 };
        if !all_digits(major) || !all_digits(minor) || minor_digits > digits || major.len() > 39 {
            return Err(wrong());
        }
        let major = u128::from_str(major).map_err(|_| wrong())?;
        let padded = format!("{minor:0<digits$}");
        let minor = if digits == 0 { 0 } else { u128::from_str(&padded).map_err(|_| wrong())? };
        major
            .checked_mul(currency.minor_per_major())
            .and_then(|units| units.checked_add(minor))
            .map(|units| Self::new(units, currency))
            .ok_or_else(wrong)
    }

    fn same_currency(&self, other: &Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            return Ok(());
        }
        Err(MoneyError::CurrencyMismatch { left: self.currency, right: other.currency })
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Amount({self})")
    }
}

impl fmt::Display for Amount {
    /// Decimal with the currency's digits and its symbol: `1250.75 EUR`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = self.currency.minor_per_major();
        let major = self.minor.checked_div(scale).unwrap_or_default();
        let minor = self.minor.checked_rem(scale).unwrap_or_default();
        let digits = usize::from(self.currency.digits());
        if digits == 0 {
            return write!(f, "{major} {}", self.currency);
        }
        write!(f, "{major}.{minor:0>digits$} {}", self.currency)
    }
}

/// A currency as it stands in files: `{"symbol": "EUR", "digits": 2}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CurrencyFile {
    symbol: String,
    digits: u8,
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        CurrencyFile { symbol: self.symbol().into(), digits: self.digits }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let file = CurrencyFile::deserialize(deserializer)?;
        Self::new(&file.symbol, file.digits).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur() -> Currency {
        Currency::new("EUR", 2).unwrap()
    }

    #[test]
    fn amounts_are_read_without_rounding() {
        let cases = [("0", 0), ("1", 100), ("1.5", 150), ("1.05", 105), ("1250.75", 125_075), ("00.10", 10)];
        for (text, minor) in cases {
            assert_eq!(Amount::parse(text, eur()).unwrap().minor(), minor, "{text}");
        }
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "1.005",
            "-1",
            "+1",
            "1e3",
            "1,000",
            " 1",
            "١",
            "340282366920938463463374607431768211456",
        ] {
            assert!(Amount::parse(text, eur()).is_err(), "{text:?} must be refused");
        }
        assert!(Amount::parse("1.0", Currency::new("JPY", 0).unwrap()).is_err());
        assert_eq!(Amount::parse("7", Currency::new("JPY", 0).unwrap()).unwrap().minor(), 7);
    }

    #[test]
    fn amounts_print_as_they_are_read() {
        for minor in [0u128, 1, 99, 100, 125_075, u128::MAX] {
            let amount = Amount::new(minor, eur());
            let printed = amount.to_string();
            let number = printed.strip_suffix(" EUR").unwrap();
            assert_eq!(Amount::parse(number, eur()).unwrap(), amount);
        }
    }

    #[test]
    fn sums_are_checked() {
        let usd = Currency::new("USD", 2).unwrap();
        let one = Amount::new(1, eur());
        assert_eq!(one.checked_add(Amount::new(2, eur())).unwrap().minor(), 3);
        assert!(matches!(one.checked_add(Amount::new(1, usd)), Err(MoneyError::CurrencyMismatch { .. })));
        assert!(matches!(Amount::new(u128::MAX, eur()).checked_add(one), Err(MoneyError::Overflow { .. })));
        assert!(matches!(Amount::zero(eur()).checked_sub(one), Err(MoneyError::Underflow { .. })));
    }

    #[test]
    fn symbols_are_bounded() {
        for symbol in ["", "eur", "1EUR", "EUR ", "ABCDEFGHIJKLM", "É"] {
            assert!(Currency::new(symbol, 2).is_err(), "{symbol:?}");
        }
        assert!(Currency::new("EUR", 19).is_err());
        assert_eq!(Currency::new("X-EUR.1", 18).unwrap().symbol(), "X-EUR.1");
    }
}
