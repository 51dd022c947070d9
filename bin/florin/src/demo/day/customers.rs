//! Customers of three banks: payments in two currencies, one that is sent twice, and one that waits for KYC.

use super::{
    Cast, Day, bic,
    desk::{Actor, Desk, Done, Money, differs, expect},
    unique,
};
use crate::{demo::accounts::DEMO_CHAIN_ID, failure::Failure};
use alloy_primitives::{B256, FixedBytes, U256, keccak256};
use alloy_sol_types::{SolStruct as _, eip712_domain, sol};
use florin_modules::{IDENTITY_ADDRESS, PAYMENT_ADDRESS, identity::IIdentity, payment::IPayment};
use futures::try_join;

/// States of a payment, as `paymentOf` gives them.
const PARKED: u8 = 2;
const SETTLED: u8 = 3;
/// Kind of credential and of person.
const KYC: u8 = 1;
const NATURAL_PERSON: u8 = 1;
const ACCREDITED: u8 = 1;
const HOUR_MS: u64 = 60 * 60 * 1_000;

sol! {
    /// What an account signs to belong to a person (EIP-712).
    struct Link { uint64 personId; address account; uint64 nonce; uint64 expiresMs; }
}

/// A payment of the story.
struct Order<'a> {
    payer: &'a Actor,
    payer_bank: &'a Actor,
    payee: &'a Actor,
    payee_bank: &'a Actor,
    money: Money,
    minor: u128,
    purpose: &'static [u8; 4],
    what: &'static str,
    uetr: B256,
    park_until_ms: u64,
}

impl Order<'_> {
    fn call(&self) -> IPayment::payCall {
        IPayment::payCall {
            token: self.money.token,
            payee: self.payee.address(),
            amount: U256::from(self.minor),
            uetr: self.uetr,
            debtorAgent: bic(self.payer_bank),
            creditorAgent: bic(self.payee_bank),
            endToEnd: keccak256(self.what),
            purpose: FixedBytes(*self.purpose),
            remittance: keccak256(format!("{} to {}", self.payer.name, self.payee.name)),
            priority: 2,
            parkUntilMs: self.park_until_ms,
        }
    }

    async fn send(&self, desk: &Desk<'_>, state: u8) -> Result<Done, Failure> {
        let done = desk.act(self.payer, PAYMENT_ADDRESS, self.call(), &format!("pays {}", self.what)).await?;
        let event = done.event::<IPayment::PaymentOrdered>()?;
        expect("the payment's state", (event.state, event.uetr), (state, self.uetr))?;
        Ok(done)
    }

    fn text(&self) -> String {
        let amount = self.money.show(self.minor);
        let (payer, payer_bank) = (&self.payer.name, &self.payer_bank.name);
        let from = if payer == payer_bank { payer.clone() } else { format!("{payer} ({payer_bank})") };
        format!("{from} pays {} ({}) {amount}", self.payee.name, self.payee_bank.name)
    }
}

/// Salaries in the morning, then customers pay each other, and one of them pays twice by mistake.
pub(super) async fn pay(desk: &mut Desk<'_>, cast: &Cast, day: &Day) -> Result<(), Failure> {
    desk.story.heading("Customers of three banks pay, in two currencies")?;
    let order = |payer, payer_bank, payee, payee_bank, money, minor, purpose, what| Order {
        payer,
        payer_bank,
        payee,
        payee_bank,
        money,
        minor,
        purpose,
        what,
        uetr: unique(),
        park_until_ms: 0,
    };
    let Cast { bank_a, bank_b, bank_c, alma, bruno, chiara, .. } = cast;
    let Day { deur, dusd, .. } = *day;
    let before = desk.positions(&[(alma, deur), (bruno, deur), (chiara, deur), (alma, dusd), (chiara, dusd)]).await?;
    let salaries = [
        order(bank_a, bank_a, alma, bank_a, deur, 4_000_00, b"SALA", "a salary"),
        order(bank_b, bank_b, bruno, bank_b, deur, 2_800_00, b"SALA", "a salary"),
        order(bank_c, bank_c, chiara, bank_c, dusd, 3_100_00, b"SALA", "a salary"),
    ];
    settle(desk, &salaries).await?;
    let payments = [
        order(alma, bank_a, bruno, bank_b, deur, 1_250_00, b"RENT", "the rent"),
        order(bruno, bank_b, chiara, bank_c, deur, 480_50, b"GDDS", "a bicycle"),
        order(chiara, bank_c, alma, bank_a, dusd, 75_25, b"SUPP", "flour"),
    ];
    settle(desk, &payments).await?;
    // By account and currency, what the six payments come to.
    desk.moved(&before, &[2_750_00, 3_569_50, 480_50, 75_25, 3_024_75]).await?;
    let [rent, ..] = &payments;
    let explained = desk.be_refused(alma, PAYMENT_ADDRESS, rent.call(), "UetrUsed").await?;
    desk.tell_refusal("alma's bank sends the rent once more, with the same UETR", &explained)
}

/// Sends payments of different payers together, and tells of each.
async fn settle(desk: &mut Desk<'_>, orders: &[Order<'_>; 3]) -> Result<(), Failure> {
    let [first, second, third] = orders;
    let sent = try_join!(first.send(desk, SETTLED), second.send(desk, SETTLED), third.send(desk, SETTLED))?;
    for (order, done) in orders.iter().zip([&sent.0, &sent.1, &sent.2]) {
        desk.tell(&[done], &format!("{}: {}, settled.", order.text(), order.what))?;
    }
    Ok(())
}

