//! A payment across currencies: a firm quote that a provider signed, its cost before consent, both legs or none.

use super::{
    Cast, Day, bic,
    desk::{Desk, differs, expect},
    unique,
};
use crate::{demo::accounts::DEMO_CHAIN_ID, failure::Failure};
use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolStruct as _, eip712_domain};
use florin_modules::{EXCHANGE_ADDRESS, fx::IExchange};

const RECEIVE: u8 = 2;
const ROUND_UP: u8 = 2;
const QUOTE_MS: u64 = 60_000;
/// The quote: what chiara gets, what it costs, and the provider's fee, in cents.
const DOLLARS: u128 = 2_000_00;
const EUROS: u128 = 1_850_00;
const FEE: u128 = 2_50;

/// alma pays chiara: euros from one, dollars to the other.
pub(super) async fn run(desk: &mut Desk<'_>, cast: &Cast, day: &Day) -> Result<(), Failure> {
    desk.story.heading("A payment across currencies")?;
    let Cast { bank_a, bank_b, bank_c, alma, chiara, .. } = cast;
    let (quote, signature) = quote(desk, cast, day).await?;
    let most = U256::MAX;
    let cost = desk.ask(EXCHANGE_ADDRESS, IExchange::costOfCall { quote: quote.clone(), amount: most }).await?;
    let sent = EUROS + FEE;
    let expected = (U256::from(sent), U256::from(DOLLARS), U256::from(FEE));
    expect("the cost that is disclosed", (cost.sent, cost.received, cost.fee), expected)?;
    let text = format!(
        "bank-b signs a firm quote, off the ledger: {} to chiara for {} from alma, of which {} is its fee; \
         valid for {} s.",
        day.dusd.show(DOLLARS),
        day.deur.show(sent),
        day.deur.show(FEE),
        QUOTE_MS / 1_000
    );
    desk.story.tell(crate::node::monitoring::now_ms(), &text, Vec::new())?;
    let before =
        desk.positions(&[(alma, day.deur), (bank_b, day.deur), (bank_b, day.dusd), (chiara, day.dusd)]).await?;
    let uetr = unique();
    let order = IExchange::Order {
        amount: most,
        maxSent: cost.sent,
        minReceived: cost.received,
        payee: chiara.address(),
        uetr,
        debtorAgent: B256::right_padding_from(bic(bank_a).as_slice()),
        creditorAgent: B256::right_padding_from(bic(bank_c).as_slice()),
        remittanceHash: keccak256("alma to chiara"),
    };
    let call = IExchange::executeCall { quote, signature, order };
    let done = desk.act(alma, EXCHANGE_ADDRESS, call.clone(), "executes the quote").await?;
    let paid = done.event::<IExchange::CrossBorderPaid>()?;
    expect(
        "the payment's UETR and parties",
        (paid.uetr, paid.debtor, paid.creditor),
        (uetr, alma.address(), chiara.address()),
    )?;
    desk.moved(&before, &[-1_852_50, 1_852_50, -2_000_00, 2_000_00]).await?;
    let text = format!(
        "alma (bank-a) pays chiara (bank-c): {} leave her, {} arrive, both in one transaction through bank-b.",
        day.deur.show(sent),
        day.dusd.show(DOLLARS)
    );
    desk.tell(&[&done], &text)?;
    let explained = desk.be_refused(alma, EXCHANGE_ADDRESS, call, "QuoteUsed").await?;
    desk.tell_refusal("The same quote again", &explained)
}

/// A quote for alma alone, signed by bank-b; a kept demo has it as a provider already.
async fn quote(desk: &mut Desk<'_>, cast: &Cast, day: &Day) -> Result<(IExchange::Quote, Bytes), Failure> {
    let (provider, taker) = (&cast.bank_b, &cast.alma);
    let status = IExchange::providerOfCall { account: provider.address() };
    if !desk.ask(EXCHANGE_ADDRESS, status.clone()).await?.active {
        let call = IExchange::registerProviderCall {};
        let registered = desk.act(provider, EXCHANGE_ADDRESS, call, "becomes a provider").await?;
        desk.tell(&[&registered], "bank-b becomes a provider of foreign exchange.")?;
    }
    let quote = IExchange::Quote {
        provider: provider.address(),
        epoch: desk.ask(EXCHANGE_ADDRESS, status).await?.epoch,
        nonce: unique(),
        taker: taker.address(),
        sellToken: day.deur.token,
        buyToken: day.dusd.token,
        sellAmount: U256::from(EUROS),
        buyAmount: U256::from(DOLLARS),
        leastAmount: U256::from(DOLLARS),
        side: RECEIVE,
        rounding: ROUND_UP,
        fee: U256::from(FEE),
        expiresAtMs: crate::node::monitoring::now_ms().saturating_add(QUOTE_MS),
    };
    let domain = eip712_domain! {
        name: "Florin Exchange",
        version: "1",
        chain_id: DEMO_CHAIN_ID,
        verifying_contract: EXCHANGE_ADDRESS,
    };
    let digest = quote.eip712_signing_hash(&domain);
    let asked = desk.ask(EXCHANGE_ADDRESS, IExchange::quoteDigestCall { quote: quote.clone() }).await?;
    expect("what a provider signs", asked, digest)?;
    let signature = provider.key.sign_digest(digest);
    let signature = signature.map_err(|error| differs("the quote", "a signature", error))?;
    Ok((quote, Bytes::copy_from_slice(&signature.as_bytes())))
}
