//! Opening: a second currency under a policy, and a clearing scheme of three banks.

use super::{
    Cast, Day,
    desk::{Desk, Money, expect},
    story::date,
};
use crate::failure::Failure;
use alloy_primitives::{Address, U256};
use florin_modules::{
    FACTORY_ADDRESS, POLICY_ADDRESS, SETTLEMENT_ADDRESS,
    factory::IFactory,
    policy::IPolicy,
    settlement::ISettlement,
    token::{ISSUER_ROLE, IToken},
};
use florin_types::Currency;

/// Symbol of the second currency.
pub(crate) const DOLLAR: &str = "DUSD";
/// What each bank leaves for clearing, in cents. The rest is its reserve.
pub(super) const LIQUIDITY: u128 = 100_000_00;
/// What banks that trade at the gateway have there of the second currency, in cents.
const AT_GATEWAY: u128 = 250_000_00;
/// The day's cut-off lies this far ahead; the operator closes earlier.
const CUT_OFF_MS: u64 = 10 * 60 * 1_000;
const ANY_OF: u8 = 4;
const KYC_TIER: u8 = 6;

/// Opens the day.
pub(super) async fn run(desk: &mut Desk<'_>, cast: &Cast, euro: Address) -> Result<Day, Failure> {
    desk.story.heading("Opening")?;
    let deur = Money { token: euro, currency: currency(desk, euro).await? };
    let dusd = dollar(desk, cast, deur).await?;
    let (to_b, to_c) = (2_000_000_00u128, 500_000_00u128);
    let before = desk.positions(&[(&cast.bank_b, dusd), (&cast.bank_c, dusd)]).await?;
    let mint = |to: Address, minor: u128| IToken::mintCall { to, amount: U256::from(minor) };
    let first = desk.act(&cast.central_bank, dusd.token, mint(cast.bank_b.address(), to_b), "issues").await?;
    let second = desk.act(&cast.central_bank, dusd.token, mint(cast.bank_c.address(), to_c), "issues").await?;
    desk.moved(&before, &[2_000_000_00, 500_000_00]).await?;
    let text = format!("central-bank issues {} to bank-b and {} to bank-c.", dusd.show(to_b), dusd.show(to_c));
    desk.tell(&[&first, &second], &text)?;
    for (bank, account) in [("bank-b", cast.gateway_b), ("bank-c", cast.gateway_c)] {
        let issued = desk.act(&cast.central_bank, dusd.token, mint(account, AT_GATEWAY), "issues").await?;
        let text = format!("central-bank issues {} to the account of {bank} at the gateway.", dusd.show(AT_GATEWAY));
        desk.tell(&[&issued], &text)?;
    }
    let scheme = scheme(desk, cast, deur).await?;
    Ok(Day { deur, dusd, scheme })
}

async fn currency(desk: &Desk<'_>, token: Address) -> Result<Currency, Failure> {
    let symbol = desk.ask(token, IToken::symbolCall {}).await?;
    let digits = desk.ask(token, IToken::decimalsCall {}).await?;
    Currency::new(&symbol, digits).map_err(|error| super::desk::differs("the token", "a currency", error))
}

