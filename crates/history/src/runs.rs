//! What SQLite finds scattered keys by: sorted runs.
//!
//! **How.** A run is a part of a table of keys, `(run, key, place)`, in that order. New keys go into the newest run until
//! it is [`RUN_ENTRIES`] long; then another begins. When [`MERGED_RUNS`] of one level have come together, they are merged
//! into one of the next level, up to [`LEVEL_MAX`]. So keys are only ever inserted among few, or in their order, however
//! long the history is, and each is written three times. In one tree for all, every key of a block changes a page of its
//! own: at 500,000 payments that took two thirds of the time and grew on.
//!
//! **Order.** The number of a run is the height at which it begins and its level. Runs follow each other in the chain and do
//! not overlap: a search that wants the newest walks them from the last on and stops. One that wants the largest takes the
//! largest of each run.
//!
//! **Failures.** Runs are written in the transaction of their rows: neither is ever without the other.

use crate::{
    columns::{Fields, number},
    content::{self, Content, Written},
    database::{Failure, Statement, Value, Work},
    record::Place,
    schema::{INDEXES, Index},
};
use florin_types::Height;
use std::collections::BTreeMap;

/// Entries from which a run of level 0 is closed: a few hundred pages, which a batch of blocks shares. Tests have few, so
/// that they reach every level.
const RUN_ENTRIES: u64 = if cfg!(test) { 16 } else { 16_384 };
/// Runs of one level that become one of the next.
const MERGED_RUNS: usize = if cfg!(test) { 3 } else { 8 };
/// Highest level: a million entries, which are merged in some seconds.
const LEVEL_MAX: i64 = 2;
/// Entries that are merged for each that is appended; on average each is merged twice.
const MERGED_PER_APPENDED: u64 = 4;
/// Bits of a run's number that are its level.
const LEVEL_BITS: u32 = 2;
/// A run that is none: a search in no runs finds nothing.
const NO_RUN: i64 = -1;

/// A run of one index.
#[derive(Clone, Copy, Debug)]
struct Run {
    number: i64,
    level: i64,
    entries: u64,
    /// Sum of the digests of its entries, without its number: where runs are merged, their sums are added.
    content: Content,
}

impl Run {
    fn values(&self, index: &str) -> Vec<Value> {
        let content = content::to_sql(self.content);
        vec![
            Value::Text(index.into()),
            Value::Integer(self.number),
            Value::Integer(self.level),
            number(self.entries),
            content,
        ]
    }
}

/// Digests of runs of every index.
fn sum(runs: &BTreeMap<String, Vec<Run>>) -> Content {
    let all = runs.iter().flat_map(|(index, runs)| runs.iter().map(move |run| run.values(index)));
    all.map(|values| content::digest("runs", &values)).sum()
}

/// Makes the rows from a height on findable; gives by how much the content has changed. Only SQLite needs it.
pub(crate) async fn write(work: &mut Work, first: Height, written: &Written) -> Result<Content, Failure> {
    if !work.is_sqlite() {
        return Ok(Content::default());
    }
    let place = Place::new(first, 0).ok_or_else(|| Failure::Damaged(format!("height {first} has no place")))?;
    let (mut runs, mut appended) = (read(work).await?, 0u64);
    let before = sum(&runs);
    for index in INDEXES.iter().filter(|index| index.scattered) {
        let name = index.full_name();
        let content = written.entries.get(&name).copied().unwrap_or_default();
        let entries = append(work, index, (place, content), runs.entry(name).or_default()).await?;
        appended = appended.saturating_add(entries);
    }
    merge_due(work, &mut runs, appended).await?;
    Ok(sum(&runs) - before)
}

/// Reads every entry of every run, and gives the digests of the runs.
pub(crate) async fn check(work: &mut Work) -> Result<Content, Failure> {
    let runs = read(work).await?;
    for (name, runs) in &runs {
        let unknown = || Failure::Damaged(format!("runs of {name}, which is no index"));
        let index = INDEXES.iter().find(|index| index.scattered && index.full_name() == *name).ok_or_else(unknown)?;
        for run in runs {
            check_run(work, index, run).await?;
        }
    }
    Ok(sum(&runs))
}

async fn check_run(work: &mut Work, index: &Index, run: &Run) -> Result<(), Failure> {
    let name = index.full_name();
    let sql = format!("SELECT {}, place FROM {name} WHERE run = $1", index.columns());
    let (mut entries, mut content) = (0u64, Content::default());
    work.each(Statement { sql, values: vec![Value::Integer(run.number)] }, |entry| {
        entries = entries.saturating_add(1);
        content += content::digest(&name, &entry);
        Ok(())
    })
    .await?;
    match (entries, content) == (run.entries, run.content) {
        true => Ok(()),
        false => Err(Failure::Damaged(format!("run {} of {name}", run.number))),
    }
}

/// Runs of every index, in the order of the chain.
async fn read(work: &mut Work) -> Result<BTreeMap<String, Vec<Run>>, Failure> {
    let mut runs: BTreeMap<String, Vec<Run>> = BTreeMap::new();
    let all = Statement::new("SELECT name, run, level, entries, content FROM runs ORDER BY name, run");
    for row in work.fetch(all).await? {
        let mut row = Fields::new("runs", row);
        let name = row.text()?;
        let (number, level, entries) = (row.integer()?, row.integer()?, row.number()?);
        let run = Run { number, level, entries, content: content::from_sql(&mut row)? };
        runs.entry(name).or_default().push(run);
    }
    Ok(runs)
}

