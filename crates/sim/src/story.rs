//! Runs drawn from a seed: who is there, who betrays, how good the links are, and what goes wrong when.
//!
//! A story is a row of acts. Each breaks something, and at its end everything works again: all machines run, all links are
//! whole. Then blocks must become final within a bound, or the run has failed ([`Fault::MustMove`]).

use crate::{Fault, LinkQuality, Scenario, Torn, Treason};
use florin_types::epoch_blocks_min;
use rand::{RngExt as _, SeedableRng as _, rngs::ChaCha8Rng, seq::SliceRandom as _};
use std::{collections::BTreeSet, ops::RangeInclusive, time::Duration};

/// How long votes that were sent before a fault may still come to something.
const IN_FLIGHT: Duration = Duration::from_secs(5);
/// Longest time that something stays broken, in seconds.
const BROKEN_S_MAX: u64 = 20;
/// Most that a clock which is said to be right differs from the true time, in milliseconds.
const CLOCK_MS_MAX: i64 = 150;
/// Most that a wrong clock differs, in milliseconds.
const WRONG_CLOCK_MS_MAX: i64 = 3_600_000;
/// Time in which who has lost its disk has the ledger again, knows that its votes are past, and votes.
pub(crate) const WAITS: Duration = Duration::from_secs(120);
/// Changes of its disk after which a process dies at the latest.
const CHANGES_MAX: u64 = 200;
/// How long leaders wait for work, in milliseconds: as in production, and longer, since blocks are what a simulated hour
/// costs. Payments come together once in two heartbeats.
const HEARTBEATS_MS: [u64; 8] = [700, 2_000, 5_000, 5_000, 20_000, 20_000, 20_000, 20_000];

/// Payments a minute. Transactions are the other thing that an hour costs.
const PAYMENTS_PER_MIN: [u64; 8] = [6, 6, 6, 12, 12, 30, 60, 120];
/// Payments a minute when everybody pays at once.
const RUSH_PER_MIN: RangeInclusive<u64> = 300..=1_500;

/// How long after everything works again the next block may become final: leaders whose view is over must be told from
/// those that are gone, and who was away asks for what it missed.
pub fn liveness(heartbeat_ms: u64) -> Duration {
    Duration::from_secs(20) + Duration::from_millis(heartbeat_ms) * 10
}

impl Scenario {
    /// A run of at least `duration` of which `seed` decides everything.
    pub fn drawn(seed: u64, duration: Duration) -> Self {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let validators = match dice.random_range(0..10) {
            0..6 => 4,
            6..9 => dice.random_range(5..=7),
            _ => 10,
        };
        let heartbeat_ms = HEARTBEATS_MS[dice.random_range(0..HEARTBEATS_MS.len())];
        let latency_ms = dice.random_range(1..=60);
        let links = LinkQuality {
            latency: Duration::from_millis(latency_ms),
            jitter: Duration::from_millis(dice.random_range(0..=latency_ms / 2)),
            lost_per_mille: if dice.random_bool(0.5) { 0 } else { dice.random_range(1..=30) },
        };
        let scenario = Self {
            seed,
            validators,
            followers: dice.random_range(0..=1),
            heartbeat_ms,
            every_module: true,
            payments_per_min: PAYMENTS_PER_MIN[dice.random_range(0..PAYMENTS_PER_MIN.len())],
            burst: Duration::from_millis(heartbeat_ms) * 2,
            links,
            disorder_per_mille: if dice.random_bool(0.5) { 0 } else { dice.random_range(1..=100) },
            torn: Torn { kept_percent: [0, 50, 90, 99][dice.random_range(0..4)], scattered: dice.random() },
            ..Self::default()
        };
        let mut story = Story {
            scenario,
            dice,
            now: Duration::ZERO,
            kept: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            all_vote_at: Duration::ZERO,
        };
        story.choose_epochs();
        story.choose_traitors();
        story.choose_joining();
        story.set_clocks();
        story.wait_ms(1_000..=5_000);
        while story.now < duration {
            story.act();
        }
        story.scenario.faults.sort_by_key(|(at, _)| *at);
        Self { duration: story.now, ..story.scenario }
    }

