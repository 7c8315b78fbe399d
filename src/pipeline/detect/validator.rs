//! Checks on a found secret's own bytes: checksums, structure, entropy. One file for each family.
//!
//! Named under `validate` they raise confidence and let nothing through, as most published examples of real tokens fail their
//! checksum; named under `require` they are a gate, for shapes that are hopeless without one.

pub(super) mod address;
mod america;
mod asia;
mod base58;
mod bech32;
mod card;
mod chance;
mod crc32;
mod digits;
mod entropy;
mod europe;
mod iban;
mod jwt;
mod luhn;
mod nordic;
mod phone;

pub use digits::is_date;
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
    Random = "random" => chance::is_random, "Letters and digits in turn as chance has them, 16 at least, and no names with a number in them; or a UUID.";
    Mixed = "mixed" => chance::is_mixed, "The same with letters of both cases, 20 characters at least, and no dots.";
    Composed = "composed" => crate::pipeline::detect::context::looks_composed, "Letters and digits, with signs or between words, as passwords are made up of them: at least 8.";
    Luhn = "luhn" => luhn::has_check_digit, "The digits' Luhn sum is a multiple of ten.";
    Card = "card" => card::is_card, "A payment card's number: issuer, length, Luhn digit.";
    Iban = "iban" => iban::is_iban, "An account number: the country's length, the remainder of 97.";
    Email = "email" => address::is_email, "The last label can be a top-level domain.";
    Ipv4 = "ipv4" => address::is_ipv4, "An address of IP version 4.";
    Ipv6 = "ipv6" => address::is_ipv6, "An address of IP version 6.";
    Mac = "mac" => address::is_mac, "A network card's address, neither zero nor broadcast.";
    Phone = "phone" => phone::is_phone, "A telephone number's count of digits, and no date.";
    UsSsn = "us-ssn" => america::is_ssn, "A US social security number that can have been given out.";
    UsItin = "us-itin" => america::is_itin, "A US individual taxpayer number.";
    UsNpi = "us-npi" => america::is_npi, "A US provider number, by its Luhn digit.";
    CaSin = "ca-sin" => america::is_sin, "A Canadian social insurance number, by its Luhn digit.";
    BrCpf = "br-cpf" => america::is_cpf, "A Brazilian person's number, by both check digits.";
    BrCnpj = "br-cnpj" => america::is_cnpj, "A Brazilian company's number, by both check digits.";
    MxCurp = "mx-curp" => america::is_curp, "A Mexican registry code, by date and check digit.";
    UkNhs = "uk-nhs" => europe::is_nhs, "A British NHS number, by the remainder of eleven.";
    UkNino = "uk-nino" => europe::is_nino, "A British insurance number's prefix is given out.";
    EsDni = "es-dni" => europe::is_dni, "A Spanish identity number, by its letter.";
    FrNir = "fr-nir" => europe::is_nir, "A French NIR, by month and key.";
    ItFiscalCode = "it-codice-fiscale" => europe::is_codice_fiscale, "An Italian fiscal code, by its last letter.";
    DeTaxId = "de-steuer-id" => europe::is_steuer_id, "A German tax number, by its digits and check digit.";
    HrOib = "hr-oib" => europe::is_oib, "A Croatian personal number, by its check digit.";
    PlPesel = "pl-pesel" => europe::is_pesel, "A Polish PESEL, by date and check digit.";
    PlNip = "pl-nip" => europe::is_nip, "A Polish tax number, by its check digit.";
    NlBsn = "nl-bsn" => europe::is_bsn, "A Dutch citizen's number, by the eleven test.";
    BeNational = "be-national-number" => europe::is_belgian, "A Belgian national number, by date and key.";
    PtNif = "pt-nif" => europe::is_portuguese_nif, "A Portuguese tax number, by its check digit.";
    ChAhv = "ch-ahv" => europe::is_ahv, "A Swiss insurance number, by the digit of an EAN-13.";
    IePps = "ie-pps" => europe::is_pps, "An Irish PPS number, by its letter.";
    CzBirthNumber = "cz-rodne-cislo" => europe::is_rodne_cislo, "A Czech or Slovak birth number, by date and remainder of eleven.";
    RoCnp = "ro-cnp" => europe::is_cnp, "A Romanian personal number, by date and check digit.";
    BgEgn = "bg-egn" => europe::is_egn, "A Bulgarian personal number, by date and check digit.";
    TrKimlik = "tr-kimlik" => europe::is_kimlik, "A Turkish identity number, by both check digits.";
    SePersonnummer = "se-personnummer" => nordic::is_personnummer, "A Swedish personal number, by date and Luhn digit.";
    NoBirthNumber = "no-fodselsnummer" => nordic::is_fodselsnummer, "A Norwegian birth number, by date and both check digits.";
    FiHetu = "fi-hetu" => nordic::is_hetu, "A Finnish identity code, by date and check character.";
    DkCpr = "dk-cpr" => nordic::is_cpr, "A Danish personal number, by its date.";
    AuTfn = "au-tfn" => asia::is_tfn, "An Australian tax file number, by its sum.";
    AuMedicare = "au-medicare" => asia::is_medicare, "An Australian Medicare number, by its check digit.";
    InAadhaar = "in-aadhaar" => asia::is_aadhaar, "An Indian Aadhaar number, by Verhoeff's digit.";
    CnResidentId = "cn-resident-id" => asia::is_resident_id, "A Chinese resident identity number, by date and check character.";
    KrRrn = "kr-rrn" => asia::is_rrn, "A South Korean registration number, by its date.";
    JpMyNumber = "jp-my-number" => asia::is_my_number, "A Japanese individual number, by its check digit.";
    IlId = "il-id" => asia::is_israeli, "An Israeli identity number, by its Luhn digit.";
    ThId = "th-id" => asia::is_thai, "A Thai identity number, by its check digit.";
    SgNric = "sg-nric" => asia::is_nric, "A Singaporean identity number, by its letter.";
    ZaId = "za-id" => asia::is_south_african, "A South African identity number, by date and Luhn digit.";
}

impl Validator {
    /// The validator of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|validator| validator.name() == name)
    }

    /// Whether it fails nearly every text that only looks right; the others check structure, which a part of a secret has too.
    pub fn is_checksum(self) -> bool {
        !matches!(self, Self::Jwt | Self::AwsAccount | Self::Random | Self::Mixed | Self::Composed)
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
