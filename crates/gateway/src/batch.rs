//! Many payments as lines, and the message that they become: one pain.001. From there on it is a message as any other. Pure.
//!
//! **Shape.** CSV (RFC 4180): the first line names the columns of [`COLUMNS`], in any order; each other line is a payment. Fields are divided
//! by the comma, semicolon or tab that the first line has most of, because spreadsheets write what their country writes. An empty field
//! is as if its column were not there.
//!
//! **Failures.** One line that is wrong by itself, and nothing is ordered: a file is mended and sent whole.

use crate::{
    book::Book,
    identity::{Uetr, message_id},
    request::{Creditor, Initiation, PaymentRequest, Transfer, Wrong, initiation, of_message},
};
use csv::{ReaderBuilder, StringRecord, Trim};
use florin_iso20022::{Problem, Scope};
use std::collections::BTreeSet;

/// Most payments of a file.
pub(crate) const PAYMENTS_MAX: usize = 20_000;
/// Most bytes of a line: room for every field at its longest, and nothing like a file without ends of lines.
const LINE_BYTES_MAX: usize = 4_096;
/// Most things that are wrong that are told of one file.
pub(crate) const WRONG_MAX: usize = 100;
/// What a line says, by the names of the JSON's fields.
const COLUMNS: [&str; 11] = [
    "payer",
    "creditor_name",
    "creditor_number",
    "creditor_bic",
    "amount",
    "currency",
    "end_to_end_id",
    "uetr",
    "remittance",
    "purpose",
    "due",
];
/// Without these no line is a payment.
const NEEDED: [&str; 4] = ["payer", "creditor_name", "amount", "currency"];

/// A payment and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Of the file, from 1.
    pub(crate) number: u64,
    pub(crate) payment: PaymentRequest,
}

/// Reads the lines of a file, or says everything that is wrong with them.
pub(crate) fn read(content: &[u8]) -> Result<Vec<Line>, Vec<Wrong>> {
    let content = content.strip_prefix("\u{feff}".as_bytes()).unwrap_or(content);
    let mut reader = ReaderBuilder::new().delimiter(delimiter(content)).trim(Trim::All).from_reader(content);
    check_lengths(content)?;
    let mut counter = Counter { content, place: 0, line: 1 };
    let head = reader.headers().map_err(|error| vec![unreadable(&error, &mut counter)])?.clone();
    check_head(&head)?;
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                wrong.push(unreadable(&error, &mut counter));
                break;
            }
        };
        if lines.len() >= PAYMENTS_MAX {
            let text = format!("a file has at most {PAYMENTS_MAX} payments: divide it");
            wrong.push(Wrong { code: "FF01", path: "/lines".into(), text, value: None });
            break;
        }
        let line = Line { number: counter.line_at(record.position()), payment: payment(&head, &record) };
        wrong.extend(line.payment.wrong().into_iter().map(|flaw| at(&line, flaw)));
        if wrong.len() >= WRONG_MAX {
            wrong.truncate(WRONG_MAX);
            break;
        }
        lines.push(line);
    }
    if lines.is_empty() && wrong.is_empty() {
        let text = "a file has a line of names and at least one payment".into();
        return Err(vec![Wrong { code: "FF01", path: "/lines".into(), text, value: None }]);
    }
    if wrong.is_empty() { Ok(lines) } else { Err(wrong) }
}

/// The message for the lines. `name` is what the call is known by, as for [`PaymentRequest::message`].
pub(crate) fn message(lines: &[Line], book: &Book, tenant: &str, name: &str, now_ms: u64) -> Initiation {
    let named = lines.iter().enumerate().map(|(place, line)| {
        let sent = line.payment.uetr.as_deref().and_then(Uetr::parse);
        let uetr = sent.unwrap_or_else(|| Uetr::derive(&[tenant, "batch", name, &place.to_string()]));
        Transfer { payment: &line.payment, uetr, line: Some(line.number) }
    });
    initiation(book, tenant, &message_id(&[tenant, "batch", name]), now_ms, &named.collect::<Vec<_>>())
}

/// How many payments lines are, and the message that they become where nobody is known. For fuzzers.
#[doc(hidden)]
pub fn message_of_lines(content: &[u8]) -> Option<(usize, String)> {
    let lines = read(content).ok()?;
    Some((lines.len(), message(&lines, &Book::default(), "tenant", "key:1", 0).content))
}