    /// Most validators that may be faulty while blocks still become final.
    fn faulty_max(&self) -> usize {
        self.validators.saturating_sub(1) / 3
    }
}

/// A story as it is drawn.
struct Story {
    scenario: Scenario,
    dice: ChaCha8Rng,
    /// When the next thing happens.
    now: Duration,
    /// Machines whose disk was copied.
    kept: BTreeSet<usize>,
    /// Validators that are not counted on any more: with an old disk, which perhaps nobody tells, or without a share until they are dealt
    /// a new one.
    doubtful: BTreeSet<usize>,
    /// When all others vote that have lost their disks.
    all_vote_at: Duration,
}

impl Story {
    fn then(&mut self, fault: Fault) {
        self.scenario.faults.push((self.now, fault));
    }

    fn wait_ms(&mut self, range: RangeInclusive<u64>) {
        self.now += Duration::from_millis(self.dice.random_range(range));
    }

    fn wait_broken(&mut self) {
        self.wait_ms(100..=BROKEN_S_MAX * 1_000);
    }

    /// Most honest validators that may be gone.
    fn spare(&self) -> usize {
        let gone = self.scenario.traitors.len() + self.doubtful.len();
        self.scenario.faulty_max().saturating_sub(gone)
    }

    fn choose_traitors(&mut self) {
        let most = self.scenario.faulty_max();
        let count = if self.dice.random_bool(0.5) { 0 } else { self.dice.random_range(1..=most) };
        for index in self.some((0..self.scenario.validators).collect(), count..=count) {
            let treason = match self.dice.random_range(0..5) {
                0 | 1 => self.equivocation(index),
                2 => Treason::Garbage,
                3 if self.dice.random() => Treason::Silent,
                3 => Treason::WrongState,
                _ => Treason::Censors,
            };
            self.scenario.traitors.insert(index, treason);
        }
    }

    /// A follower may come later, and copy the state.
    fn choose_joining(&mut self) {
        if self.scenario.followers > 0 && self.dice.random_bool(0.5) {
            let machine = self.scenario.validators;
            self.scenario.joining.insert(machine);
            self.wait_ms(10_000..=120_000);
            self.then(Fault::Join(machine));
            self.now = Duration::ZERO;
        }
    }

    /// In some networks the shares of the key are dealt anew, every now and then.
    fn choose_epochs(&mut self) {
        if self.dice.random_bool(0.25) {
            let least = epoch_blocks_min(self.scenario.validators as u64);
            self.scenario.epoch_blocks = Some(least * self.dice.random_range(1..=4));
        }
    }

    /// The two halves of a traitor talk to whom they like.
    fn equivocation(&mut self, traitor: usize) -> Treason {
        let (mut first, mut second) = (BTreeSet::new(), BTreeSet::new());
        for other in (0..self.scenario.validators + self.scenario.followers).filter(|other| *other != traitor) {
            match self.dice.random_range(0..3) {
                0 => drop(first.insert(other)),
                1 => drop(second.insert(other)),
                _ => {}
            }
        }
        Treason::Equivocates { first, second }
    }

    /// No clock is quite right.
    fn set_clocks(&mut self) {
        for machine in 0..self.scenario.validators + self.scenario.followers {
            let ahead_ms = self.dice.random_range(-CLOCK_MS_MAX..=CLOCK_MS_MAX);
            self.then(Fault::Clock(machine, ahead_ms));
        }
    }

