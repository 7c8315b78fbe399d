//! Numbers: counts, sizes such as `64M`, times such as `10s`, modes such as `0640`.

use std::marker::PhantomData;
use std::time::Duration;

use toml::de::DeValue;

use crate::control::config::fault::Problem;
use crate::control::config::field::{Kind, Shape, Spec};
use crate::control::config::reader::At;

/// The units of sizes, in bytes.
pub const SIZES: [(char, u64); 4] = [('K', 1 << 10), ('M', 1 << 20), ('G', 1 << 30), ('T', 1 << 40)];

/// The units of times, in milliseconds.
pub const TIMES: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// A whole number.
#[derive(Clone, Copy, Debug)]
pub struct Count;

impl Shape for Count {
    type Value = usize;
    const KIND: Kind = Kind::Whole;

    fn read(value: &DeValue<'_>, spec: &Spec, mut at: At<'_>) -> Option<usize> {
        let number = whole(value).or_else(|| match value {
            DeValue::Integer(_) => out_of_range(spec, &mut at, |bound| bound.to_string()),
            other => at.wrong_type("a whole number", other),
        })?;
        within(number, spec, &mut at, |bound| bound.to_string()).and_then(|number| usize::try_from(number).ok())
    }
}

/// A number of bytes: `"64M"`, or a whole number.
#[derive(Clone, Copy, Debug)]
pub struct Size;

impl Shape for Size {
    type Value = u64;
    const KIND: Kind = Kind::Size;

    fn read(value: &DeValue<'_>, spec: &Spec, mut at: At<'_>) -> Option<u64> {
        let bytes = match value {
            DeValue::Integer(_) => whole(value),
            DeValue::String(text) => bytes(text),
            other => return at.wrong_type("a size such as \"64M\"", other),
        };
        let bytes = bytes.or_else(|| {
            at.refuse(Problem::Value("a size: a whole number of bytes, or of K, M, G or T, such as \"64M\""))
        })?;
        within(bytes, spec, &mut at, written_size)
    }
}

/// A number of bytes that are held in memory.
#[derive(Clone, Copy, Debug)]
pub struct Memory;

impl Shape for Memory {
    type Value = usize;
    const KIND: Kind = Kind::Size;

    fn read(value: &DeValue<'_>, spec: &Spec, mut at: At<'_>) -> Option<usize> {
        let bytes = Size::read(value, spec, at.lent())?;
        usize::try_from(bytes).ok().or_else(|| at.refuse(Problem::Value("less: no machine has so much memory")))
    }
}

/// A length of time: `"250ms"`, `"10s"`, `"5m"`, `"24h"`, `"7d"`.
impl Shape for Duration {
    type Value = Self;
    const KIND: Kind = Kind::Time;

    fn read(value: &DeValue<'_>, spec: &Spec, mut at: At<'_>) -> Option<Self> {
        const EXPECTED: &str = "a time with its unit, such as \"250ms\", \"10s\", \"5m\", \"24h\" or \"7d\"";
        let text = match value {
            DeValue::String(text) => text,
            other => return at.wrong_type(EXPECTED, other),
        };
        let milliseconds = milliseconds(text).or_else(|| at.refuse(Problem::Value(EXPECTED)))?;
        within(milliseconds, spec, &mut at, written_time).map(Self::from_millis)
    }
}

/// A size or time of which nothing, written as `"0"` or `"0s"`, turns off what it is for.
#[derive(Clone, Copy, Debug)]
pub struct OrOff<S>(PhantomData<S>);

impl<S: Shape<Value: Default + PartialEq>> Shape for OrOff<S> {
    type Value = Option<S::Value>;
    const KIND: Kind = S::KIND;

    fn read(value: &DeValue<'_>, spec: &Spec, at: At<'_>) -> Option<Self::Value> {
        let off = value.as_str().is_some_and(|text| matches!(text, "0" | "0s")) || whole(value) == Some(0);
        let spec = if off { Spec { bounds: None, ..*spec } } else { *spec };
        S::read(value, &spec, at).map(|value| (value != S::Value::default()).then_some(value))
    }
}

/// The permission bits of a file or socket: `"0640"`.
#[derive(Clone, Copy, Debug)]
pub struct Mode;

