//! Quotes that nobody made firm: altered, signed for something else, mirrored, or in nobody's name.

use super::*;

/// A name and what it changes.
type Alteration = (&'static str, fn(&mut Quote));

#[test]
fn the_type_and_digest_are_those_of_eip_712() {
    let text = "Quote(address provider,uint64 epoch,bytes32 nonce,address taker,address sellToken,address buyToken,\
                uint256 sellAmount,uint256 buyAmount,uint256 leastAmount,uint8 side,uint8 rounding,uint256 fee,\
                uint64 expiresAtMs)";
    assert_eq!(quote::QUOTE_TYPE, keccak256(text));
    let mut ledger = set_up();
    let q = quote(&ledger);
    // Built here word by word, as a wallet would.
    let address = |who: Address| B256::left_padding_from(who.as_slice()).0;
    let number = |number: u64| U256::from(number).to_be_bytes::<32>();
    let hash = |text: &str| keccak256(text).0;
    let domain = [typed_data::DOMAIN_TYPE.0, hash("Florin Exchange"), hash("1"), number(1337), address(TO)].concat();
    let message = [
        quote::QUOTE_TYPE.0,
        address(q.provider),
        number(0),
        q.nonce.0,
        address(Address::ZERO),
        address(eur()),
        address(usd()),
        number(400),
        number(435),
        number(10),
        number(1),
        number(1),
        number(3),
        number(q.expiresAtMs),
    ]
    .concat();
    let bytes = [&[0x19, 0x01][..], keccak256(&domain).as_slice(), keccak256(&message).as_slice()].concat();
    assert_eq!(ledger.ok(ANYONE, TO, quoteDigestCall { quote: q }), keccak256(&bytes));
    let domain = ledger.ok(ANYONE, TO, eip712DomainCall {});
    assert_eq!((domain.name.as_str(), domain.chainId, domain.verifyingContract), ("Florin Exchange", units(1337), TO));
}

#[test]
fn hostile_signatures_and_altered_quotes_are_refused() {
    let mut ledger = set_up();
    let good = quote(&ledger);
    let call = executing(&mut ledger, good.clone(), order(units(100)));
    let refused = |ledger: &mut Ledger, what: &str, call: executeCall| {
        let failure = ledger.call(TAKER, TO, call).unwrap_err();
        let Failure::Revert(data) = &failure else { panic!("{what}: {failure}") };
        assert_eq!(data[..4], QuoteSignatureInvalid::SELECTOR, "{what}: {failure}");
    };
    let altered: [Alteration; 9] = [
        ("nonce", |q| q.nonce = B256::repeat_byte(9)),
        ("taker", |q| q.taker = TAKER),
        ("sellToken", |q| q.sellToken = token_address(3)),
        ("sellAmount", |q| q.sellAmount = units(399)),
        ("buyAmount", |q| q.buyAmount = units(436)),
        ("leastAmount", |q| q.leastAmount = units(1)),
        ("rounding", |q| q.rounding = 2),
        ("fee", |q| q.fee = U256::ZERO),
        ("expiresAtMs", |q| q.expiresAtMs += 1),
    ];
    for (what, alter) in altered {
        let mut quote = good.clone();
        alter(&mut quote);
        refused(&mut ledger, what, executeCall { quote, ..call.clone() });
    }
    refused(&mut ledger, "side", executeCall { quote: Quote { side: 2, ..good.clone() }, ..call.clone() });
    let other = Quote { provider: second_provider().1, ..good.clone() };
    refused(&mut ledger, "provider", executeCall { quote: other, ..call.clone() });

    let with = |signature: Vec<u8>| executeCall { signature: signature.into(), ..call.clone() };
    let bytes = call.signature.to_vec();
    let order_of_curve =
        U256::from_str_radix("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16).unwrap();
    let s = U256::from_be_slice(&bytes[32..64]);
    let mirrored = [&bytes[..32], &(order_of_curve - s).to_be_bytes::<32>(), &[55 - bytes[64]]].concat();
    refused(&mut ledger, "mirrored", with(mirrored));
    refused(&mut ledger, "v of 0 or 1", with([&bytes[..64], &[bytes[64] - 27]].concat()));
    refused(&mut ledger, "short", with(bytes[..64].to_vec()));
    refused(&mut ledger, "long", with([&bytes[..], &[0]].concat()));
    refused(&mut ledger, "empty", with(Vec::new()));
    let secret = provider().0;
    let foreign = ledger.run(ANYONE, |x| {
        let env = CallEnv { chain_id: 1338, ..*x.env() };
        quote_digest(&mut Context::new(env, &mut MemoryStorage::default()), &good)
    });
    refused(&mut ledger, "another chain", with(packed(&secret, foreign.unwrap()).to_vec()));
    let elsewhere = ledger.run(ANYONE, |x| {
        let domain = typed_data::domain_separator(x, "Florin Exchange", CHANNEL_ADDRESS)?;
        typed_data::digest(x, domain, &[quote::QUOTE_TYPE.as_slice(), &good.abi_encode()].concat())
    });
    refused(&mut ledger, "another contract", with(packed(&secret, elsewhere.unwrap()).to_vec()));
    ledger.ok(TAKER, TO, call);
    sound(&mut ledger);
}

/// Nobody signs for the zero address: a quote in its name is never firm.
#[test]
fn the_zero_address_provides_nothing() {
    let mut ledger = set_up();
    ledger.ok(Address::ZERO, TO, registerProviderCall {});
    let quote = Quote { provider: Address::ZERO, ..quote(&ledger) };
    for signature in [Bytes::new(), Bytes::from(vec![0; 65])] {
        let call = executeCall { quote: quote.clone(), signature, order: order(ALL) };
        let error = QuoteSignatureInvalid { provider: Address::ZERO, signer: Address::ZERO };
        ledger.reverts(TAKER, TO, call, error);
    }
}
