//! What other products write in a secret's place: so that their logs can be searched for it too.
//!
//! A hash without a key, as GitHub's, is as good as printed where the secret is weak: it is only made when asked for.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::pipeline::detect::validator::aws_account;

/// What is to be made of each secret.
#[derive(Debug, Default)]
pub struct Interop {
    /// `hashed_token` of GitHub's audit log.
    pub github: bool,
    /// The account of an AWS key id.
    pub aws: bool,
    /// SHA-256 in hexadecimal digits, as many products write it.
    pub sha256: bool,
    /// The salt of an audit device of Vault or OpenBao.
    pub vault_salt: Option<Zeroizing<Vec<u8>>>,
}

impl Interop {
    /// By product, what stands for `secret`.
    pub fn forms(&self, secret: &[u8]) -> Vec<(&'static str, String)> {
        let mut forms = Vec::new();
        if self.github {
            forms.push(("github", STANDARD.encode(Sha256::digest(secret))));
        }
        if self.sha256 {
            forms.push(("sha256", hex(String::new(), &Sha256::digest(secret))));
        }
        if let Some(mac) = self.vault_salt.as_ref().and_then(|salt| Hmac::<Sha256>::new_from_slice(salt).ok()) {
            let tag = mac.chain_update(secret).finalize().into_bytes();
            forms.push(("vault", hex("hmac-sha256:".to_owned(), &tag)));
        }
        if let Some(account) = aws_account(secret).filter(|_| self.aws) {
            forms.push(("aws-account", format!("{account:012}")));
        }
        forms
    }

    /// Whether a product's form stands for one secret alone, so that a log which holds it tells of that secret.
    pub fn is_of_one(product: &str) -> bool {
        product != "aws-account"
    }
}

fn hex(before: String, bytes: &[u8]) -> String {
    bytes.iter().fold(before, |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_products_forms_are_theirs() {
        let interop =
            Interop { github: true, aws: true, sha256: true, vault_salt: Some(Zeroizing::new(b"salt".to_vec())) };
        // printf 'ASIAQNZGKIQY56JQ7WML' | openssl dgst -sha256 -binary | base64; the same with -hmac salt
        assert_eq!(
            interop.forms(b"ASIAQNZGKIQY56JQ7WML"),
            [
                ("github", "PcvZuBykT/mVC6gbtp9AM+h1kpvnwgzxoLz3gWra7nQ=".to_owned()),
                ("sha256", "3dcbd9b81ca44ff9950ba81bb69f4033e875929be7c20cf1a0bcf7816adaee74".to_owned()),
                ("vault", "hmac-sha256:c2e612dc29ee7c15679a4c8833d68e102d6c3b8e8f3cc326c2bdc4ed837c11f4".to_owned()),
                ("aws-account", "029608264753".to_owned())
            ]
        );
        assert!(Interop::default().forms(b"x").is_empty());
    }
}