/// Writes the keys of the rows from a place on into the newest run, or into a new one; gives how many these are. `content` is the sum
/// of their digests.
async fn append(
    work: &mut Work,
    index: &Index,
    (from, content): (Place, Content),
    runs: &mut Vec<Run>,
) -> Result<u64, Failure> {
    let open = runs.last().filter(|run| run.level == 0 && run.entries < RUN_ENTRIES).copied();
    let first = i64::try_from(from.height()).unwrap_or(i64::MAX);
    let begun =
        Run { number: first.saturating_mul(1 << LEVEL_BITS), level: 0, entries: 0, content: Content::default() };
    let mut run = open.unwrap_or(begun);
    let values = vec![Value::Integer(run.number), Value::Integer(from.as_sql())];
    let entries = work.execute(Statement { sql: index.insert_run(), values }).await?;
    if entries == 0 {
        return Ok(0);
    }
    run.entries = run.entries.saturating_add(entries);
    run.content += content;
    put(work, index, run).await?;
    if open.is_some() {
        runs.pop();
    }
    runs.push(run);
    Ok(entries)
}

/// Writes a run, over what it was.
async fn put(work: &mut Work, index: &Index, run: Run) -> Result<(), Failure> {
    let sql = "INSERT OR REPLACE INTO runs (name, run, level, entries, content) VALUES ($1, $2, $3, $4, $5)";
    work.execute(Statement { sql: sql.into(), values: run.values(&index.full_name()) }).await.map(|_| ())
}

/// Merges runs where it is time, where there are most of them first. What is merged at once is bounded by what was
/// appended, so that no append waits for all indexes; it is more than ever comes due in the long run.
async fn merge_due(work: &mut Work, runs: &mut BTreeMap<String, Vec<Run>>, appended: u64) -> Result<(), Failure> {
    let mut left = appended.saturating_mul(MERGED_PER_APPENDED);
    loop {
        let due = INDEXES.iter().filter(|index| index.scattered).filter_map(|index| {
            let runs = runs.get(&index.full_name())?;
            due(runs).map(|merged| (index, runs.len(), merged))
        });
        let Some((index, _, merged)) = due.max_by_key(|(_, count, _)| *count) else { return Ok(()) };
        let Some(run) = merge(work, index, &merged).await? else { return Ok(()) };
        if let Some(runs) = runs.get_mut(&index.full_name()) {
            runs.retain(|old| merged.iter().all(|merged| merged.number != old.number));
            runs.push(run);
            runs.sort_unstable_by_key(|run| run.number);
        }
        left = left.saturating_sub(run.entries);
        if left == 0 {
            return Ok(());
        }
    }
}

/// The oldest closed runs of one level, if there are enough of them; of the highest level that has.
fn due(runs: &[Run]) -> Option<Vec<Run>> {
    (0..LEVEL_MAX).rev().find_map(|level| {
        let closed = runs.iter().filter(|run| run.level == level && run.entries >= RUN_ENTRIES);
        let oldest: Vec<Run> = closed.take(MERGED_RUNS).copied().collect();
        (oldest.len() == MERGED_RUNS).then_some(oldest)
    })
}

/// Writes runs that follow each other as one, and gives that.
async fn merge(work: &mut Work, index: &Index, merged: &[Run]) -> Result<Option<Run>, Failure> {
    let (Some(first), Some(last)) = (merged.first(), merged.last()) else { return Ok(None) };
    let run = Run {
        // The same height, one level higher.
        number: first.number.saturating_add(1),
        level: first.level.saturating_add(1),
        entries: merged.iter().map(|run| run.entries).fold(0, u64::saturating_add),
        content: merged.iter().map(|run| run.content).sum(),
    };
    let (name, columns) = (index.full_name(), index.columns());
    let [to, from, until] = [run.number, first.number, last.number].map(Value::Integer);
    let copy = format!(
        "INSERT INTO {name} (run, {columns}, place) SELECT $1, {columns}, place FROM {name} \
         WHERE run >= $2 AND run <= $3 AND run <> $1 ORDER BY {columns}, place"
    );
    work.execute(Statement { sql: copy, values: vec![to.clone(), from.clone(), until.clone()] }).await?;
    let old = "WHERE run >= $2 AND run <= $3 AND run <> $1";
    let values = vec![to, from, until];
    work.execute(Statement { sql: format!("DELETE FROM {name} {old}"), values: values.clone() }).await?;
    let sql = format!("DELETE FROM runs {old} AND name = '{name}'");
    work.execute(Statement { sql, values }).await?;
    put(work, index, run).await?;
    Ok(Some(run))
}

/// Numbers of an index's runs, for a search that looks into each.
pub(crate) async fn numbers(work: &mut Work, index: &Index) -> Result<Vec<i64>, Failure> {
    let mut statement = Statement::new("SELECT run FROM runs WHERE name = ");
    statement.bind(Value::Text(index.full_name())).push(" ORDER BY run");
    let found = work.fetch(statement).await?.into_iter();
    let numbers = found.map(|row| Fields::new("runs", row).integer()).collect::<Result<Vec<_>, _>>()?;
    Ok(if numbers.is_empty() { vec![NO_RUN] } else { numbers })
}
