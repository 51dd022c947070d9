//! Clients one by one; floods over real sockets are in `crate::tests::defence`.

use super::*;
use std::{cell::Cell, sync::LazyLock};

thread_local! {
    /// What has passed since the test began, by its own clock.
    static PASSED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

fn clock() -> Instant {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    *BEGIN + PASSED.get()
}

/// Time stands still between calls of this.
fn pass(time: Duration) {
    PASSED.set(PASSED.get() + time);
}

fn limits() -> ClientLimits {
    ClientLimits {
        connections_max: 2,
        arrivals_per_second_max: 1_000,
        requests_per_second_max: 10,
        bytes_per_second_max: 1_000,
        signatures_per_second_max: 1,
        ban_time: Duration::from_secs(60),
        trusted: Vec::new(),
    }
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn each_client_has_allowances_of_its_own_and_trusted_ones_need_none() {
    let trusted = vec!["10.0.0.0/8".parse().unwrap()];
    let clients = Clients::with_clock(ClientLimits { trusted, ..limits() }, clock);
    let one = clients.arrive(address("192.0.2.1")).unwrap();
    one.take_requests(105).unwrap();
    let refusal = one.take_requests(1).unwrap_err();
    assert_eq!((refusal.limit, refusal.retry_after), (Limit::Requests, Duration::from_millis(501)));
    pass(Duration::from_millis(501));
    one.take_requests(1).unwrap();
    clients.arrive(address("192.0.2.2")).unwrap().take_requests(1).unwrap();
    for _ in 0..100 {
        let trusted = clients.arrive(address("10.9.9.9")).unwrap();
        trusted.take_requests(1_000).unwrap();
        trusted.take_signature().unwrap();
        trusted.count_bytes(usize::MAX);
        trusted.accuse("wrong_signature", "none");
    }
    assert_eq!(clients.bans(), []);
}

#[test]
fn connections_are_counted_until_they_end() {
    let clients = Clients::with_clock(limits(), clock);
    let first = clients.arrive(address("192.0.2.1")).unwrap();
    let second = clients.arrive(address("192.0.2.1")).unwrap();
    assert_eq!(clients.arrive(address("192.0.2.1")).unwrap_err().limit, Limit::Connections);
    clients.arrive(address("192.0.2.2")).unwrap();
    let clone = first.clone();
    drop(first);
    assert!(clients.arrive(address("192.0.2.1")).is_err(), "a clone is the same connection");
    drop((clone, second));
    clients.arrive(address("192.0.2.1")).unwrap();
    assert_eq!(clients.refused().find(|(limit, _)| *limit == "connections"), Some(("connections", 2)));
}

#[test]
fn every_connection_takes_from_an_allowance_however_short_it_is() {
    let trusted = vec!["10.0.0.0/8".parse().unwrap()];
    let limits = ClientLimits { arrivals_per_second_max: 2, trusted, ..limits() };
    let clients = Clients::with_clock(limits, clock);
    let arrived = (0..100).take_while(|_| clients.arrive(address("192.0.2.1")).is_ok()).count();
    assert_eq!(arrived, 20, "twenty at once");
    let refusal = clients.arrive(address("192.0.2.1")).unwrap_err();
    assert_eq!((refusal.limit, refusal.retry_after), (Limit::Arrivals, Duration::from_millis(1)));
    clients.arrive(address("192.0.2.2")).unwrap();
    (0..100).for_each(|_| drop(clients.arrive(address("10.0.0.1")).unwrap()));
    pass(Duration::from_millis(1));
    let _open = clients.arrive(address("192.0.2.1")).unwrap();
    pass(Duration::from_secs(5));
    let _other = clients.arrive(address("192.0.2.1")).unwrap();
    assert_eq!(clients.arrive(address("192.0.2.1")).unwrap_err().limit, Limit::Connections);
    let refused =
        (0..1_000).take_while(|_| clients.bans().is_empty()).filter(|_| clients.arrive(address("192.0.2.1")).is_err());
    assert!((190..=200).contains(&refused.count()), "who only comes and goes is banned as others are");
}

#[test]
fn a_batch_is_taken_from_all_its_allowances_or_from_none() {
    let clients = Clients::with_clock(limits(), clock);
    let caller = clients.arrive(address("192.0.2.1")).unwrap();
    caller.take_batch(1, 500).unwrap();
    let refusals: Vec<_> = (0..150).map(|_| caller.take_batch(90, 500).unwrap_err().limit).collect();
    assert!(refusals.iter().all(|limit| *limit == Limit::Signatures) && !caller.is_banned(), "each counts once");
    caller.take_batch(1, 0).unwrap();
    caller.take_requests(97).unwrap();
    assert!(caller.check().is_ok(), "what was refused has cost nothing");
    let of_batch = caller.with_signature_taken();
    of_batch.take_signature().unwrap();
    (0..491).for_each(|_| of_batch.spare_signature());
    (0..491).for_each(|_| caller.spare_signature());
    caller.take_signature().unwrap();
    assert_eq!(caller.take_signature().unwrap_err().limit, Limit::Signatures, "only what was taken comes back");
}

#[test]
fn a_message_that_asks_for_nothing_counts_as_a_request() {
    let clients = Clients::with_clock(limits(), clock);
    let caller = clients.arrive(address("192.0.2.1")).unwrap();
    for _ in 0..99 {
        caller.begin_message();
        caller.take_requests(1).unwrap();
        caller.end_message();
    }
    caller.begin_message();
    caller.check().unwrap();
    caller.end_message();
    assert_eq!(caller.check().unwrap_err().limit, Limit::Requests);
}

#[test]
fn frames_that_are_no_messages_count_as_requests_and_end_in_a_refusal() {
    let clients = Clients::with_clock(limits(), clock);
    let caller = clients.arrive(address("192.0.2.1")).unwrap();
    caller.take_requests(150).unwrap();
    caller.count_frames(1).expect("who has to wait may still say that it lives");
    assert_eq!(caller.check().unwrap_err().limit, Limit::Requests);
    caller.count_frames(140).unwrap();
    assert_eq!(caller.count_frames(20).unwrap_err().limit, Limit::Requests);
    pass(Duration::from_secs(30));
    caller.count_frames(1).unwrap();
}

#[test]
fn a_network_of_ipv6_addresses_is_one_client_and_a_mapped_address_is_its_ipv4_one() {
    let clients = Clients::with_clock(limits(), clock);
    let _first = clients.arrive(address("2001:db8:1:2::1")).unwrap();
    let _second = clients.arrive(address("2001:db8:1:2:ffff::2")).unwrap();
    assert!(clients.arrive(address("2001:db8:1:2:3::3")).is_err());
    let _other = clients.arrive(address("2001:db8:1:3::1")).unwrap();
    let _third = clients.arrive(address("192.0.2.1")).unwrap();
    let _fourth = clients.arrive(address("::ffff:192.0.2.1")).unwrap();
    assert!(clients.arrive(address("192.0.2.1")).is_err());
}

#[test]
fn bytes_and_signatures_are_bounded_apart() {
    let clients = Clients::with_clock(limits(), clock);
    let caller = clients.arrive(address("192.0.2.1")).unwrap();
    let taken = (0..20).take_while(|_| caller.take_signature().is_ok()).count();
    assert_eq!(taken, 10, "ten at once");
    assert_eq!(caller.take_signature().unwrap_err().limit, Limit::Signatures);
    caller.take_requests(1).unwrap();
    caller.count_bytes(20_000);
    let refusal = caller.check().unwrap_err();
    let wait = Duration::from_millis(10_001);
    assert_eq!(
        (refusal.limit, refusal.retry_after),
        (Limit::Bytes, wait),
        "20,000 used, 10,000 allowed, 1,000 a second"
    );
    pass(wait);
    caller.check().unwrap();
    caller.take_signature().unwrap();
}

#[test]
fn who_goes_on_after_refusals_is_banned_with_reason_and_end() {
    let clients = Clients::with_clock(limits(), clock);
    let caller = clients.arrive(address("192.0.2.1")).unwrap();
    caller.take_requests(100_000).unwrap();
    let refused = (0..1_000).take_while(|_| caller.take_requests(1).unwrap_err().limit == Limit::Requests).count();
    assert_eq!(refused, 200, "ten seconds of patience at 20 a second");
    assert!(caller.is_banned());
    let refusal = clients.arrive(address("192.0.2.1")).unwrap_err();
    assert!(refusal.limit == Limit::Banned && refusal.message.contains("requests"), "{refusal:?}");
    assert_eq!(refusal.retry_after, Duration::from_secs(60));
    let now_ms = milliseconds(SystemTime::now(), Duration::ZERO);
    let bans = clients.bans();
    assert_eq!(
        bans.iter().map(|ban| (ban.client.as_str(), ban.reason)).collect::<Vec<_>>(),
        [("192.0.2.1", "requests")]
    );
    let after_ms = milliseconds(SystemTime::now(), Duration::ZERO);
    assert!((now_ms + 60_000..=after_ms + 60_000).contains(&bans[0].until_ms), "{bans:?}, {now_ms} to {after_ms}");
    clients.arrive(address("192.0.2.2")).unwrap();
}

#[test]
fn what_no_honest_client_sends_is_forgiven_a_few_times_only() {
    let clients = Clients::with_clock(limits(), clock);
    let caller = clients.arrive(address("192.0.2.1")).unwrap();
    let accused = (1..100).find(|_| {
        caller.accuse("wrong_signature", "transactions with wrong signatures");
        caller.is_banned()
    });
    assert_eq!(accused, Some(20), "two hundred at ten each");
    let lenient = Clients::with_clock(ClientLimits { ban_time: Duration::ZERO, ..limits() }, clock);
    let caller = lenient.arrive(address("192.0.2.1")).unwrap();
    (0..100).for_each(|_| caller.accuse("wrong_signature", "transactions with wrong signatures"));
    assert!(!caller.is_banned() && lenient.bans().is_empty(), "zero is no ban");
}

#[test]
fn a_ban_ends() {
    let clients = Clients::with_clock(ClientLimits { ban_time: Duration::from_secs(60), ..limits() }, clock);
    let caller = clients.arrive(address("192.0.2.1")).unwrap();
    (0..30).for_each(|_| caller.accuse("malformed_http", "requests that are no HTTP"));
    assert!(clients.arrive(address("192.0.2.1")).is_err());
    pass(Duration::from_millis(59_999));
    assert!(caller.is_banned());
    pass(Duration::from_millis(1));
    assert!(!caller.is_banned());
    clients.arrive(address("192.0.2.1")).unwrap();
    assert_eq!(clients.bans(), []);
}

#[test]
fn no_number_of_addresses_fills_the_memory() {
    let clients = Clients::with_clock(limits(), clock);
    let connected = clients.arrive(address("192.0.2.1")).unwrap();
    connected.take_requests(100_000).unwrap();
    for number in 0..(CLIENTS_MAX as u32 + 100) {
        // Each has used something, so that none is at rest.
        clients
            .arrive(IpAddr::from(0x0a00_0000u32.wrapping_add(number).to_be_bytes()))
            .unwrap()
            .take_requests(100)
            .unwrap();
    }
    assert!(clients.known.lock().len() <= CLIENTS_MAX);
    assert!(clients.arrive(address("192.0.2.1")).unwrap().take_requests(1).is_err(), "who is connected is remembered");
}

#[test]
fn methods_that_take_processor_time_weigh_more() {
    assert_eq!(
        [weight("eth_call"), weight("debug_traceBlockByNumber"), weight("eth_getLogs"), weight("x")],
        [20, 20, 5, 1]
    );
    // No name here is one that the table does not have.
    let heavy = crate::methods::METHODS.iter().filter(|method| weight(method.name) > 1).count();
    assert_eq!(heavy, 16, "a heavy method was added or renamed: see to its weight");
}
