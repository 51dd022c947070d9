//! Messages out: XML and JSON, in the order of the schema.

use crate::envelope::Envelope;
use crate::json::{AMOUNT, FOREIGN, NAME, URN};
use crate::schema::{Body, NAMESPACE};
use crate::tree::{HEADER, Tree, View};
use quick_xml::escape::escape;
use std::fmt::Write as _;

/// What holds header and document together in XML: the envelope in which samples of CBPR+ are published.
const ENVELOPE: &str = "urn:swift:xsd:envelope";

impl Envelope {
    /// The message in XML: UTF-8, one line, in an envelope where it has a header.
    pub fn to_xml(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        match &self.header {
            Some(header) => {
                write!(out, "<Envelope xmlns=\"{ENVELOPE}\">").ok();
                xml(header, &mut out);
                xml(&self.document, &mut out);
                out.push_str("</Envelope>");
            }
            None => xml(&self.document, &mut out),
        }
        out
    }

    /// The message in JSON, in the form that `parse` reads.
    pub fn to_json(&self) -> String {
        let mut out = String::from("{");
        write!(out, "\"{NAME}\":\"{URN}{}\",", self.document.definition().name()).ok();
        if let Some(header) = &self.header {
            write!(out, "\"{HEADER}\":{{\"@xmlns\":\"{NAMESPACE}{}\"", header.definition().name()).ok();
            members(header.root(), true, &mut out);
            out.push_str("},");
        }
        write!(out, "\"Document\":{{\"{}\":", self.document.root().name()).ok();
        json_value(self.document.root(), &mut out);
        out.push_str("}}");
        out
    }
}

fn xml(tree: &Tree, out: &mut String) {
    let root = tree.root();
    let namespace = tree.definition().namespace();
    if root.name() == HEADER {
        write!(out, "<{HEADER} xmlns=\"{namespace}\">").ok();
        root.children().for_each(|child| element(child, out));
        write!(out, "</{HEADER}>").ok();
    } else {
        write!(out, "<Document xmlns=\"{namespace}\">").ok();
        element(root, out);
        out.push_str("</Document>");
    }
}

fn element(view: View<'_>, out: &mut String) {
    let name = view.name();
    write!(out, "<{name}").ok();
    if let Some(currency) = view.currency() {
        write!(out, " Ccy=\"{}\"", escape(currency)).ok();
    }
    out.push('>');
    match &view.kind().body {
        Body::Elements(_) => view.children().for_each(|child| element(child, out)),
        // What came as another vocabulary was written as XML when it was read.
        Body::Any => out.push_str(view.text()),
        // A carriage return would be read as a line end if it were not written as a reference.
        _ => out.push_str(&escape(view.text()).replace('\r', "&#13;")),
    }
    write!(out, "</{name}>").ok();
}

fn json_value(view: View<'_>, out: &mut String) {
    match &view.kind().body {
        Body::Elements(_) => {
            out.push('{');
            members(view, false, out);
            out.push('}');
        }
        Body::Any => {
            write!(out, "{{\"{FOREIGN}\":{}}}", json_string(view.text())).ok();
        }
        Body::Amount(..) => {
            let currency = json_string(view.currency().unwrap_or_default());
            write!(out, "{{\"Ccy\":{currency},\"{AMOUNT}\":{}}}", json_string(view.text())).ok();
        }
        Body::Text(_) => out.push_str(&json_string(view.text())),
    }
}

/// Members of an object; what may stand several times is an array.
fn members(view: View<'_>, begun: bool, out: &mut String) {
    let children: Vec<View<'_>> = view.children().collect();
    for (number, same) in children.chunk_by(|left, right| left.name() == right.name()).enumerate() {
        let Some(first) = same.first() else { continue };
        if begun || number > 0 {
            out.push(',');
        }
        write!(out, "\"{}\":", first.name()).ok();
        if !first.element().repeats() {
            json_value(*first, out);
            continue;
        }
        out.push('[');
        for (number, view) in same.iter().enumerate() {
            if number > 0 {
                out.push(',');
            }
            json_value(*view, out);
        }
        out.push(']');
    }
}

fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
