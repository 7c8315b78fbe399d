//! Names with `*` and `?`.

/// A pattern for an input's name: `*` stands for any characters, `?` for one.
#[derive(Clone, Debug)]
pub(super) struct Glob(String);

impl Glob {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    /// Whether all of `name` fits, or, where the pattern has no slash, what follows the name's last one.
    pub(super) fn matches_name(&self, name: &str) -> bool {
        let last = name.rsplit('/').next().unwrap_or(name);
        fits(&self.0, name) || (!self.0.contains('/') && fits(&self.0, last))
    }
}

/// Goes back to the last `*` only, so that the time is bounded by the product of both lengths.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut of, mut star) = (0, 0, None);
    while of < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, of));
                at += 1;
            }
            Some(c) if *c == '?' || *c == name[of] => (at, of) = (at + 1, of + 1),
            _ => {
                let Some((back, taken)) = star else { return false };
                star = Some((back, taken + 1));
                (at, of) = (back + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_whole_or_by_their_last_part() {
        for (glob, name, is_fit) in [
            ("app.log", "app.log", true),
            ("app.log", "/var/log/app.log", true),
            ("/var/*.log", "/var/log/app.log", true),
            ("log/app.log", "/var/log/app.log", false),
            ("*", "-", true),
            ("-", "-", true),
            ("-", "a-", false),
            ("10.0.*", "10.0.3.7", true),
            ("10.0.?.7", "10.0.31.7", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
            ("", "x", false),
        ] {
            assert_eq!(Glob::new(glob.to_owned()).matches_name(name), is_fit, "{glob} {name}");
        }
    }

    #[test]
    fn many_stars_cost_no_time() {
        assert!(!fits(&"*a".repeat(200), &"a".repeat(199)));
        assert!(!fits(&format!("{}b", "a*".repeat(1000)), &"a".repeat(4000)));
    }
}
