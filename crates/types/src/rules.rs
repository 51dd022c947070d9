//! Protocol rules: named values chosen by height from the genesis file. Code reads these values, never a version number.

use crate::Height;
use serde::{Deserialize, Serialize};

/// Why a schedule of rules cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// A schedule must begin at the first block.
    #[error("the first step of the rules must stand at height 0, not {height}")]
    FirstHeight {
        /// Height of the first step.
        height: Height,
    },
    /// Steps must rise.
    #[error("the rules' step at height {height} does not come after the step at height {previous}")]
    Order {
        /// Height of the step.
        height: Height,
        /// Height of the step before it.
        previous: Height,
    },
    /// A value is outside of what the program can honour.
    #[error("rule {name} is {value} but must be {bounds}")]
    Value {
        /// Name of the rule.
        name: &'static str,
        /// Value as given.
        value: u64,
        /// What it must be.
        bounds: &'static str,
    },
}

/// Which of Ethereum's rule sets contracts run under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EvmSpec {
    /// Fusaka's execution rules, on Ethereum mainnet since 2025-12-03.
    Osaka,
}

/// How much gas one sender may use in one period, since gas may cost nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GasQuota {
    /// Gas that one sender may use in a period.
    pub gas_per_period: u64,
    /// Length of a period in milliseconds of block time; periods are aligned to multiples of it.
    pub period_ms: u64,
}

/// The rules in force at one height. Everything consensus depends on and that may ever change is a named value here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// Ethereum rule set.
    pub evm_spec: EvmSpec,
    /// Gas of one block, all lanes together.
    pub block_gas_max: u64,
    /// Part of `block_gas_max` that only payments may use, so that contract traffic cannot delay settlement.
    pub payment_lane_gas: u64,
    /// Most gas that a payment may ask for. A transfer that asks for more is contract traffic like any other, so that a
    /// few of them cannot reserve the lane with gas that they will not use.
    pub payment_gas_max: u64,
    /// Bytes of transactions in one block.
    pub block_bytes_max: u64,
    /// Transactions in one block.
    pub block_transactions_max: u64,
    /// Gas of one transaction. Ethereum's EIP-7825 gives 2^24.
    pub transaction_gas_max: u64,
    /// Price of gas in wei: every block's base fee. Zero on a consortium without a coin.
    pub base_fee_wei: u64,
    /// Gas that a sender may use in a period; absent where the price of gas stands guard alone.
    pub gas_quota: Option<GasQuota>,
    /// How far a block's time may lie after its parent's, in milliseconds. A permanent rule: it bounds how long a
    /// proposal may make validators wait for their clocks.
    pub block_time_step_ms_max: u64,
    /// Shortest time between two blocks in milliseconds, while there is work.
    pub block_interval_ms_min: u64,
    /// Longest time that a leader waits for work before it proposes an empty block, in milliseconds. It also sets how long
    /// a silent leader is waited for, so a longer one makes a dead validator cost more.
    pub heartbeat_ms: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            evm_spec: EvmSpec::Osaka,
            block_gas_max: 500_000_000,
            payment_lane_gas: 200_000_000,
            payment_gas_max: 500_000,
            block_bytes_max: 4 * 1024 * 1024,
            block_transactions_max: 10_000,
            transaction_gas_max: 1 << 24,
            base_fee_wei: 0,
            gas_quota: Some(GasQuota { gas_per_period: 5_000_000_000, period_ms: 60_000 }),
            block_time_step_ms_max: 3_600_000,
            block_interval_ms_min: 100,
            heartbeat_ms: 700,
        }
    }
}