    /// One act.
    fn act(&mut self) {
        match self.dice.random_range(0..10) {
            0 => self.kills(),
            1 => self.too_many_are_gone(),
            2 => self.split(),
            3 => self.bad_links(),
            4 => self.one_way_links(),
            5 => self.then(Fault::PowerLoss),
            6 => self.bad_disks(),
            7 => self.wrong_clocks(),
            8 => self.rush(),
            _ => self.wait_broken(),
        }
        self.then(Fault::WholeAgain);
        self.now += liveness(self.scenario.heartbeat_ms);
        self.then(Fault::MustMove);
    }

    /// No more machines than may be gone are killed, at any moment and again and again, and started soon or late. They may
    /// come back with an empty disk, or with an old one.
    fn kills(&mut self) {
        let spare = self.spare();
        let (doubtful, counted): (Vec<_>, Vec<_>) =
            self.honest_validators().into_iter().partition(|machine| self.doubtful.contains(machine));
        let mut victims = self.some(counted, 0..=spare);
        victims.extend(doubtful);
        victims.extend(self.scenario.validators..self.scenario.validators + self.scenario.followers);
        let (begin, mut end, mut faults) = (self.now, self.now, Vec::new());
        for machine in victims {
            self.now = begin;
            for _ in 0..self.dice.random_range(1..=3) {
                self.wait_broken();
                if self.dice.random_bool(0.5) {
                    faults.push((self.now, Fault::DieAt(machine, self.dice.random_range(1..=CHANGES_MAX))));
                    self.wait_ms(0..=5_000);
                }
                faults.push((self.now, Fault::Kill(machine)));
                faults.extend(self.another_disk(machine).map(|fault| (self.now, fault)));
                self.wait_ms(0..=8_000);
                let joins = self.scenario.joining.contains(&machine);
                faults.push((self.now, if joins { Fault::Join(machine) } else { Fault::Start(machine) }));
            }
            end = end.max(self.now);
        }
        // Of two faults at one moment, that which was drawn first comes first.
        faults.sort_by_key(|(at, _)| *at);
        self.scenario.faults.extend(faults);
        self.now = end;
    }

    /// What happens to the disk of a machine that does not run. Validators do not lose theirs while others that have may not vote yet.
    fn another_disk(&mut self, machine: usize) -> Option<Fault> {
        let votes = machine < self.scenario.validators;
        let may_lose = !votes || self.doubtful.contains(&machine) || self.all_vote_at <= self.now;
        match self.dice.random_range(0..10) {
            0..3 if may_lose => {
                match self.scenario.epoch_blocks {
                    _ if !votes => {}
                    Some(_) => drop(self.doubtful.insert(machine)),
                    None => self.all_vote_at = self.now + WAITS + liveness(self.scenario.heartbeat_ms),
                }
                Some(Fault::ReplaceDisk(machine))
            }
            3..5 => {
                self.kept.insert(machine);
                Some(Fault::KeepDisk(machine))
            }
            5..8 if may_lose && self.kept.remove(&machine) => {
                self.doubtful.extend(votes.then_some(machine));
                Some(Fault::OldDisk(machine))
            }
            _ => None,
        }
    }

    fn too_many_are_gone(&mut self) {
        let honest = self.honest_validators();
        let most = honest.len();
        let gone = self.some(honest, self.scenario.faulty_max() + 1..=most);
        let stop = gone.iter().map(|machine| Fault::Kill(*machine)).collect();
        let start = gone.iter().map(|machine| Fault::Start(*machine)).collect();
        self.standstill(stop, start);
    }

    /// Some machines are cut off. If neither side has a quorum, nothing may become final.
    fn split(&mut self) {
        let validators = self.scenario.validators;
        let side = self.some((0..validators).collect(), 1..=validators - 1);
        let quorum = validators - self.scenario.faulty_max();
        let goes_on = side.len() >= quorum || validators - side.len() >= quorum;
        let (cut, heal) = (Fault::Split(side), Fault::Links(self.scenario.links));
        if !goes_on {
            return self.standstill(vec![cut], vec![heal]);
        }
        self.then(cut);
        self.wait_broken();
        self.then(heal);
    }

