//! Reading the text in which metrics are exposed to Prometheus (version 0.0.4).
//!
//! Of a sample, its name, its labels and its value are kept; what is said about a metric, and times, are passed over. Names are checked
//! and label values are cleaned as they are read, so that nothing else can come out of here. A page that is not of this form is refused
//! whole: half of it would be shown as zeros.

use super::shown::Shown;

/// The most samples of one page; more is no page of inkprint's.
const MOST: usize = 100_000;

/// One number.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    /// What is measured.
    pub(super) name: String,
    /// Of what, in the page's order.
    pub(super) labels: Vec<(String, Shown)>,
    /// How much.
    pub(super) value: f64,
}

impl Sample {
    /// The value of the label `name`.
    pub(super) fn label(&self, name: &str) -> Option<&Shown> {
        self.labels.iter().find(|(label, _)| label == name).map(|(_, value)| value)
    }
}

/// Why a page was refused; never what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ExpositionError {
    /// A line is of no form that there is.
    #[error("line {0} of the answer is no metric")]
    Line(usize),
    /// There are too many.
    #[error("the answer has more metrics than can be shown")]
    TooMany,
}

/// Reads a page.
///
/// # Errors
/// When a line of it is not what it should be.
pub(super) fn parse(page: &str) -> Result<Vec<Sample>, ExpositionError> {
    let mut samples = Vec::new();
    for (number, line) in page.lines().enumerate() {
        let line = line.trim_matches([' ', '\t']);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if samples.len() == MOST {
            return Err(ExpositionError::TooMany);
        }
        samples.push(sample(line).ok_or(ExpositionError::Line(number + 1))?);
    }
    Ok(samples)
}

fn sample(line: &str) -> Option<Sample> {
    let (name, rest) = split_name(line, true)?;
    let rest = rest.trim_start_matches([' ', '\t']);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let mut words = rest.split_ascii_whitespace();
    // Rust reads all that the format allows: a sign, an exponent, `NaN` and `Inf`.
    let value = words.next()?.parse().ok()?;
    let time = words.next().map(str::parse::<i64>);
    (!matches!(time, Some(Err(_))) && words.next().is_none()).then(|| Sample { name: name.to_owned(), labels, value })
}

/// A name at the start of `text`, and what follows it. In that of a metric, colons may stand.
fn split_name(text: &str, colons: bool) -> Option<(&str, &str)> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    let end = text.find(|c| !allowed(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    (!name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())).then_some((name, rest))
}

type Labels = Vec<(String, Shown)>;

/// The labels behind an opening brace, and what follows the closing one.
fn labels(mut text: &str) -> Option<(Labels, &str)> {
    let mut labels = Vec::new();
    let blank = [' ', '\t'];
    loop {
        text = text.trim_start_matches(blank);
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, rest) = split_name(text, false)?;
        let rest = rest.trim_start_matches(blank).strip_prefix('=')?.trim_start_matches(blank).strip_prefix('"')?;
        let (value, rest) = quoted(rest)?;
        labels.push((name.to_owned(), Shown::new(&value)));
        text = rest.trim_start_matches(blank);
        text = match text.strip_prefix(',') {
            Some(rest) => rest,
            None if text.starts_with('}') => text,
            None => return None,
        };
    }
}

/// The value up to its closing quote, with its escapes undone, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                c @ ('\\' | '"') => c,
                _ => return None,
            }),
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A sample's name, labels and value.
    type Plain = (String, Vec<(String, String)>, f64);

    fn read(line: &str) -> Option<Plain> {
        let samples = parse(line).ok()?;
        let [sample] = &samples[..] else { return None };
        let labels = sample.labels.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
        Some((sample.name.clone(), labels, sample.value))
    }

    #[test]
    fn each_form_of_a_sample_is_read() {
        let labels = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        for (line, name, pairs, value) in [
            ("up 1", "up", &[][..], 1.0),
            ("up{} 1 1700000000000", "up", &[], 1.0),
            ("a:b_c\t{x=\"1\",} +Inf", "a:b_c", &[("x", "1")], f64::INFINITY),
            ("m{ a = \"x\\\"y\\\\z\" , b=\"\" } 1.5e3", "m", &[("a", "x\"y\\z"), ("b", "")], 1500.0),
            ("m{a=\"one\\ntwo}\"} -0.25 -5", "m", &[("a", "one?two}")], -0.25),
        ] {
            assert_eq!(read(line), Some((name.to_owned(), labels(pairs), value)), "{line}");
        }
        assert!(read("m NaN").is_some_and(|(_, _, value)| value.is_nan()));
        assert_eq!(parse("# HELP m About.\n# TYPE m counter\n\n  \n#\n"), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_sample_is_told_by_its_line() {
        for bad in [
            "m",
            "m{",
            "m{a} 1",
            "m{a=1} 1",
            "m{a=\"} 1",
            "m{a=\"\\x\"} 1",
            "m{a=\"b\" c=\"d\"} 1",
            "1m 1",
            "m one",
            "m 1 later",
            "m 1 2 3",
            "<html>",
            "m{a=\"b\"}",
            "é 1",
        ] {
            assert_eq!(parse(&format!("up 1\n{bad}\n")), Err(ExpositionError::Line(2)), "{bad}");
        }
        assert_eq!(parse(&"m 1\n".repeat(MOST + 1)), Err(ExpositionError::TooMany));
    }

    fn escaped(value: &str) -> String {
        value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(
            name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,20}",
            labels in prop::collection::vec(("[a-zA-Z_][a-zA-Z0-9_]{0,9}", any::<String>()), 0..4),
            value in any::<f64>().prop_filter("equal to itself", |value| !value.is_nan()),
        ) {
            // A line break other than LF inside of a value would end the line here, and does not come: it is written escaped or not at all.
            let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            let line = format!("{name}{{{}}} {value:?}", pairs.join(","));
            let shown = labels.iter().map(|(name, value)| (name.clone(), Shown::new(value).to_string())).collect();
            prop_assert_eq!(read(&line), Some((name, shown, value)));
        }

        #[test]
        fn whatever_comes_only_clean_text_comes_out(page in any::<String>()) {
            for sample in parse(&page).unwrap_or_default() {
                prop_assert!(sample.name.chars().all(|c| c.is_ascii_alphanumeric() || "_:".contains(c)));
                for (name, value) in &sample.labels {
                    prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
                    prop_assert!(!value.as_str().contains(char::is_control));
                }
            }
        }
    }
}