impl Rules {
    /// Checks that the program can honour every value.
    pub fn validate(&self) -> Result<(), RulesError> {
        let wrong = |name, value, bounds| Err(RulesError::Value { name, value, bounds });
        if self.transaction_gas_max < 21_000 || self.transaction_gas_max > self.block_gas_max {
            return wrong("transaction_gas_max", self.transaction_gas_max, "between 21000 and block_gas_max");
        }
        if self.payment_lane_gas > self.block_gas_max {
            return wrong("payment_lane_gas", self.payment_lane_gas, "at most block_gas_max");
        }
        if self.block_gas_max.saturating_sub(self.payment_lane_gas) < self.transaction_gas_max {
            return wrong(
                "payment_lane_gas",
                self.payment_lane_gas,
                "small enough to leave room for one transaction of transaction_gas_max outside of the lane",
            );
        }
        if self.payment_gas_max < 100_000 || self.payment_gas_max > self.block_gas_max {
            return wrong("payment_gas_max", self.payment_gas_max, "between 100000 and block_gas_max");
        }
        if self.block_bytes_max < 256 * 1024 || self.block_bytes_max > 7 * 1024 * 1024 {
            return wrong("block_bytes_max", self.block_bytes_max, "between 256 KiB and 7 MiB");
        }
        if self.block_transactions_max == 0 || self.block_transactions_max > 50_000 {
            return wrong("block_transactions_max", self.block_transactions_max, "between 1 and 50000");
        }
        if self.heartbeat_ms < 100 || self.heartbeat_ms > 60_000 {
            return wrong("heartbeat_ms", self.heartbeat_ms, "between 100 and 60000");
        }
        if self.block_interval_ms_min > self.heartbeat_ms {
            return wrong("block_interval_ms_min", self.block_interval_ms_min, "at most heartbeat_ms");
        }
        if self.block_time_step_ms_max < self.heartbeat_ms.saturating_mul(4) {
            return wrong("block_time_step_ms_max", self.block_time_step_ms_max, "at least four heartbeats");
        }
        match self.gas_quota {
            Some(quota) if quota.period_ms == 0 => wrong("gas_quota.period_ms", 0, "above zero"),
            Some(quota) if quota.gas_per_period < self.transaction_gas_max => {
                wrong("gas_quota.gas_per_period", quota.gas_per_period, "at least transaction_gas_max")
            }
            _ => Ok(()),
        }
    }
}

/// One step of a schedule: rules in force from a height on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesStep {
    /// First block under these rules.
    pub height: Height,
    /// The rules.
    pub rules: Rules,
}

/// Rules by height: never empty, first step at 0, heights rising.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<RulesStep>", into = "Vec<RulesStep>")]
pub struct RulesSchedule(Vec<RulesStep>);

impl RulesSchedule {
    /// Checks and keeps a schedule.
    pub fn new(steps: Vec<RulesStep>) -> Result<Self, RulesError> {
        let first = steps.first().map_or(u64::MAX, |step| step.height);
        if first != 0 {
            return Err(RulesError::FirstHeight { height: first });
        }
        for pair in steps.windows(2) {
            if pair[1].height <= pair[0].height {
                return Err(RulesError::Order { height: pair[1].height, previous: pair[0].height });
            }
        }
        steps.iter().try_for_each(|step| step.rules.validate())?;
        Ok(Self(steps))
    }

    /// The same rules at every height.
    pub fn constant(rules: Rules) -> Result<Self, RulesError> {
        Self::new(vec![RulesStep { height: 0, rules }])
    }

    /// Rules in force for the block at `height`.
    pub fn at(&self, height: Height) -> &Rules {
        let after = self.0.partition_point(|step| step.height <= height);
        // The schedule begins at height 0, so at least one step stands at or below any height.
        &self.0[after.saturating_sub(1)].rules
    }

    /// All steps in order of height.
    pub fn steps(&self) -> &[RulesStep] {
        &self.0
    }
}

impl TryFrom<Vec<RulesStep>> for RulesSchedule {
    type Error = RulesError;

    fn try_from(steps: Vec<RulesStep>) -> Result<Self, RulesError> {
        Self::new(steps)
    }
}

impl From<RulesSchedule> for Vec<RulesStep> {
    fn from(schedule: RulesSchedule) -> Self {
        schedule.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(height: Height, base_fee_wei: u64) -> RulesStep {
        RulesStep { height, rules: Rules { base_fee_wei, ..Rules::default() } }
    }

    #[test]
    fn the_step_at_or_below_a_height_is_in_force() {
        let schedule = RulesSchedule::new(vec![step(0, 1), step(10, 2), step(11, 3)]).unwrap();
        for (height, base_fee_wei) in [(0, 1), (9, 1), (10, 2), (11, 3), (u64::MAX, 3)] {
            assert_eq!(schedule.at(height).base_fee_wei, base_fee_wei, "height {height}");
        }
    }

    #[test]
    fn broken_schedules_are_refused() {
        assert!(matches!(RulesSchedule::new(vec![]), Err(RulesError::FirstHeight { .. })));
        assert!(matches!(RulesSchedule::new(vec![step(1, 0)]), Err(RulesError::FirstHeight { height: 1 })));
        assert!(matches!(RulesSchedule::new(vec![step(0, 0), step(0, 0)]), Err(RulesError::Order { .. })));
        let rules = Rules { payment_lane_gas: u64::MAX, ..Rules::default() };
        assert!(matches!(RulesSchedule::constant(rules), Err(RulesError::Value { name: "payment_lane_gas", .. })));
        for payment_gas_max in [0, 99_999, 500_000_001] {
            let rules = Rules { payment_gas_max, ..Rules::default() };
            assert!(matches!(RulesSchedule::constant(rules), Err(RulesError::Value { name: "payment_gas_max", .. })));
        }
    }
}
