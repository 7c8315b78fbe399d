//! The bech32 checksum (BIP 173), as age writes its keys.

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];

/// Whether `text` (one case throughout) is a bech32 string with a valid checksum.
pub fn has_checksum(text: &[u8]) -> bool {
    let mixed = text.iter().any(u8::is_ascii_lowercase) && text.iter().any(u8::is_ascii_uppercase);
    let Some(separator) = memchr::memrchr(b'1', text).filter(|&at| at > 0 && !mixed && text.len() - at > 6) else {
        return false;
    };
    let human = text[..separator].iter().map(|byte| u32::from(byte.to_ascii_lowercase()));
    let mut values: Vec<u32> = human.clone().map(|byte| byte >> 5).collect();
    values.push(0);
    values.extend(human.map(|byte| byte & 31));
    for byte in &text[separator + 1..] {
        let Some(value) = ALPHABET.iter().position(|&symbol| symbol == byte.to_ascii_lowercase()) else { return false };
        values.push(value as u32);
    }
    polymod(&values) == 1
}

fn polymod(values: &[u32]) -> u32 {
    values.iter().fold(1, |sum, value| {
        let top = sum >> 25;
        let shifted = (sum & 0x01ff_ffff) << 5 ^ value;
        GENERATOR
            .iter()
            .enumerate()
            .fold(shifted, |sum, (bit, generator)| if top >> bit & 1 == 1 { sum ^ generator } else { sum })
    })
}

#[cfg(test)]
mod tests {
    use super::has_checksum;

    /// Vectors of BIP 173.
    #[test]
    fn known_strings() {
        for good in ["A12UEL5L", "a12uel5l", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"] {
            assert!(has_checksum(good.as_bytes()), "{good}");
        }
        for bad in ["A12uEL5L", "a12uel5m", "1pzry9x0s0muk", "", "x1b4n0q5v"] {
            assert!(!has_checksum(bad.as_bytes()), "{bad}");
        }
    }
}
