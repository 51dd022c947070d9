//! A message with its header: the door through which bytes come in.

use crate::limits::Limits;
use crate::problem::{Kind, Original, OriginalItem, Problem, Rejection};
use crate::tree::{Shape, Tree, View};
use crate::{decode, json, value, xml};

/// A message that is what its schema says, with its header where it came with one.
///
/// **Invariant.** Every element is known to the schema of its version, in order, as often as allowed, and every value has
/// the form of its type. What the values mean is not checked yet: [`crate::check`] does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The business application header (head.001).
    pub header: Option<Tree>,
    /// The message.
    pub document: Tree,
}

/// Reads a message in XML or JSON, whichever its first character says.
///
/// An error names everything that is not what the schema says, up to [`Limits::problems_max`], and what could be read of
/// the message's identification. Nothing of a refused message is taken over.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Envelope, Rejection> {
    limits.check_bytes(bytes.len())?;
    let text = decode::decode(bytes).map_err(Rejection::of)?;
    let start = text.trim_start();
    let read = match start.chars().next() {
        Some('<') => xml::read(start_of_xml(&text, start), limits),
        Some('{') => json::read(start, limits),
        None => return Err(Rejection::of(Problem::malformed("/", "is empty"))),
        Some(_) => return Err(Rejection::of(Problem::malformed("/", "is neither XML nor JSON"))),
    };
    let mut problems = Vec::new();
    let mut more = false;
    let mut finish = |builder: crate::builder::Builder<'_>| {
        let (tree, found) = builder.finish();
        let (found, left) = found.into_parts();
        problems.extend(found);
        more |= left;
        tree
    };
    let header = read.header.map(&mut finish);
    let document = read.document.map(&mut finish);
    problems.extend(read.fatal);
    match document {
        Some(document) if problems.is_empty() => Ok(Envelope { header, document }),
        Some(document) => Err(Rejection { problems, more, original: Box::new(original(header.as_ref(), &document)) }),
        None => {
            if problems.is_empty() {
                problems.push(Problem::unsupported("/Document", "is missing"));
            }
            Err(Rejection { problems, more, original: Box::default() })
        }
    }
}

/// Blanks before a declaration are an error of XML, and are kept for the reader to say so; others do no harm.
fn start_of_xml<'t>(text: &'t str, start: &'t str) -> &'t str {
    if start.starts_with("<?xml") { text } else { start }
}

/// What an answer needs to name a message, as far as it can be read. Values that are not what their type says are left
/// out: an answer that repeated them would itself be no message.
pub(crate) fn original(header: Option<&Tree>, document: &Tree) -> Original {
    let root = document.root();
    let first = root.at("GrpHdr");
    let items = Shape::of(document.definition()).items(document);
    let item = items.first().map(|(_, item)| *item);
    let in_header =
        |end: &str| header.and_then(|header| right(header.root(), &[&format!("{end}/FIId/FinInstnId/BICFI")]));
    let bic = |view: View<'_>, name: &str| {
        right(view, &[&format!("{name}/FinInstnId/BICFI"), &format!("{name}/FinInstnId/BIC")])
    };
    let agent = |name: &str| [first, item].into_iter().flatten().find_map(|view| bic(view, name));
    Original {
        name: Some(document.definition().name()),
        message_id: right(root, &["GrpHdr/MsgId", "Assgnmt/Id"]),
        created: right(root, &["GrpHdr/CreDtTm", "Assgnmt/CreDtTm"]),
        count: right(root, &["GrpHdr/NbOfTxs", "CtrlData/NbOfTxs"]),
        control_sum: right(root, &["GrpHdr/CtrlSum", "CtrlData/CtrlSum"]),
        sender: in_header("Fr").or_else(|| agent("InstgAgt")),
        receiver: in_header("To").or_else(|| agent("InstdAgt")),
        items: items.into_iter().map(|(batch, item)| original_item(batch, item)).collect(),
    }
}

fn original_item(batch: Option<View<'_>>, item: View<'_>) -> OriginalItem {
    OriginalItem {
        batch: batch.and_then(|batch| right(batch, &["PmtInfId"])),
        instruction_id: right(item, &["PmtId/InstrId", "OrgnlInstrId"]),
        end_to_end_id: right(item, &["PmtId/EndToEndId", "OrgnlEndToEndId"]),
        transaction_id: right(item, &["PmtId/TxId", "OrgnlTxId"]),
        uetr: right(item, &["PmtId/UETR", "OrgnlUETR"]),
    }
}

/// The value at the first of these paths that leads somewhere, if it is what its type says.
fn right(view: View<'_>, paths: &[&str]) -> Option<String> {
    let found = view.any(paths)?;
    value::check(found.kind(), found.text()).is_ok().then(|| found.text().into())
}

impl Envelope {
    /// What an answer needs to name this message.
    pub fn original(&self) -> Original {
        original(self.header.as_ref(), &self.document)
    }
}

impl Rejection {
    /// Whether anything but rules and code lists was broken: then the sender's program is wrong, not its data.
    pub fn is_structural(&self) -> bool {
        self.problems.iter().any(|problem| !matches!(problem.kind, Kind::Rule | Kind::Code))
    }
}
