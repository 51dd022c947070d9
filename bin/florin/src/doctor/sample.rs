//! What a node said of itself at one moment: Prometheus' text, taken apart.

use std::collections::BTreeMap;

/// Lines that are read; a node has some thousands.
const LINES_MAX: usize = 100_000;

/// One value with its labels.
#[derive(Clone, Debug, PartialEq)]
struct Value {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// All values of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample(Vec<Value>);

impl Sample {
    /// Reads the text; lines that are no values are passed over.
    pub(crate) fn parse(text: &str) -> Self {
        Self(text.lines().take(LINES_MAX).filter_map(value).collect())
    }

    /// A figure without labels.
    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|value| value.name == name && value.labels.is_empty()).map(|value| value.value)
    }

    /// A figure that counts something.
    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        // Counts are exact up to 2^53; what is negative or no number is none.
        self.get(name).filter(|value| *value >= 0.0).map(|value| value as u64)
    }

    /// The values of a family by one label.
    pub(crate) fn by<'a>(&'a self, name: &'a str, label: &'a str) -> impl Iterator<Item = (&'a str, f64)> + 'a {
        self.all(name).filter_map(move |(labels, value)| Some((labels.get(label)?.as_str(), value)))
    }

    /// The values of a family with all labels.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a BTreeMap<String, String>, f64)> + 'a {
        self.0.iter().filter(move |value| value.name == name).map(|value| (&value.labels, value.value))
    }
}

/// `name{label="text",…} value`.
fn value(line: &str) -> Option<Value> {
    if line.starts_with('#') {
        return None;
    }
    let (head, number) = match line.rfind('}') {
        Some(end) => (line.get(..end)?, line.get(end + 1..)?),
        None => line.split_once(' ')?,
    };
    let value = number.split_whitespace().next()?.parse().ok()?;
    let (name, labels) = head.split_once('{').unwrap_or((head, ""));
    Some(Value { name: name.into(), labels: parse_labels(labels)?, value })
}

fn parse_labels(text: &str) -> Option<BTreeMap<String, String>> {
    let (mut labels, mut rest) = (BTreeMap::new(), text);
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"")?;
        let mut content = String::new();
        let mut end = None;
        let mut characters = after.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    end = Some(at + 1);
                    break;
                }
                '\\' => match characters.next()?.1 {
                    'n' => content.push('\n'),
                    other => content.push(other),
                },
                other => content.push(other),
            }
        }
        labels.insert(name.into(), content);
        rest = after.get(end?..)?.trim_start_matches(',');
    }
    Some(labels)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn values_and_labels_are_read() {
        let text = "# HELP a Of a.\n# TYPE a gauge\na 7\nb{x=\"one, \\\"two\\\"}\",y=\"3\"} -1.5 1700\nc\nd{x=\"open 1\n# EOF\n";
        let sample = Sample::parse(text);
        assert_eq!((sample.count("a"), sample.get("b"), sample.get("c")), (Some(7), None, None));
        assert_eq!(sample.by("b", "x").collect::<Vec<_>>(), [("one, \"two\"}", -1.5)]);
        assert_eq!(sample.all("b").next().unwrap().0["y"], "3");
    }

    #[test]
    fn what_is_no_count_is_none() {
        let sample = Sample::parse("a -1\nb NaN\nc x\n");
        assert_eq!((sample.count("a"), sample.count("b"), sample.count("c")), (None, None, None));
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "[a-z{}=\"\\\\, 0-9\n.#é-]{0,200}") {
            let _ = Sample::parse(&text);
        }
    }
}
