//! Who an account number or a BIC is on the ledger, and which token a currency is. Configured; nothing is guessed. Pure.

use crate::reason::Reason;
use alloy_primitives::Address;
use florin_iso20022::model::{Account, Agent, Principal};
use florin_types::{Amount, Currency};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Most characters of a number, a BIC, a name or a currency in the configuration.
const TEXT_CHARS_MAX: usize = 140;

/// A currency as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurrencyConfig {
    /// As messages write it: a code of ISO 4217.
    pub code: String,
    /// The token that stands for it: its symbol in the genesis file, or its address.
    pub token: String,
    /// Number of the settlement scheme in which banks clear it, if there is one.
    pub scheme: Option<u64>,
}

/// An account or a bank as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HolderConfig {
    /// IBAN or another number. One of number and BIC is needed, or both.
    pub number: Option<String>,
    /// BIC of a bank that pays and is paid under it.
    pub bic: Option<String>,
    /// Name, for statements.
    pub name: Option<String>,
    /// Account on the ledger.
    pub address: Address,
    /// The tenant whose account it is: it may pay from it, and is told what happens there.
    pub tenant: Option<String>,
    /// Key that signs for it: a name in the keystore, or of a device. Without one nothing is paid from it.
    pub key: Option<String>,
}

/// A token that a currency means, as the ledger says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenEntry {
    /// As messages write it.
    pub currency: String,
    /// Where the token is.
    pub address: Address,
    /// Digits after the point, in the token and in ISO 4217.
    pub digits: u8,
    /// Number of the settlement scheme in which banks clear it, if there is one.
    pub scheme: Option<u64>,
}

/// An account of the ledger that messages can mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number, or its BIC where it has none.
    pub number: String,
    /// BIC, for a bank.
    pub bic: Option<String>,
    /// Name.
    pub name: Option<String>,
    /// Account on the ledger.
    pub address: Address,
    /// Whose it is.
    pub tenant: Option<String>,
    /// Whether there is a key for it.
    pub pays: bool,
}

/// Everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    holders: Vec<Holder>,
    by_number: BTreeMap<String, usize>,
    by_bic: BTreeMap<String, usize>,
    by_address: BTreeMap<Address, usize>,
    tokens: BTreeMap<String, TokenEntry>,
}

/// What is wrong with the configured book: the field, and the rule with its values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct BookError {
    /// The field of the configuration.
    pub field: String,
    /// The rule that it breaks.
    pub rule: String,
}

impl Book {
    /// Takes the configured accounts and the tokens of their currencies.
    pub fn new(
        holders: &[HolderConfig],
        tokens: Vec<TokenEntry>,
        tenants: &BTreeSet<String>,
    ) -> Result<Self, BookError> {
        let mut book = Self::default();
        for (place, token) in tokens.into_iter().enumerate() {
            let field = || format!("currencies[{place}].code");
            let is_code = token.currency.len() == 3 && token.currency.bytes().all(|byte| byte.is_ascii_uppercase());
            if !is_code {
                return Err(wrong(field(), format!("{:?} is no code of three capitals", token.currency)));
            }
            if book.tokens.values().any(|other| other.address == token.address) {
                return Err(wrong(field(), format!("token {} stands for another currency already", token.address)));
            }
            if let Some(other) = book.tokens.insert(token.currency.clone(), token) {
                return Err(wrong(field(), format!("{} is there twice", other.currency)));
            }
        }
        for (place, holder) in holders.iter().enumerate() {
            book.add(place, holder, tenants)?;
        }
        Ok(book)
    }

