//! Checks on a found secret's own bytes: checksums, structure, entropy. One file for each family.
//!
//! Named under `validate` they raise confidence and let nothing through, as most published examples of real tokens fail their
//! checksum; named under `require` they are a gate, for shapes that are hopeless without one.

mod base58;
mod bech32;
mod crc32;
mod entropy;
mod jwt;
mod luhn;

pub use entropy::bits_per_character;

macro_rules! validators {
    ($($variant:ident = $name:literal => $check:path, $what:literal;)*) => {
        /// A check that a rule may name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Validator {
            $(#[doc = $what] $variant,)*
        }

        impl Validator {
            const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in rule files.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Whether `secret` passes.
            pub fn passes(self, secret: &[u8]) -> bool {
                match self {
                    $(Self::$variant => $check(secret),)*
                }
            }
        }
    };
}

validators! {
    GithubCrc32 = "github-crc32" => crc32::github, "The last six base62 characters are the CRC32 of the body before them.";
    NpmCrc32 = "npm-crc32" => crc32::github, "As GitHub's, over the body behind `npm_`.";
    Crc32HexTail = "crc32-hex-tail" => crc32::hex_tail, "The last eight hex digits are the CRC32 of the body before them.";
    Jwt = "jwt" => jwt::is_jwt, "The header decodes to a JSON object that names an algorithm.";
    AwsAccount = "aws-account" => crate::pipeline::detect::validator::aws_account_valid, "The account number decodes from the key id's base32 body.";
    Base58Check = "base58check" => base58::has_checksum, "The last four bytes are the double SHA-256 of the rest.";
    Bech32 = "bech32" => bech32::has_checksum, "The last six characters are the BCH checksum of the rest.";
    Luhn = "luhn" => luhn::has_check_digit, "The digits' Luhn sum is a multiple of ten.";
}

impl Validator {
    /// The validator of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|validator| validator.name() == name)
    }

    /// Whether it fails nearly every text that only looks right; the others check structure, which a part of a secret has too.
    pub fn is_checksum(self) -> bool {
        !matches!(self, Self::Jwt | Self::AwsAccount)
    }

    /// All names, for a message.
    pub fn names() -> String {
        Self::ALL.iter().map(|validator| validator.name()).collect::<Vec<_>>().join(", ")
    }
}

/// The account number in an AWS access key id: 40 bits, one bit into the decoded body.
///
/// Only ids whose fifth character is `Q` or later carry it; for the others there is no number to decode.
pub fn aws_account(id: &[u8]) -> Option<u64> {
    let body = id.get(4..)?;
    if body.len() != 16 || body[0] < b'Q' {
        return None;
    }
    let mut bits: u128 = 0;
    for &byte in body {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'2'..=b'7' => byte - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u128::from(value);
    }
    // 80 bits: the first 48 hold one bit, the 40 of the account, and seven of something else.
    Some(((bits >> 32) as u64 & 0x7fff_ffff_ff80) >> 7)
}

fn aws_account_valid(id: &[u8]) -> bool {
    aws_account(id).is_some_and(|account| (1..1_000_000_000_000).contains(&account))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_found() {
        for validator in Validator::ALL {
            assert_eq!(Validator::from_name(validator.name()), Some(*validator));
        }
        assert_eq!(Validator::from_name("crc"), None);
    }

    /// The example of the published decoding (the account of this retired key is public knowledge).
    #[test]
    fn an_account_decodes() {
        assert_eq!(aws_account(b"ASIAQNZGKIQY56JQ7WML"), Some(29_608_264_753));
        assert_eq!(aws_account(b"AKIAIOSFODNN7EXAMPLE"), None);
        assert!(!aws_account_valid(b"AKIA"));
    }
}
