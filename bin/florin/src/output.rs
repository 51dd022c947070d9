//! How results reach standard output: text for people, JSON for scripts. Nothing else in the program writes there.

use crate::failure::{Exit, Failure};
use serde::Serialize;
use std::io::{self, Write as _};

/// Chosen by `--json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// One line of JSON.
    Json,
}

impl Output {
    /// From the flag.
    pub(crate) fn new(json: bool) -> Self {
        if json { Self::Json } else { Self::Text }
    }

    /// Whether scripts read this.
    pub(crate) fn is_json(self) -> bool {
        self == Self::Json
    }

    /// Prints a result in the chosen form.
    pub(crate) fn show<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) -> Result<(), Failure> {
        match self {
            Self::Text => line(&text()),
            Self::Json => {
                let encoded = serde_json::to_string(value).map_err(|error| {
                    Failure::new(Exit::Failed, "output.json", error, "report this: a result could not be written")
                })?;
                line(&encoded)
            }
        }
    }

    /// Prints a result after others. Whoever reads only the first one and leaves loses nothing else by it.
    pub(crate) fn show_again<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) {
        let text = match self {
            Self::Text => text(),
            Self::Json => serde_json::to_string(value).unwrap_or_default(),
        };
        line_for_who_stays(text.trim_end_matches('\n'));
    }

    /// Prints a line that only people see.
    pub(crate) fn say(self, text: &str) -> Result<(), Failure> {
        match self {
            Self::Text => line(text),
            Self::Json => Ok(()),
        }
    }
}

/// Writes text and a line end. A reader who went away (`florin … | head`) is no failure of ours.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{}", text.trim_end_matches('\n')).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failure::new(
            Exit::Failed,
            "output.write",
            format_args!("standard output cannot be written: {error}"),
            "check where the output goes",
        )),
    }
}

/// Writes a line that more may follow, for readers who stay. One who has read enough and left loses nothing else by it.
pub(crate) fn line_for_who_stays(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
}

/// Lays rows out in columns, two blanks between them; the first row is the heading.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        out.push_str(cells.join("  ").trim_end());
        out.push('\n');
    }
    out
}

/// Lays out names and values, one a line.
pub(crate) fn fields(rows: &[(&str, String)]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|(name, value)| vec![(*name).to_string(), value.clone()]).collect();
    table(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_no_line_ends_in_blanks() {
        let rows = [vec!["a".into(), "long heading".into()], vec!["longer".into(), "b".into()]];
        assert_eq!(table(&rows), "a       long heading\nlonger  b\n");
        assert_eq!(fields(&[("height", "7".into()), ("hash", "0x1".into())]), "height  7\nhash    0x1\n");
    }
}
