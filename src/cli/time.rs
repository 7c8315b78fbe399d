//! Times as they are typed and shown: always UTC, so that pages from different places can be laid side by side.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Reads a time: RFC 3339, or a date, or a date and a time, in UTC where no zone is said.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let civil = |text: &str| text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(|date| date.at(0, 0, 0, 0)));
    text.parse::<Timestamp>()
        .or_else(|_| civil(text).and_then(|civil| civil.to_zoned(TimeZone::UTC)).map(|zoned| zoned.timestamp()))
        .map_err(|_| "a time such as 2026-03-01T14:30:00Z or 2026-03-01".to_owned())
}

/// Reads an age: `90d`, `36h`, `2w`.
pub(super) fn age(text: &str) -> Result<SignedDuration, String> {
    let fault = || "a number of days, hours or weeks, such as 90d, 36h or 2w".to_owned();
    let (number, hours) = match text.as_bytes().last() {
        Some(b'h') => (&text[..text.len() - 1], 1),
        Some(b'd') => (&text[..text.len() - 1], 24),
        Some(b'w') => (&text[..text.len() - 1], 24 * 7),
        _ => return Err(fault()),
    };
    // More than a thousand years are a slip of the hand.
    let number = number.parse::<i64>().ok().filter(|number| (0..=400_000).contains(number)).ok_or_else(fault)?;
    Ok(SignedDuration::from_hours(number * hours))
}

/// `2026-03-01 14:30:00Z`, of seconds of Unix time.
pub(super) fn shown(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.strftime("%F %TZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_ages_are_read_or_refused() {
        for good in ["2026-03-01T14:30:00Z", "2026-03-01T15:30:00+01:00", "2026-03-01T14:30", "2026-03-01 14:30"] {
            assert_eq!(time(good).map(|time| shown(time.as_second())), Ok("2026-03-01 14:30:00Z".to_owned()), "{good}");
        }
        assert!(time("yesterday").is_err());
        assert_eq!(age("2w"), age("336h"));
        for bad in ["", "d", "-1d", "5", "99999999999d", "1m"] {
            assert!(age(bad).is_err(), "{bad}");
        }
    }
}