/// A payee whom nobody knows yet: the payment waits until her bank has done its KYC.
pub(super) async fn park(desk: &mut Desk<'_>, cast: &Cast, day: &Day) -> Result<(), Failure> {
    desk.story.heading("A payment waits for the payee's KYC")?;
    let Cast { bank_c, bruno, chiara, dara, .. } = cast;
    let money = day.dusd;
    let park_until_ms = crate::node::monitoring::now_ms().saturating_add(HOUR_MS);
    let order = Order {
        payer: chiara,
        payer_bank: bank_c,
        payee: dara,
        payee_bank: bank_c,
        money,
        minor: 250_00,
        purpose: b"GIFT",
        what: "a present",
        uetr: unique(),
        park_until_ms,
    };
    let before = desk.positions(&[(chiara, money), (dara, money)]).await?;
    let parked = order.send(desk, PARKED).await?;
    let wait = parked.event::<IPayment::PaymentParked>()?;
    expect("who is not admitted", wait.account, dara.address())?;
    desk.moved(&before, &[0, 0]).await?;
    let text = format!(
        "{}: parked, because policy {} does not admit {}. The units stay chiara's, on hold {}.",
        order.text(),
        wait.policyId,
        dara.address(),
        wait.holdId
    );
    desk.tell(&[&parked], &text)?;
    let release = IPayment::releaseCall { payer: chiara.address(), uetr: order.uetr };
    let explained = desk.be_refused(bruno, PAYMENT_ADDRESS, release.clone(), "PolicyForbids").await?;
    desk.tell_refusal("Somebody tries to release it", &explained)?;
    know(desk, cast).await?;
    let released = desk.act(bruno, PAYMENT_ADDRESS, release, "releases the payment").await?;
    expect("what was released", released.event::<IPayment::PaymentPosted>()?.posted, U256::from(250_00))?;
    desk.moved(&before, &[-250_00, 250_00]).await?;
    desk.tell(&[&released], &format!("Anyone may release it now; bruno does. dara has {}.", money.show(250_00u128)))
}

/// Her bank registers dara, links her address by her signature, and says that it knows her.
async fn know(desk: &mut Desk<'_>, cast: &Cast) -> Result<(), Failure> {
    let Cast { bank_c, dara, .. } = cast;
    appoint(desk, cast).await?;
    let call = IIdentity::registerPersonCall { kind: NATURAL_PERSON, lei: String::new() };
    let registered = desk.act(bank_c, IDENTITY_ADDRESS, call, "registers a person").await?;
    let person = registered.event::<IIdentity::PersonRegistered>()?.personId;
    let expires = crate::node::monitoring::now_ms().saturating_add(24 * HOUR_MS);
    let domain = eip712_domain! {
        name: "Florin Identity",
        version: "1",
        chain_id: DEMO_CHAIN_ID,
        verifying_contract: IDENTITY_ADDRESS,
    };
    let link = Link { personId: person, account: dara.address(), nonce: 0, expiresMs: expires };
    let signature = dara.key.sign_digest(link.eip712_signing_hash(&domain));
    let signature = signature.map_err(|error| differs("dara's signature", "a signature", error))?;
    let call = IIdentity::linkBySignatureCall {
        personId: person,
        account: dara.address(),
        expiresMs: expires,
        v: if signature.v() { 28 } else { 27 },
        r: signature.r().into(),
        s: signature.s().into(),
    };
    let linked = desk.act(bank_c, IDENTITY_ADDRESS, call, "links an address").await?;
    let call = IIdentity::giveCredentialCall {
        personId: person,
        kind: KYC,
        value: 1,
        expiresMs: expires,
        commitment: keccak256(rand::random::<[u8; 32]>()),
    };
    let given = desk.act(bank_c, IDENTITY_ADDRESS, call, "gives a credential").await?;
    let text = format!(
        "bank-c registers person {person}, links the address that dara signed for, and gives KYC tier 1. The ledger \
         has a salted commitment, no name."
    );
    desk.tell(&[&registered, &linked, &given], &text)
}

/// The central bank lets bank-c register persons and verify them; a kept demo has done so already.
async fn appoint(desk: &mut Desk<'_>, cast: &Cast) -> Result<(), Failure> {
    let (governor, bank) = (&cast.central_bank, cast.bank_c.address());
    if desk.ask(IDENTITY_ADDRESS, IIdentity::isRegistrarCall { account: bank }).await? {
        return Ok(());
    }
    let call = IIdentity::setRegistrarCall { account: bank, appointed: true };
    let registrar = desk.act(governor, IDENTITY_ADDRESS, call, "appoints a registrar").await?;
    let call = IIdentity::setAccreditorCall { account: governor.address(), appointed: true };
    let accreditor = desk.act(governor, IDENTITY_ADDRESS, call, "accredits").await?;
    let call = IIdentity::setVerifierCall { verifier: bank, kind: KYC, status: ACCREDITED };
    let verifier = desk.act(governor, IDENTITY_ADDRESS, call, "accredits a verifier").await?;
    let text = "central-bank makes bank-c a registrar of persons and accredits it for KYC.";
    desk.tell(&[&registrar, &accreditor, &verifier], text)
}
