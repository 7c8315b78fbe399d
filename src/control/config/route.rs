//! Routes: which sources feed which sinks.

use super::fault::Problem;
use super::field::{required, settings};
use super::name::PartName;
use super::reader::Section;

settings! {
    /// A route as it is written: names that may not be there.
    pub struct RawRoute {
        /// Names of sources.
        from: Vec<String> = required(r#"["apps"]"#);
        /// Names of sinks, each of which gets every line.
        to: Vec<String> = required(r#"["shipper"]"#);
    } check = check;
}

fn check(route: &RawRoute, section: &mut Section<'_, '_>) -> Option<()> {
    for (field, names, what) in [("from", &route.from, "source"), ("to", &route.to, "sink")] {
        if names.is_empty() {
            section.refuse::<()>(field, Problem::Empty(what));
        }
    }
    Some(())
}

/// A route: every line of these sources goes to each of these sinks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The sources; at least one.
    pub from: Vec<PartName>,
    /// The sinks; at least one.
    pub to: Vec<PartName>,
}

impl Route {
    /// Whether it leads from this source to this sink.
    pub fn joins(&self, source: &PartName, sink: &PartName) -> bool {
        self.from.contains(source) && self.to.contains(sink)
    }
}
