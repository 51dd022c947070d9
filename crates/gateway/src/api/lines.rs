//! Answers as lines (CSV, RFC 4180), for spreadsheets.

use super::problem::Problem;
use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};

/// What is being written.
pub(super) struct Lines(csv::Writer<Vec<u8>>);

impl Lines {
    /// Begins with the names of the columns.
    pub(super) fn new<const N: usize>(columns: [&str; N]) -> Result<Self, Problem> {
        let mut lines = Self(csv::Writer::from_writer(Vec::new()));
        lines.write(columns)?;
        Ok(lines)
    }

    /// Adds a line. What others wrote never begins as a formula does, which a spreadsheet would run.
    pub(super) fn write<const N: usize>(&mut self, fields: [&str; N]) -> Result<(), Problem> {
        let harmless = fields.map(|text| {
            let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
            if is_formula { format!("'{text}") } else { text.to_owned() }
        });
        self.0.write_record(harmless).map_err(|_| Problem::fault())
    }

    pub(super) fn into_text(self) -> Result<String, Problem> {
        let bytes = self.0.into_inner().map_err(|_| Problem::fault())?;
        String::from_utf8(bytes).map_err(|_| Problem::fault())
    }
}

/// Lines as an answer.
pub(super) fn respond(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_one_field_and_no_formula() {
        for (text, field) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@x", "'@x"),
            ("two\nlines", "\"two\nlines\""),
            ("", ""),
        ] {
            let mut lines = Lines::new(["a", "b"]).unwrap();
            lines.write([text, "end"]).unwrap();
            assert_eq!(lines.into_text().unwrap(), format!("a,b\n{field},end\n"), "{text}");
        }
    }
}