    fn add(&mut self, place: usize, config: &HolderConfig, tenants: &BTreeSet<String>) -> Result<(), BookError> {
        let field = |name: &str| format!("accounts[{place}].{name}");
        let texts = [("number", &config.number), ("bic", &config.bic), ("name", &config.name)];
        if let Some((name, text)) = texts.iter().find(|(_, text)| text.as_ref().is_some_and(|text| !is_short(text))) {
            return Err(wrong(field(name), format!("{text:?} is empty or longer than {TEXT_CHARS_MAX} characters")));
        }
        let number = config.number.as_deref().map(folded);
        let bic = config.bic.as_deref().map(folded_bic).transpose().map_err(|rule| wrong(field("bic"), rule))?;
        let Some(shown) = config.number.clone().or_else(|| config.bic.clone()) else {
            return Err(wrong(field("number"), "an account has a number, a BIC or both".into()));
        };
        if config.address.is_zero() {
            return Err(wrong(field("address"), "the zero address is nobody's account".into()));
        }
        if let Some(tenant) = config.tenant.as_ref().filter(|tenant| !tenants.contains(*tenant)) {
            return Err(wrong(field("tenant"), format!("there is no tenant {tenant:?}")));
        }
        if config.key.is_some() && config.tenant.is_none() {
            return Err(wrong(field("key"), "who pays from an account is its tenant: name one".into()));
        }
        let index = self.holders.len();
        if number.as_ref().is_some_and(|number| self.by_number.contains_key(number)) {
            return Err(wrong(field("number"), format!("{shown:?} is there twice")));
        }
        if bic.as_ref().is_some_and(|bic| self.by_bic.contains_key(bic)) {
            return Err(wrong(field("bic"), format!("{:?} is there twice", config.bic.as_deref().unwrap_or_default())));
        }
        if self.by_address.insert(config.address, index).is_some() {
            return Err(wrong(
                field("address"),
                format!("{} is there twice: its entries would be told twice", config.address),
            ));
        }
        self.by_number.extend(number.map(|number| (number, index)));
        self.by_bic.extend(bic.map(|bic| (bic, index)));
        self.holders.push(Holder {
            number: shown,
            bic: config.bic.clone(),
            name: config.name.clone(),
            address: config.address,
            tenant: config.tenant.clone(),
            pays: config.key.is_some(),
        });
        Ok(())
    }

    /// Who pays for this tenant: by the debtor's account, else by its bank. An account of somebody else is as unknown as one
    /// that is not there.
    pub fn payer(&self, tenant: &str, account: Option<&Account>, bank: Option<&Agent>) -> Result<&Holder, Reason> {
        let found = self.find(account, bank);
        let own = found.filter(|holder| holder.tenant.as_deref() == Some(tenant) && holder.pays);
        own.ok_or_else(|| {
            let who = named(account, bank);
            Reason::new(
                "AC02",
                format!("{who} is no account that this sender pays from here: configure it, with its key"),
            )
        })
    }

    /// Who is paid: by the creditor's account, else by its bank.
    pub fn payee(&self, account: Option<&Account>, bank: Option<&Agent>) -> Result<&Holder, Reason> {
        self.find(account, bank).ok_or_else(|| {
            let who = named(account, bank);
            Reason::new(
                "AC03",
                format!("{who} is not known on this ledger: nothing is guessed, ask for it to be configured"),
            )
        })
    }

    /// Units as a decimal text in a configured currency; `None` for another.
    pub fn decimal(&self, currency: &str, minor: u128) -> Option<String> {
        let digits = self.token(currency).ok()?.digits;
        let text = Amount::new(minor, Currency::new(currency, digits).ok()?).to_string();
        text.split(' ').next().map(String::from)
    }

    /// The token of a currency.
    pub fn token(&self, currency: &str) -> Result<&TokenEntry, Reason> {
        self.tokens.get(currency).ok_or_else(|| {
            let known: Vec<&str> = self.tokens.keys().map(String::as_str).collect();
            Reason::new("AM03", format!("no token is configured for {currency}; there are {}", known.join(", ")))
        })
    }

    /// The tokens, by currency.
    pub fn tokens(&self) -> impl Iterator<Item = &TokenEntry> {
        self.tokens.values()
    }

    /// The token at an address.
    pub fn token_at(&self, address: Address) -> Option<&TokenEntry> {
        self.tokens.values().find(|token| token.address == address)
    }

    /// Whose account this is.
    pub fn at(&self, address: Address) -> Option<&Holder> {
        self.by_address.get(&address).and_then(|index| self.holders.get(*index))
    }

