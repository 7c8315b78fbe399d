//! Shannon entropy.

/// Bits per character of `text`, by the frequencies of its bytes; 0 for an empty one.
pub fn bits_per_character(text: &[u8]) -> f32 {
    let mut counts = [0u32; 256];
    text.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
    let total = text.len() as f32;
    counts
        .iter()
        .filter(|&&count| count > 0)
        .map(|&count| {
            let share = count as f32 / total;
            -share * share.log2()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::bits_per_character;

    #[test]
    fn known_values() {
        assert_eq!(bits_per_character(b""), 0.0);
        assert_eq!(bits_per_character(b"aaaa"), 0.0);
        assert_eq!(bits_per_character(b"abcd"), 2.0);
        assert!((bits_per_character(b"0123456789abcdef") - 4.0).abs() < 1e-6);
    }
}
