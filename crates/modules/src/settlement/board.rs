//! The solver's board over storage: what a run has in its set is what is queued less what the run dropped, and only what is
//! dropped is read. Each slot is read once and written once a call.

use alloy_primitives::{B256, U256};
use std::collections::BTreeMap;

use super::{
    book::{Book, Seat, net_outflow},
    codes::{self, PRIORITIES},
    lanes,
    layout::{Flows, Lanes, Marks, Pair, PairLimit, RunSums, SetFlows},
    solver::{Board, Worklist, signed},
};
use crate::{
    context::{Context, Failure},
    slots::{Mapping, Slot},
};

const WORDS: u8 = 4;

/// Reads a list of seats, a bit each.
pub(super) fn read_list(context: &mut Context<'_>, words: &Mapping<u8, Slot<U256>>) -> Result<Worklist, Failure> {
    let mut limbs = [0u64; 16];
    for (word, part) in (0..WORDS).zip(limbs.chunks_exact_mut(4)) {
        part.copy_from_slice(words.at(context, &word)?.read(context)?.as_limbs());
    }
    Ok(Worklist::from_words(limbs))
}

/// Writes a list of seats.
pub(super) fn write_list(
    context: &mut Context<'_>,
    words: &Mapping<u8, Slot<U256>>,
    list: &Worklist,
) -> Result<(), Failure> {
    for (word, part) in (0..WORDS).zip(list.words().chunks_exact(4)) {
        let limbs = [part[0], part[1], part[2], part[3]];
        words.at(context, &word)?.write(context, U256::from_limbs(limbs))?;
    }
    Ok(())
}

/// What a run's set has of a participant; nothing where the run found nothing queued.
pub(super) fn set_of(context: &mut Context<'_>, seat: &Seat, run: u32) -> Result<Flows, Failure> {
    let SetFlows { outward, inward, run: of_run } = seat.place.set.read(context)?;
    Ok(if of_run == run { Flows { outward, inward } } else { Flows::default() })
}

/// Notes what a run's set has of a participant.
pub(super) fn write_set(context: &mut Context<'_>, seat: &Seat, run: u32, set: Flows) -> Result<(), Failure> {
    let Flows { outward, inward } = set;
    seat.place.set.write(context, SetFlows { outward, inward, run })
}

/// Where a participant's set ends. Marks of another run are void: then the set goes to the end of every lane.
pub(super) fn marks_of(context: &mut Context<'_>, seat: &Seat, run: u32) -> Result<Marks, Failure> {
    let marks = seat.place.marks.read(context)?;
    if marks.run == run {
        return Ok(marks);
    }
    let mut marks = Marks { run, ..Marks::default() };
    let lanes = seat.place.lanes.read(context)?;
    (0..PRIORITIES).for_each(|lane| marks.set_tail(lane, lanes.bounds(lane).1));
    Ok(marks)
}

/// Sums less a part of them.
pub(super) fn less(all: Flows, part: Flows) -> Flows {
    Flows { outward: all.outward.saturating_sub(part.outward), inward: all.inward.saturating_sub(part.inward) }
}

struct LoadedPair {
    other: u32,
    place: Pair,
    record: PairLimit,
    room: Option<i128>,
    queued: Flows,
    dropped: Flows,
    changed: bool,
}

struct Loaded {
    seat: Seat,
    set: Flows,
    marks: Marks,
    lanes: Lanes,
    pairs: Vec<LoadedPair>,
    capacity: Option<i128>,
    changed: bool,
}

/// The board of one call.
pub(super) struct RunBoard<'b, 'c> {
    pub(super) context: &'b mut Context<'c>,
    book: &'b Book,
    run: u32,
    barred: &'b Worklist,
    banks: BTreeMap<usize, Loaded>,
    pub(super) sums: RunSums,
    pub(super) proof: B256,
}

impl<'b, 'c> RunBoard<'b, 'c> {
    pub(super) fn new(
        context: &'b mut Context<'c>,
        book: &'b Book,
        run: u32,
        barred: &'b Worklist,
        (sums, proof): (RunSums, B256),
    ) -> Self {
        Self { context, book, run, barred, banks: BTreeMap::new(), sums, proof }
    }

    fn bank(&mut self, bank: usize) -> Result<&mut Loaded, Failure> {
        if !self.banks.contains_key(&bank) {
            let loaded = self.load(bank)?;
            self.banks.insert(bank, loaded);
        }
        self.banks.get_mut(&bank).ok_or_else(|| self.book.fault("a participant was not loaded"))
    }

    fn load(&mut self, bank: usize) -> Result<Loaded, Failure> {
        let index = u32::try_from(bank).map_err(|_| self.book.fault("a seat has more than 32 bits"))?;
        let seat = self.book.seat(self.context, index)?;
        let set = set_of(self.context, &seat, self.run)?;
        let marks = marks_of(self.context, &seat, self.run)?;
        let lanes = seat.place.lanes.read(self.context)?;
        let mut pairs = Vec::new();
        for other in self.book.counterparties(self.context, &seat)? {
            if let Some(place) = self.book.pair(self.context, &seat, other)? {
                pairs.push(self.load_pair(other, place)?);
            }
        }
        Ok(Loaded { seat, set, marks, lanes, pairs, capacity: None, changed: false })
    }