    /// The account of a tenant under this number or BIC.
    pub fn of(&self, tenant: &str, number: &str) -> Option<&Holder> {
        self.named(number).filter(|holder| holder.tenant.as_deref() == Some(tenant))
    }

    /// Whose account has this number or BIC, whoever it is.
    pub fn named(&self, number: &str) -> Option<&Holder> {
        let index = self.by_number.get(&folded(number)).or_else(|| self.by_bic.get(&folded_bic(number).ok()?));
        index.and_then(|index| self.holders.get(*index))
    }

    /// Everybody, in the order of the configuration.
    pub fn holders(&self) -> impl Iterator<Item = &Holder> {
        self.holders.iter()
    }

    /// Accounts whose tenants are told what happens on them.
    pub fn served(&self) -> impl Iterator<Item = &Holder> {
        self.holders.iter().filter(|holder| holder.tenant.is_some())
    }

    fn find(&self, account: Option<&Account>, bank: Option<&Agent>) -> Option<&Holder> {
        let by_number = account.and_then(Account::number).and_then(|number| self.by_number.get(&folded(number)));
        let by_bic = || self.by_bic.get(&folded_bic(bank?.bic.as_deref()?).ok()?);
        by_number.or_else(by_bic).and_then(|index| self.holders.get(*index))
    }
}

/// The bank among those who pay and are paid.
pub(crate) fn bank_of(principal: &Principal) -> Option<&Agent> {
    match principal {
        Principal::Agent(agent) => Some(agent),
        Principal::Party(_) => None,
    }
}

/// How a person is told who was looked for.
fn named(account: Option<&Account>, bank: Option<&Agent>) -> String {
    let number = account.and_then(Account::number);
    let bic = bank.and_then(|bank| bank.bic.as_deref());
    match (number, bic) {
        (Some(number), Some(bic)) => format!("account {number} at {bic}"),
        (Some(number), None) => format!("account {number}"),
        (None, Some(bic)) => format!("bank {bic}"),
        (None, None) => "an account without number and bank".into(),
    }
}

/// A number as it is looked up: without blanks, in capitals.
fn folded(number: &str) -> String {
    number.chars().filter(|character| !character.is_whitespace()).flat_map(char::to_uppercase).collect()
}

/// A BIC as it is looked up: the main office has no `XXX`.
fn folded_bic(bic: &str) -> Result<String, String> {
    let folded = folded(bic);
    if !matches!(folded.len(), 8 | 11) || !folded.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(format!("{bic:?} is no BIC of 8 or 11 characters"));
    }
    Ok(folded.strip_suffix("XXX").filter(|rest| rest.len() == 8).unwrap_or(&folded).into())
}

fn is_short(text: &str) -> bool {
    !text.trim().is_empty() && text.chars().count() <= TEXT_CHARS_MAX
}