    fn bad_quality(&mut self) -> LinkQuality {
        LinkQuality {
            latency: Duration::from_millis(self.dice.random_range(50..=400)),
            jitter: Duration::from_millis(self.dice.random_range(0..=50)),
            lost_per_mille: self.dice.random_range(0..=200),
        }
    }

    fn bad_links(&mut self) {
        let bad = self.bad_quality();
        self.then(Fault::Links(bad));
        self.wait_broken();
        self.then(Fault::Links(self.scenario.links));
    }

    /// Some hear others that do not hear them, or late and not always.
    fn one_way_links(&mut self) {
        let machines = self.scenario.validators + self.scenario.followers;
        for _ in 0..self.dice.random_range(1..=machines) {
            let from = self.dice.random_range(0..machines);
            let to = (from + self.dice.random_range(1..machines)) % machines;
            let quality = self.dice.random_bool(0.5).then(|| self.bad_quality());
            self.then(Fault::OneWay(from, to, quality));
        }
        self.wait_broken();
        self.then(Fault::Links(self.scenario.links));
    }

    /// Any number of disks is full, or fails now and then. Nodes end, and are started again once their disks work.
    fn bad_disks(&mut self) {
        let mut machines = self.honest_validators();
        machines.extend(self.scenario.validators..self.scenario.validators + self.scenario.followers);
        let most = machines.len();
        let victims = self.some(machines, 1..=most);
        let fails_each = if self.dice.random_bool(0.5) { 1 } else { self.dice.random_range(2..=300) };
        for machine in &victims {
            self.then(Fault::Disk(*machine, fails_each));
        }
        self.wait_broken();
        for machine in victims {
            self.then(Fault::Disk(machine, 0));
        }
    }

    /// Clocks of no more machines than may be gone are wrong by up to an hour. While somebody waits all are right: who waits by a clock that
    /// is ahead waits until that time has come.
    fn wrong_clocks(&mut self) {
        if self.now < self.all_vote_at || !self.doubtful.is_empty() {
            return self.wait_broken();
        }
        let spare = self.spare();
        let victims = self.some(self.honest_validators(), 0..=spare);
        for machine in &victims {
            let ahead_ms = self.dice.random_range(-WRONG_CLOCK_MS_MAX..=WRONG_CLOCK_MS_MAX);
            self.then(Fault::Clock(*machine, ahead_ms));
        }
        self.wait_broken();
        for machine in victims {
            self.then(Fault::Clock(machine, 0));
        }
    }

    /// Everybody pays at once, and meanwhile a machine that may be gone is killed, or none.
    fn rush(&mut self) {
        let victims = self.some(self.honest_validators(), 0..=self.spare().min(1));
        let per_min = self.dice.random_range(RUSH_PER_MIN);
        self.then(Fault::Payments(per_min));
        self.wait_broken();
        for machine in &victims {
            self.then(Fault::Kill(*machine));
        }
        self.wait_ms(100..=5_000);
        for machine in victims {
            self.then(Fault::Start(machine));
        }
        self.then(Fault::Payments(self.scenario.payments_per_min));
    }

    /// Too little is left: nothing may become final until it is mended.
    fn standstill(&mut self, broken_by: Vec<Fault>, mended_by: Vec<Fault>) {
        broken_by.into_iter().for_each(|fault| self.then(fault));
        self.now += IN_FLIGHT;
        self.then(Fault::StandstillBegins);
        self.wait_broken();
        self.then(Fault::StandstillEnds);
        mended_by.into_iter().for_each(|fault| self.then(fault));
    }

    fn honest_validators(&self) -> Vec<usize> {
        (0..self.scenario.validators).filter(|index| !self.scenario.traitors.contains_key(index)).collect()
    }

    /// So many of these, at random.
    fn some(&mut self, mut all: Vec<usize>, count: RangeInclusive<usize>) -> Vec<usize> {
        all.shuffle(&mut self.dice);
        all.truncate(self.dice.random_range(count));
        all
    }
}
