//! The Luhn check digit (ISO/IEC 7812-1, annex B).

/// Whether the digits of `text`, spaces and hyphens aside, have a Luhn sum that is a multiple of ten. Needs two digits at least.
pub fn has_check_digit(text: &[u8]) -> bool {
    let mut count = 0;
    let mut sum = 0u32;
    for &byte in text.iter().rev() {
        match byte {
            b'0'..=b'9' => {
                let digit = u32::from(byte - b'0');
                let doubled = if count % 2 == 1 { digit * 2 } else { digit };
                sum += doubled / 10 + doubled % 10;
                count += 1;
            }
            b' ' | b'-' => {}
            _ => return false,
        }
    }
    count >= 2 && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::has_check_digit;

    #[test]
    fn the_standards_example() {
        assert!(has_check_digit(b"79927398713"));
        assert!(has_check_digit(b"4242-4242 4242 4242"));
        for bad in [&b"79927398710"[..], b"", b"0", b"7992x398713"] {
            assert!(!has_check_digit(bad));
        }
    }
}