fn wrong(field: String, rule: String) -> BookError {
    BookError { field, rule }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenants() -> BTreeSet<String> {
        ["a", "b"].map(String::from).into()
    }

    fn holder(number: Option<&str>, bic: Option<&str>, byte: u8, tenant: Option<&str>) -> HolderConfig {
        HolderConfig {
            number: number.map(String::from),
            bic: bic.map(String::from),
            name: None,
            address: Address::repeat_byte(byte),
            tenant: tenant.map(String::from),
            key: tenant.map(String::from),
        }
    }

    fn euro() -> TokenEntry {
        TokenEntry { currency: "EUR".into(), address: Address::repeat_byte(9), digits: 2, scheme: None }
    }

    fn book() -> Book {
        let holders = [
            holder(Some("DE89 3704 0044 0532 0130 00"), None, 1, Some("a")),
            holder(None, Some("BANKDEFFXXX"), 2, Some("a")),
            holder(Some("fr1420041010050500013m02606"), Some("BANKFRPP123"), 3, Some("b")),
            holder(None, Some("BANKGB22"), 4, None),
        ];
        Book::new(&holders, vec![euro()], &tenants()).unwrap()
    }

    #[test]
    fn a_book_that_could_mean_two_things_is_refused_by_field() {
        let one = |holder: HolderConfig| Book::new(&[holder], vec![euro()], &tenants()).unwrap_err().field;
        assert_eq!(one(holder(None, None, 1, Some("a"))), "accounts[0].number");
        assert_eq!(one(holder(Some(" "), None, 1, Some("a"))), "accounts[0].number");
        assert_eq!(one(holder(Some(&"1".repeat(141)), None, 1, Some("a"))), "accounts[0].number");
        assert_eq!(one(holder(None, Some("BANK"), 1, Some("a"))), "accounts[0].bic");
        assert_eq!(one(holder(Some("1"), None, 0, Some("a"))), "accounts[0].address");
        assert_eq!(one(holder(Some("1"), None, 1, Some("c"))), "accounts[0].tenant");
        assert_eq!(one(HolderConfig { tenant: None, ..holder(Some("1"), None, 1, Some("a")) }), "accounts[0].key");
        let two = |one, other| Book::new(&[one, other], vec![euro()], &tenants()).unwrap_err().field;
        assert_eq!(two(holder(Some("x 1"), None, 1, None), holder(Some("X1"), None, 2, None)), "accounts[1].number");
        let (short, long) = (holder(None, Some("BANKDEFF"), 1, None), holder(None, Some("bankdeffXXX"), 2, None));
        assert_eq!(two(short, long), "accounts[1].bic");
        assert_eq!(two(holder(Some("1"), None, 1, None), holder(Some("2"), None, 1, None)), "accounts[1].address");
        let codes = |tokens| Book::new(&[], tokens, &tenants()).unwrap_err().field;
        assert_eq!(codes(vec![TokenEntry { currency: "eur".into(), ..euro() }]), "currencies[0].code");
        assert_eq!(codes(vec![euro(), TokenEntry { currency: "USD".into(), ..euro() }]), "currencies[1].code");
        let other = TokenEntry { address: Address::repeat_byte(8), ..euro() };
        assert_eq!(codes(vec![euro(), other]), "currencies[1].code");
    }

    #[test]
    fn nobody_pays_from_an_account_of_somebody_else() {
        let book = book();
        let iban = Account::of_iban("DE89370400440532013000");
        assert_eq!(book.payer("a", Some(&iban), None).unwrap().address, Address::repeat_byte(1));
        let foreign = book.payer("b", Some(&iban), None).unwrap_err();
        let unknown = book.payer("b", Some(&Account::of_iban("DE00")), None).unwrap_err();
        assert_eq!((foreign.code, unknown.code), ("AC02", "AC02"));
        assert_eq!(foreign.words.replace("DE89370400440532013000", ""), unknown.words.replace("DE00", ""));
        assert_eq!(book.payer("a", None, Some(&Agent::of_bic("BANKGB22"))).unwrap_err().code, "AC02");
        assert_eq!(book.payer("a", None, None).unwrap_err().code, "AC02");
        assert!(book.of("b", "DE89370400440532013000").is_none());
    }

    #[test]
    fn an_account_counts_before_its_bank_and_a_bank_is_found_with_and_without_its_office() {
        let book = book();
        let bank = Agent::of_bic("BANKDEFF");
        let known = Account::of_iban("FR1420041010050500013M02606");
        let at = |account: Option<&Account>| book.payee(account, Some(&bank)).unwrap().address;
        assert_eq!(at(Some(&known)), Address::repeat_byte(3));
        assert_eq!(at(Some(&Account::of_iban("GB00"))), Address::repeat_byte(2));
        assert_eq!(at(None), Address::repeat_byte(2));
        assert_eq!(book.payee(None, Some(&Agent::of_bic("BANKFRPP"))).unwrap_err().code, "AC03");
        assert_eq!(book.payee(None, Some(&Agent::of_bic("BANKFRPP123"))).unwrap().address, Address::repeat_byte(3));
        assert_eq!(book.token("USD").unwrap_err().code, "AM03");
        assert_eq!(book.served().count(), 3);
    }
}