impl Shape for Mode {
    type Value = u32;
    const KIND: Kind = Kind::Text("permission bits in octal", Some("^0?[0-7]{3}$"));

    fn read(value: &DeValue<'_>, _: &Spec, mut at: At<'_>) -> Option<u32> {
        let text = at.text(value)?;
        let digits = text.strip_prefix('0').filter(|rest| rest.len() == 3).unwrap_or(text);
        let octal = digits.len() == 3 && digits.bytes().all(|b| matches!(b, b'0'..=b'7'));
        let mode = u32::from_str_radix(digits, 8).ok().filter(|_| octal);
        mode.or_else(|| at.refuse(Problem::Value("permission bits in octal, such as \"0640\"")))
    }
}

fn whole(value: &DeValue<'_>) -> Option<u64> {
    value.as_integer().and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok())
}

/// Reads `65536`, `256K`, `64M`, `2G`, `1T`.
fn bytes(text: &str) -> Option<u64> {
    let unit = SIZES.iter().find_map(|(unit, bytes)| {
        let number = text.strip_suffix(*unit).or_else(|| text.strip_suffix(unit.to_ascii_lowercase()))?;
        Some((number, *bytes))
    });
    let (number, unit) = unit.unwrap_or((text, 1));
    digits(number)?.checked_mul(unit)
}

/// Reads `250ms`, `10s`, `5m`, `24h`, `7d`.
fn milliseconds(text: &str) -> Option<u64> {
    let (number, unit) = TIMES.iter().find_map(|(unit, length)| Some((text.strip_suffix(unit)?, *length)))?;
    digits(number)?.checked_mul(unit)
}

/// A number of digits alone: `parse` would take a sign too.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

fn within(number: u64, spec: &Spec, at: &mut At<'_>, written: fn(u64) -> String) -> Option<u64> {
    match spec.bounds {
        Some((least, most)) if !(least..=most).contains(&number) => out_of_range(spec, at, written),
        _ => Some(number),
    }
}

fn out_of_range<T>(spec: &Spec, at: &mut At<'_>, written: fn(u64) -> String) -> Option<T> {
    let (least, most) = spec.bounds.unwrap_or((0, u64::MAX));
    at.refuse(Problem::Range { least: written(least), most: written(most) })
}

/// A number of bytes as it would be written.
pub fn written_size(bytes: u64) -> String {
    let unit = SIZES.iter().rev().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit));
    unit.map_or_else(|| bytes.to_string(), |(name, unit)| format!("{}{name}", bytes / unit))
}

/// Milliseconds as they would be written.
pub fn written_time(milliseconds: u64) -> String {
    let unit = TIMES.iter().rev().find(|(_, unit)| milliseconds > 0 && milliseconds.is_multiple_of(*unit));
    unit.map_or_else(|| "0s".to_owned(), |(name, unit)| format!("{}{name}", milliseconds / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_have_units() {
        for (text, expected) in
            [("0", 0), ("65536", 65536), ("256K", 256 << 10), ("64m", 64 << 20), ("2G", 2 << 30), ("1T", 1 << 40)]
        {
            assert_eq!(bytes(text), Some(expected), "{text}");
        }
        for text in ["", "M", "+1", "-1", "1.5G", "1MB", "1 M", "99999999999999T", "é"] {
            assert_eq!(bytes(text), None, "{text}");
        }
        for (text, expected) in
            [("250ms", 250), ("10s", 10_000), ("5m", 300_000), ("24h", 86_400_000), ("7d", 604_800_000)]
        {
            assert_eq!(milliseconds(text), Some(expected), "{text}");
        }
        for text in ["", "10", "s", "1.5s", "-1s", "1w", "ms", "10 s"] {
            assert_eq!(milliseconds(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for number in [0, 1, 1023, 1024, 1 << 20, 3 << 30, 5 << 40] {
            assert_eq!(bytes(&written_size(number)), Some(number));
        }
        for number in [0, 1, 250, 1000, 90_000, 3_600_000, 604_800_000] {
            assert_eq!(milliseconds(&written_time(number)), Some(number));
        }
    }
}