    fn load_pair(&mut self, other: u32, place: Pair) -> Result<LoadedPair, Failure> {
        let record = place.limit.read(self.context)?;
        let net = net_outflow(self.book.today(place.flowed.read(self.context)?));
        let room = codes::stored_limit(record.limit).map(|limit| signed(limit).saturating_sub(net));
        let queued = place.queued.read(self.context)?;
        let dropped = if record.run == self.run { place.dropped.read(self.context)? } else { Flows::default() };
        Ok(LoadedPair { other, place, record, room, queued, dropped, changed: false })
    }

    /// Whether an instruction at this place is in the set.
    pub(super) fn has_place(&mut self, bank: usize, lane: u8, position: u32) -> Result<bool, Failure> {
        Ok(position < self.bank(bank)?.marks.tail(lane))
    }

    /// Where the last place of the set is.
    fn last_place(loaded: &Loaded) -> Option<(u8, u32)> {
        (0..PRIORITIES).rev().find_map(|lane| {
            let (head, tail) = (loaded.lanes.bounds(lane).0, loaded.marks.tail(lane));
            tail.checked_sub(1).filter(|last| *last >= head).map(|last| (lane, last))
        })
    }

    /// Writes back what changed.
    pub(super) fn flush(self) -> Result<(RunSums, B256), Failure> {
        for loaded in self.banks.values() {
            if loaded.changed {
                loaded.seat.place.marks.write(self.context, loaded.marks)?;
                write_set(self.context, &loaded.seat, self.run, loaded.set)?;
            }
            for pair in loaded.pairs.iter().filter(|pair| pair.changed) {
                pair.place.limit.write(self.context, PairLimit { run: self.run, ..pair.record })?;
                pair.place.dropped.write(self.context, pair.dropped)?;
            }
        }
        Ok((self.sums, self.proof))
    }
}

impl Board for RunBoard<'_, '_> {
    type Error = Failure;

    fn is_short(&mut self, bank: usize) -> Result<bool, Failure> {
        let barred = self.barred.contains(bank);
        let loaded = self.bank(bank)?;
        let set = loaded.set;
        if set.outward == 0 {
            return Ok(false);
        }
        let beyond = |pair: &LoadedPair| {
            let set = less(pair.queued, pair.dropped);
            set.outward > 0
                && pair.room.is_some_and(|room| signed(set.outward).saturating_sub(signed(set.inward)) > room)
        };
        if barred || loaded.pairs.iter().any(beyond) {
            return Ok(true);
        }
        let (seat, known) = (loaded.seat, loaded.capacity);
        let capacity = match known {
            Some(capacity) => capacity,
            None => self.book.capacity(self.context, &seat)?,
        };
        self.bank(bank)?.capacity = Some(capacity);
        Ok(signed(set.outward).saturating_sub(signed(set.inward)) > capacity)
    }

    fn drop_last(&mut self, bank: usize) -> Result<Option<usize>, Failure> {
        let opened = self.book.day.opened_ms;
        let loaded = self.bank(bank)?;
        let Some((lane, position)) = Self::last_place(loaded) else {
            return Err(self.book.fault("a participant has a set but no place in it"));
        };
        loaded.marks.set_tail(lane, position);
        loaded.changed = true;
        let index = loaded.seat.index;
        let id = lanes::id_at(self.context, self.book, index, lane, position)?;
        if id == 0 {
            return Ok(None);
        }
        let instruction = lanes::standing(self.context, self.book, id)?;
        let (amount, other) = (instruction.amount, instruction.creditor);
        let loaded = self.bank(bank)?;
        loaded.marks.count_drop(lane);
        let since = instruction.submitted_ms.saturating_sub(opened);
        loaded.marks.since_open_ms = loaded.marks.since_open_ms.saturating_add(since);
        loaded.note_drop(other, amount, 0);
        let creditor = usize::try_from(other).map_err(|_| self.book.fault("a seat is no index"))?;
        self.bank(creditor)?.note_drop(index, 0, amount);
        self.sums.value = self.sums.value.saturating_sub(amount);
        self.sums.count = self.sums.count.saturating_sub(1);
        self.sums.dropped = self.sums.dropped.saturating_add(1);
        self.proof = chain(self.context, self.proof, &[id.into()])?;
        Ok(Some(creditor))
    }
}

impl Loaded {
    fn note_drop(&mut self, other: u32, outward: u128, inward: u128) {
        self.set = less(self.set, Flows { outward, inward });
        self.changed = true;
        if let Some(pair) = self.pairs.iter_mut().find(|pair| pair.other == other) {
            pair.dropped.outward = pair.dropped.outward.saturating_add(outward);
            pair.dropped.inward = pair.dropped.inward.saturating_add(inward);
            pair.changed = true;
        }
    }
}

/// The next link of a proof: keccak256 over the proof so far and the values, 16 bytes each.
pub(super) fn chain(context: &mut Context<'_>, proof: B256, values: &[u128]) -> Result<B256, Failure> {
    let mut bytes = proof.to_vec();
    values.iter().for_each(|value| bytes.extend_from_slice(&value.to_be_bytes()));
    context.keccak(&bytes)
}
