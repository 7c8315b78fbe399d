//! Base58Check, as Bitcoin writes private keys: four bytes of double SHA-256 at the end.

use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
/// The longest thing of this form that rules look for is an extended key of 111 characters.
const MAX_LEN: usize = 128;

/// Whether `text` decodes from base58 and ends in the checksum of the rest.
pub fn has_checksum(text: &[u8]) -> bool {
    let Some(bytes) = decode(text) else { return false };
    let Some((payload, checksum)) = bytes.split_last_chunk::<4>() else { return false };
    !payload.is_empty() && Sha256::digest(Sha256::digest(payload))[..4] == checksum[..]
}

fn decode(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > MAX_LEN {
        return None;
    }
    let mut number: Vec<u8> = Vec::new();
    for &byte in text {
        let mut carry = ALPHABET.iter().position(|&symbol| symbol == byte)? as u32;
        for place in &mut number {
            carry += u32::from(*place) * 58;
            *place = carry as u8;
            carry >>= 8;
        }
        while carry > 0 {
            number.push(carry as u8);
            carry >>= 8;
        }
    }
    number.extend(text.iter().take_while(|&&byte| byte == b'1').map(|_| 0));
    number.reverse();
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::has_checksum;

    /// The published example of the wallet import format.
    #[test]
    fn a_known_key_passes() {
        let key = b"5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ";
        assert!(has_checksum(key));
        let mut changed = *key;
        changed[10] = b'2';
        assert!(!has_checksum(&changed) && !has_checksum(b"") && !has_checksum(b"0OIl"));
    }
}