/// What the rules of messages say of the message, told by line and column, in the order of the lines.
pub(crate) fn told(lines: &[Line], places: &[Vec<usize>], problems: &[Problem]) -> Vec<Wrong> {
    let items: Vec<usize> = places.iter().flatten().copied().collect();
    let line_of = |scope| match scope {
        Scope::Item(item) => items.get(item).and_then(|place| lines.get(*place)),
        Scope::Batch(batch) => places.get(batch).and_then(|places| lines.get(*places.first()?)),
        Scope::Message => None,
    };
    let mut told: Vec<(u64, Wrong)> = problems
        .iter()
        .map(|problem| match (line_of(problem.scope), of_message(problem)) {
            (Some(line), wrong) => (line.number, at(line, wrong)),
            (None, wrong) => (0, Wrong { path: "/lines".into(), ..wrong }),
        })
        .collect();
    told.sort_by_key(|(number, _)| *number);
    told.into_iter().map(|(_, wrong)| wrong).take(WRONG_MAX).collect()
}

/// What is wrong with a payment, by line and column.
pub(crate) fn at(line: &Line, wrong: Wrong) -> Wrong {
    let column = wrong.path.trim_start_matches('/').replace('/', "_");
    Wrong { path: format!("/lines/{}/{column}", line.number), ..wrong }
}

fn check_lengths(content: &[u8]) -> Result<(), Vec<Wrong>> {
    let mut lines = content.split(|byte| matches!(byte, b'\n' | b'\r'));
    if lines.all(|line| line.len() <= LINE_BYTES_MAX) {
        return Ok(());
    }
    let text = format!("a line has at most {LINE_BYTES_MAX} bytes");
    Err(vec![Wrong { code: "FF01", path: "/lines".into(), text, value: None }])
}

fn delimiter(content: &[u8]) -> u8 {
    let first = content.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let count = |delimiter: u8| first.iter().filter(|byte| **byte == delimiter).count();
    // The first of equals is taken last.
    [b'\t', b';', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',')
}

fn check_head(head: &StringRecord) -> Result<(), Vec<Wrong>> {
    let names: Vec<&str> = head.iter().collect();
    let known = COLUMNS.join(", ");
    let say = |text: String, value: &str| Wrong {
        code: "FF01",
        path: "/lines/1".into(),
        text,
        value: Some(value.chars().take(140).collect()),
    };
    let mut seen = BTreeSet::new();
    let mut wrong: Vec<Wrong> = Vec::new();
    for name in names.iter().take(WRONG_MAX) {
        if !COLUMNS.contains(name) {
            wrong.push(say(format!("a column is one of: {known}"), name));
        } else if !seen.insert(name) {
            wrong.push(say("each column is there once".into(), name));
        }
    }
    for name in NEEDED.iter().filter(|name| !names.contains(*name)) {
        wrong.push(say(format!("the column {name} is needed"), name));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn payment(head: &StringRecord, record: &StringRecord) -> PaymentRequest {
    let field = |name: &str| {
        let place = head.iter().position(|column| column == name)?;
        record.get(place).filter(|text| !text.is_empty()).map(String::from)
    };
    let needed = |name: &str| field(name).unwrap_or_default();
    PaymentRequest {
        payer: needed("payer"),
        creditor: Creditor {
            name: needed("creditor_name"),
            number: field("creditor_number"),
            bic: field("creditor_bic"),
        },
        amount: needed("amount"),
        currency: needed("currency"),
        end_to_end_id: field("end_to_end_id"),
        uetr: field("uetr"),
        remittance: field("remittance"),
        purpose: field("purpose"),
        due: field("due"),
    }
}

/// Counts lines as an editor does: the reader's own count is one short after an end of two characters.
struct Counter<'a> {
    content: &'a [u8],
    /// Up to which byte it has counted.
    place: usize,
    line: u64,
}

impl Counter<'_> {
    /// The line at a place that is not before the last one. A record's place may be before the end of the line above it.
    fn line_at(&mut self, position: Option<&csv::Position>) -> u64 {
        let target = position.and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(self.place);
        while let Some(byte) = self.content.get(self.place) {
            let ends = *byte == b'\n' || (*byte == b'\r' && self.content.get(self.place + 1) != Some(&b'\n'));
            if self.place >= target && !matches!(byte, b'\n' | b'\r') {
                break;
            }
            self.line = self.line.saturating_add(u64::from(ends));
            self.place = self.place.saturating_add(1);
        }
        self.line
    }
}

