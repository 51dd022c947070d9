//! Allowances: how often a caller may call, and how often an address may fail to say who it is.
//!
//! **Limits.** Memory is bounded: beyond [`KNOWN_MAX`] the calls of those that are new are one caller's.

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock as _};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Calls of one caller in a second where nothing else is configured, and how many times as many at once.
pub const CALLS_PER_SECOND: NonZeroU32 = NonZeroU32::new(200).expect("it is above zero");
const AT_ONCE: NonZeroU32 = NonZeroU32::new(5).expect("it is above zero");
/// Failed attempts of one address in a minute, and at once.
const FAILURES_PER_MINUTE: NonZeroU32 = NonZeroU32::new(10).expect("it is above zero");
const FAILURES_AT_ONCE: NonZeroU32 = NonZeroU32::new(10).expect("it is above zero");
/// How long an address that failed too often is not listened to.
const SHUT_OUT: Duration = Duration::from_secs(60);
/// Callers and addresses that are remembered.
const KNOWN_MAX: usize = 16_384;

/// The allowances of everybody.
#[derive(Debug)]
pub(crate) struct Throttle {
    calls: DefaultKeyedRateLimiter<(String, String)>,
    failures: DefaultKeyedRateLimiter<IpAddr>,
    shut_out: Mutex<BTreeMap<IpAddr, Instant>>,
}

impl Throttle {
    /// With this allowance of each caller.
    pub(crate) fn new(calls_per_second: NonZeroU32) -> Self {
        let at_once = calls_per_second.saturating_mul(AT_ONCE);
        Self {
            calls: RateLimiter::keyed(Quota::per_second(calls_per_second).allow_burst(at_once)),
            failures: RateLimiter::keyed(Quota::per_minute(FAILURES_PER_MINUTE).allow_burst(FAILURES_AT_ONCE)),
            shut_out: Mutex::default(),
        }
    }

    /// Counts a call. Says how long to wait where there were too many.
    pub(crate) fn call(&self, tenant: &str, name: &str) -> Result<(), Duration> {
        if self.calls.len() >= KNOWN_MAX {
            self.calls.retain_recent();
        }
        let key = if self.calls.len() >= KNOWN_MAX { Default::default() } else { (tenant.into(), name.into()) };
        self.calls.check_key(&key).map_err(|later| later.wait_time_from(self.calls.clock().now()))
    }

    /// How much longer an address is not listened to.
    pub(crate) fn shut_out_for(&self, address: IpAddr) -> Option<Duration> {
        let shut_out = self.shut_out.lock().unwrap_or_else(PoisonError::into_inner);
        let until = shut_out.get(&network(address))?;
        until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// Counts a failure of an address. `true` where it is one too many: it is not listened to for a while.
    pub(crate) fn failure(&self, address: IpAddr) -> bool {
        let address = network(address);
        if self.failures.len() >= KNOWN_MAX {
            self.failures.retain_recent();
        }
        if self.failures.len() >= KNOWN_MAX || self.failures.check_key(&address).is_ok() {
            return false;
        }
        let now = Instant::now();
        let mut shut_out = self.shut_out.lock().unwrap_or_else(PoisonError::into_inner);
        shut_out.retain(|_, until| *until > now);
        if shut_out.len() < KNOWN_MAX {
            shut_out.insert(address, now + SHUT_OUT);
        }
        true
    }
}

/// Who is counted as one: an IPv4 address, or a network of 64 bits of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_has_its_allowance_and_takes_from_no_other() {
        let throttle = Throttle::new(CALLS_PER_SECOND);
        let refused = (0..=10 * CALLS_PER_SECOND.get()).find_map(|_| throttle.call("bank-a", "anna").err());
        assert!(refused.is_some_and(|wait| wait <= Duration::from_secs(1)), "{refused:?}");
        assert_eq!(throttle.call("bank-a", "bert"), Ok(()));
        assert_eq!(throttle.call("bank-b", "anna"), Ok(()), "the same name elsewhere is somebody else");
    }

    #[test]
    fn who_fails_too_often_is_not_listened_to_and_others_are() {
        let throttle = Throttle::new(CALLS_PER_SECOND);
        let (one, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for _ in 0..FAILURES_AT_ONCE.get() {
            assert!(!throttle.failure(one));
            assert_eq!(throttle.shut_out_for(one), None);
        }
        assert!(throttle.failure(one));
        assert!(throttle.shut_out_for(one).is_some_and(|left| left <= SHUT_OUT));
        assert_eq!(throttle.shut_out_for(other), None);
        assert!(throttle.shut_out_for("::ffff:192.0.2.1".parse().unwrap()).is_some(), "a mapped address is the same");
    }

    #[test]
    fn a_network_of_ipv6_is_one() {
        let throttle = Throttle::new(CALLS_PER_SECOND);
        for last in 0..=FAILURES_AT_ONCE.get() {
            throttle.failure(format!("2001:db8::{last:x}").parse().unwrap());
        }
        assert!(throttle.shut_out_for("2001:db8::ffff".parse().unwrap()).is_some());
        assert_eq!(throttle.shut_out_for("2001:db8:0:1::1".parse().unwrap()), None);
    }

    #[test]
    fn no_number_of_addresses_fills_the_memory() {
        let throttle = Throttle::new(CALLS_PER_SECOND);
        for number in 0..40_000u32 {
            let address = IpAddr::V4(number.into());
            throttle.failure(address);
            throttle.failure(address);
        }
        assert!(throttle.failures.len() <= KNOWN_MAX && throttle.shut_out.lock().unwrap().len() <= KNOWN_MAX);
    }
}