/// The second currency; a kept demo has it already.
async fn dollar(desk: &mut Desk<'_>, cast: &Cast, deur: Money) -> Result<Money, Failure> {
    let known = desk.ask(FACTORY_ADDRESS, IFactory::addressOfCall { symbol: DOLLAR.into() }).await?;
    if !known.is_zero() {
        return Ok(Money { token: known, currency: currency(desk, known).await? });
    }
    let governor = &cast.central_bank;
    let list = desk.ask(deur.token, IToken::policyIdCall {}).await?;
    let call = IPolicy::createConditionCall { kind: KYC_TIER, value: 1 };
    let condition = desk.act(governor, POLICY_ADDRESS, call, "makes a KYC condition").await?;
    let kyc = condition.event::<IPolicy::ConditionCreated>()?.policyId;
    let call = IPolicy::createCombinationCall { kind: ANY_OF, operands: vec![list, kyc] };
    let combined = desk.act(governor, POLICY_ADDRESS, call, "combines policies").await?;
    let policy = combined.event::<IPolicy::CombinationCreated>()?.policyId;
    let call = IFactory::createTokenCall {
        name: "Demo Dollar".into(),
        symbol: DOLLAR.into(),
        decimals: 2,
        admin: governor.address(),
        policyId: policy,
        supplyCap: U256::from(u128::MAX),
    };
    let made = desk.act(governor, FACTORY_ADDRESS, call, "makes a currency").await?;
    let token = made.event::<IFactory::TokenCreated>()?.token;
    let call = IToken::grantRoleCall { role: ISSUER_ROLE, account: governor.address() };
    let granted = desk.act(governor, token, call, "becomes issuer").await?;
    let money = Money { token, currency: currency(desk, token).await? };
    let text = format!(
        "central-bank makes a second currency, {DOLLAR} at {token}: for listed accounts (policy {list}) and for \
         persons with KYC (policy {kyc})."
    );
    desk.tell(&[&condition, &combined, &made, &granted], &text)?;
    Ok(money)
}

/// A scheme that clears euros among the three banks, open for today.
async fn scheme(desk: &mut Desk<'_>, cast: &Cast, deur: Money) -> Result<u64, Failure> {
    let operator = &cast.central_bank;
    let call = ISettlement::createSchemeCall { token: deur.token, bypassFifo: false, defaultRule: 0 };
    let made = desk.act(operator, SETTLEMENT_ADDRESS, call, "makes a scheme").await?;
    let scheme = made.event::<ISettlement::SchemeCreated>()?.schemeId;
    let mut done = vec![made];
    for bank in cast.banks() {
        let call = ISettlement::admitParticipantCall { schemeId: scheme, account: bank.address() };
        done.push(desk.act(operator, SETTLEMENT_ADDRESS, call, "admits a bank").await?);
    }
    let shown: Vec<_> = done.iter().collect();
    desk.tell(
        &shown,
        &format!("central-bank makes clearing scheme {scheme} for {} and admits three banks.", deur.currency),
    )?;
    let joined = futures::future::try_join_all(cast.banks().map(|bank| join(desk, bank, scheme, deur))).await?;
    let shown: Vec<_> = joined.iter().flatten().collect();
    let text =
        format!("The banks join. Each leaves {} for clearing and keeps the rest in reserve.", deur.show(LIQUIDITY));
    desk.tell(&shown, &text)?;
    let now = crate::node::monitoring::now_ms();
    let (value_date, cut_off_ms) = (date(now), now.saturating_add(CUT_OFF_MS));
    let call = ISettlement::openDayCall { schemeId: scheme, valueDate: value_date, cutOffMs: cut_off_ms };
    let opened = desk.act(operator, SETTLEMENT_ADDRESS, call, "opens the day").await?;
    expect("the value date", opened.event::<ISettlement::DayOpened>()?.valueDate, value_date)?;
    desk.tell(&[&opened], &format!("central-bank opens the business day, value date {value_date}."))?;
    Ok(scheme)
}

/// Joins, and keeps everything but the day's liquidity in reserve.
async fn join(
    desk: &Desk<'_>,
    bank: &super::desk::Actor,
    scheme: u64,
    deur: Money,
) -> Result<[super::desk::Done; 2], Failure> {
    let joined = desk.act(bank, SETTLEMENT_ADDRESS, ISettlement::joinCall { schemeId: scheme }, "joins").await?;
    let reserve = desk.balance(deur, bank.address()).await?.checked_sub(LIQUIDITY);
    let reserve = reserve.ok_or_else(|| {
        super::desk::differs(&bank.name, &format!("at least {}", deur.show(LIQUIDITY)), "a smaller balance")
    })?;
    let call = ISettlement::setReserveCall { schemeId: scheme, amount: U256::from(reserve) };
    let reserved = desk.act(bank, SETTLEMENT_ADDRESS, call, "sets its reserve").await?;
    Ok([joined, reserved])
}