/// What cannot be divided into fields.
fn unreadable(error: &csv::Error, counter: &mut Counter<'_>) -> Wrong {
    let line = counter.line_at(error.position());
    let text = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "a file is text in UTF-8".to_owned(),
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("a line has as many fields as the first one, {expected_len}; this one has {len}")
        }
        other => format!("{other:?}"),
    };
    Wrong { code: "FF01", path: format!("/lines/{line}"), text, value: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use florin_iso20022::{Limits, accept};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const HEAD: &str = "payer,creditor_name,creditor_number,amount,currency,due";

    fn book() -> Book {
        Book::new(&[], Vec::new(), &["a".to_owned()].into()).unwrap()
    }

    fn lines(text: &str) -> Vec<Line> {
        read(text.as_bytes()).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"))
    }

    fn wrong(text: &[u8]) -> Vec<(String, String)> {
        let told = read(text).unwrap_err();
        told.into_iter().map(|wrong| (wrong.path, wrong.text)).collect()
    }

    #[test]
    fn what_spreadsheets_write_is_read_the_same() {
        let plain = lines(&format!("{HEAD}\nDE1,\"Bruno, \"\"B\"\"\",IT1,12.50,EUR,\nDE1,Anna,IT2,1,EUR,2027-01-01\n"));
        assert_eq!(plain.len(), 2);
        assert_eq!((plain[0].number, plain[1].number), (2, 3));
        assert_eq!(plain[0].payment.creditor.name, "Bruno, \"B\"");
        assert_eq!((plain[0].payment.due.clone(), plain[0].payment.uetr.clone()), (None, None));
        assert_eq!(plain[1].payment.due.as_deref(), Some("2027-01-01"));
        let german = "\u{feff}payer;creditor_name;creditor_number;amount;currency;due\r\nDE1;\"Bruno, \"\"B\"\"\";IT1; 12.50 ;EUR;\r\nDE1;Anna;IT2;1;EUR;2027-01-01";
        assert_eq!(lines(german), plain);
        assert_eq!(lines(&german.replace(';', "\t")), plain);
        let blank = lines(
            "amount,currency,payer,creditor_bic,creditor_name\r\n1,EUR,A,BANKDEFF,B\r\n\r\n\r\n2,EUR,A,BANKDEFF,B\r\n",
        );
        assert_eq!((blank[0].number, blank[1].number), (2, 5));
    }

    #[test]
    fn what_is_wrong_is_told_by_line_and_column() {
        let places = |text: String| wrong(text.as_bytes()).into_iter().map(|(path, _)| path).collect::<Vec<_>>();
        assert_eq!(places(format!("{HEAD}\nDE1,Bruno,IT1,\"12,50\",EUR,\n")), ["/lines/2/amount"]);
        assert_eq!(
            places(format!("{HEAD}\nDE1,Bruno,,1,EUR,\n,Bruno,IT1,1,EUR,\n")),
            ["/lines/2/creditor", "/lines/3/payer"]
        );
        assert_eq!(places(format!("{HEAD}\nDE1,Bruno,IT1,1,EUR\n")), ["/lines/2"]);
        assert_eq!(places(format!("{HEAD}\r\n\r\nDE1,Bruno,IT1,1,EUR\r\n")), ["/lines/3"]);
        assert_eq!(
            places(format!("{HEAD}\nDE1,\"two\nlines\",IT1,1,EUR,\nDE1,B,IT1,x,EUR,\n")),
            ["/lines/2/creditor_name", "/lines/4/amount"]
        );
        assert_eq!(places(HEAD.into()), ["/lines"]);
        assert_eq!(places(String::new()), ["/lines/1"; 4]);
        assert_eq!(places(HEAD.replace("amount", "betrag") + "\n"), ["/lines/1", "/lines/1"]);
        assert_eq!(places(format!("{HEAD},payer\nDE1,Bruno,IT1,1,EUR,,DE2\n")), ["/lines/1"]);
        assert_eq!(
            wrong(b"payer,creditor_name,amount,currency\nA,\xff,1,EUR\n"),
            [("/lines/2".to_owned(), "a file is text in UTF-8".to_owned())]
        );
        let bad = format!("{HEAD}\n{}", "DE1,Bruno,IT1,x,EUR,\n".repeat(1_000));
        assert_eq!(wrong(bad.as_bytes()).len(), WRONG_MAX);
        let both = format!("{HEAD}\nDE1,Bruno,IT1,x,EUR,\nDE1,Bruno,IT1,1,EUR\n");
        assert_eq!(places(both), ["/lines/2/amount", "/lines/3"]);
        assert_eq!(places(",".repeat(1_000_000)), ["/lines"]);
        assert_eq!(places(format!("{HEAD}\n{}", ",".repeat(LINE_BYTES_MAX + 1))), ["/lines"]);
        let long = format!("{HEAD}\n{}", "DE1,Bruno,IT1,1,EUR,\n".repeat(PAYMENTS_MAX + 1));
        assert_eq!(places(long), ["/lines"]);
    }

    /// Names come from the call and the line alone, so that the same file orders the same payments at any time.
    #[test]
    fn one_payer_and_day_are_one_instruction_and_every_line_is_found_again() {
        let text = format!(
            "{HEAD}\nDE89370400440532013000,A,FR1420041010050500013M02606,1,EUR,\nBANKDEFF,B,FR1420041010050500013M02606,2,EUR,\n\
             DE89370400440532013000,C,FR1420041010050500013M02606,3,EUR,2027-02-01\nDE89370400440532013000,D,FR1420041010050500013M02606,4,EUR,\n"
        );
        let lines = lines(&text);
        let now_ms = 1_800_000_000_000;
        let message = super::message(&lines, &book(), "a", "key:1", now_ms);
        assert_eq!(message.places, [vec![0, 3], vec![1], vec![2]]);
        assert_eq!(message.content.matches("<PmtInf>").count(), 3);
        let accepted = accept(message.content.as_bytes(), &Limits::default(), None).unwrap();
        assert_eq!(accepted.refused, BTreeMap::new(), "{}", message.content);
        let uetrs = |name: &str, now_ms| {
            let content = super::message(&lines, &book(), "a", name, now_ms).content;
            content.split("<UETR>").skip(1).map(|rest| rest.chars().take(36).collect()).collect::<Vec<String>>()
        };
        assert_eq!(uetrs("key:1", now_ms), uetrs("key:1", now_ms + 1_000));
        assert_eq!(uetrs("key:1", now_ms).iter().chain(&uetrs("key:2", now_ms)).collect::<BTreeSet<_>>().len(), 8);
    }

    /// A batch is known on the ledger by its instruction alone: sent again on any day, by a gateway without memory, it must be the same.
    #[test]
    fn the_same_file_is_the_same_batches_on_every_day() {
        let to = "FR1420041010050500013M02606";
        let text = format!(
            "{HEAD}\nDE1,A,{to},1,EUR,\nDE1,B,{to},2,EUR,2027-01-15\nDE1,C,{to},3,EUR,\nDE1,D,{to},4,EUR,2027-01-16\n"
        );
        let lines = lines(&text);
        let planned = |now_ms: u64| {
            let book = book();
            let content = super::message(&lines, &book, "a", "key:1", now_ms).content;
            let accepted = accept(content.as_bytes(), &Limits::default(), None).unwrap();
            let context = crate::plan::Context { book: &book, tenant: "a", message: 1, now_ms };
            let orders = crate::plan::orders(&accepted, &context).unwrap();
            orders
                .into_iter()
                .map(|order| (order.kind, order.part, order.part_uetr, order.uetr, order.instruction))
                .collect::<Vec<_>>()
        };
        let (day, begins) = (86_400_000, 1_800_000_000_000);
        let first = planned(begins);
        assert_eq!(first.len(), 4);
        for days in 0..5 {
            assert_eq!(planned(begins - day * 2 + days * day), first, "{days}");
        }
    }

    #[test]
    fn what_the_message_says_is_told_at_its_line() {
        let text = format!("{HEAD}\nDE1,A,IT1,1,EUR,\nDE2,B,IT1,2,EUR,\nDE1,C,IT1,3,EUR,\n");
        let lines = lines(&text);
        let places = super::message(&lines, &book(), "a", "key:1", 0).places;
        let problem = |scope, path: &str| Problem { scope, path: path.into(), ..unreadable_message() };
        let problems = [
            problem(Scope::Item(1), "/x/InstdAmt"),
            problem(Scope::Batch(1), "/x/DbtrAcct"),
            problem(Scope::Message, "/x"),
        ];
        let paths: Vec<String> = told(&lines, &places, &problems).into_iter().map(|wrong| wrong.path).collect();
        assert_eq!(paths, ["/lines", "/lines/3/payer", "/lines/4/amount"]);
    }

    fn unreadable_message() -> Problem {
        accept(b"<x/>", &Limits::default(), None).unwrap_err().problems.remove(0)
    }

    proptest! {
        /// Whatever a file says, each line is one transfer of the message or is refused, and nothing panics.
        #[test]
        fn no_file_orders_more_than_its_lines(bytes in proptest::collection::vec(any::<u8>(), 0..200), name in "[^\\n\\r]{1,30}") {
            prop_assert!(read(&bytes).is_err() || read(&bytes).is_ok_and(|lines| lines.len() <= 200));
            let name = name.replace('"', "\"\"");
            let text = format!("{HEAD}\nDE89370400440532013000,\"{name}\",FR1420041010050500013M02606,1,EUR,\n");
            if let Ok(lines) = read(text.as_bytes()) {
                prop_assert_eq!(lines.len(), 1);
                let content = super::message(&lines, &book(), "a", "key:1", 0).content;
                if let Ok(accepted) = accept(content.as_bytes(), &Limits::default(), None) {
                    prop_assert_eq!(accepted.original.items.len(), 1);
                }
            }
        }
    }
}
