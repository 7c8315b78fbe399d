//! Shannon entropy.

use std::sync::LazyLock;

/// Counts up to this have their logarithm ready: every candidate of many rules is measured.
const READY: usize = 1024;

/// `n log2 n` for small `n`.
static N_LOG_N: LazyLock<[f32; READY]> =
    LazyLock::new(|| std::array::from_fn(|n| if n == 0 { 0.0 } else { n as f32 * (n as f32).log2() }));

/// Bits per character of `text`, by the frequencies of its bytes; 0 for an empty one.
pub fn bits_per_character(text: &[u8]) -> f32 {
    if text.is_empty() {
        return 0.0;
    }
    let n_log_n = |n: usize| N_LOG_N.get(n).copied().unwrap_or_else(|| n as f32 * (n as f32).log2());
    let mut counts = [0u32; 256];
    text.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
    // Each byte counts where it first stands.
    let sum: f32 = text.iter().map(|&byte| n_log_n(std::mem::take(&mut counts[usize::from(byte)]) as usize)).sum();
    ((n_log_n(text.len()) - sum) / text.len() as f32).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::bits_per_character;

    #[test]
    fn known_values() {
        assert_eq!(bits_per_character(b""), 0.0);
        assert!(bits_per_character(b"aaaa").abs() < 1e-6);
        assert!((bits_per_character(b"abcd") - 2.0).abs() < 1e-6);
        assert!((bits_per_character(b"0123456789abcdef") - 4.0).abs() < 1e-6);
    }
}
