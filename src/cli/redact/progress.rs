//! The progress bar while files are read.

use indicatif::{ProgressBar, ProgressStyle};

use super::inputs::Named;

/// A bar, or nothing where none is wanted.
#[derive(Debug)]
pub struct Progress(Option<ProgressBar>);

impl Progress {
    /// A bar over these inputs; none for standard input, whose length nobody knows and whose log may be on the same terminal.
    pub fn over(inputs: &[Named], wanted: bool) -> Self {
        let length: Option<u64> =
            inputs.iter().map(|input| if let Named::File(_, length) = input { *length } else { None }).sum();
        let bar = length.filter(|_| wanted).map(|length| {
            let bar = ProgressBar::new(length);
            let template = "{bar:40} {percent:>3} %  {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left";
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self(bar)
    }

    /// Takes note of bytes read.
    pub fn advance(&self, bytes: u64) {
        if let Some(bar) = &self.0 {
            bar.inc(bytes);
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
