//! CRC32 tails: six base62 characters as GitHub and npm write them, eight hex digits as others do.

/// Digits, upper case, lower case: the order that GitHub's base62 uses.
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Whether the last six characters are the base62 CRC32 of what stands between the last underscore and them.
pub fn github(token: &[u8]) -> bool {
    let body_start = memchr::memrchr(b'_', token).map_or(0, |at| at + 1);
    let body = &token[body_start..];
    let Some((body, tail)) = body.split_last_chunk::<6>() else { return false };
    !body.is_empty() && *tail == base62(crc32fast::hash(body))
}

/// Whether the last eight hex digits are the CRC32 of the body behind the last underscore (or of all before, where there is none).
pub fn hex_tail(token: &[u8]) -> bool {
    let Some((head, tail)) = token.split_last_chunk::<8>() else { return false };
    let Some(written) = std::str::from_utf8(tail).ok().and_then(|tail| u32::from_str_radix(tail, 16).ok()) else {
        return false;
    };
    let body_start = memchr::memrchr(b'_', head).map_or(0, |at| at + 1);
    [&head[body_start..], head].iter().any(|body| !body.is_empty() && crc32fast::hash(body) == written)
}

fn base62(mut number: u32) -> [u8; 6] {
    let mut text = [b'0'; 6];
    for place in text.iter_mut().rev() {
        *place = BASE62[(number % 62) as usize];
        number /= 62;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_token_passes_and_a_changed_one_does_not() {
        let body = b"0123456789abcdefghijABCDEFGHIJ";
        let mut token = b"ghp_".to_vec();
        token.extend_from_slice(body);
        token.extend_from_slice(&base62(crc32fast::hash(body)));
        assert!(github(&token));
        token[6] ^= 1;
        assert!(!github(&token));
        assert!(!github(b"ghp_") && !github(b""));
    }

    #[test]
    fn a_hex_tail_passes() {
        let body = b"0123456789012345678901234567890123456789";
        let token = format!("cfut_{}{:08x}", std::str::from_utf8(body).expect("ascii"), crc32fast::hash(body));
        assert!(hex_tail(token.as_bytes()));
        assert!(!hex_tail(&token.as_bytes()[1..token.len() - 1]));
        assert!(!hex_tail(b"zzzzzzzz"));
    }
}
