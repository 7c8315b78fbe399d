//! Addresses: of mail, of hosts, of network cards.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Last labels that are the ending of a file or the kind of a systemd unit, and no top-level domain: `icon@2x.png`,
/// `getty@tty1.service`.
const NO_DOMAINS: &[&str] = &[
    "png",
    "jpg",
    "jpeg",
    "gif",
    "svg",
    "webp",
    "ico",
    "css",
    "js",
    "mjs",
    "ts",
    "tsx",
    "jsx",
    "json",
    "html",
    "xml",
    "yaml",
    "yml",
    "toml",
    "txt",
    "log",
    "tgz",
    "gz",
    "jar",
    "dll",
    "so",
    "service",
    "socket",
    "timer",
    "target",
    "mount",
    "automount",
    "slice",
    "scope",
    "device",
    "swap",
    "path",
];

/// Whether the last label of an e-mail address can be a top-level domain (RFC 5321, section 4.1.2; RFC 1035, section 2.3.4).
pub fn is_email(text: &[u8]) -> bool {
    let Some(at) = memchr::memrchr2(b'@', b'%', text) else { return false };
    let domain = &text[at + if text[at] == b'@' { 1 } else { 3 }..];
    let last = domain.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    let labels = domain.split(|byte| *byte == b'.');
    domain.len() <= 253
        && labels.into_iter().all(|label| !label.is_empty() && !label.starts_with(b"-") && !label.ends_with(b"-"))
        && !NO_DOMAINS.iter().any(|other| last.eq_ignore_ascii_case(other.as_bytes()))
}

/// An address of IP version 6, without its zone.
pub fn ipv6(text: &[u8]) -> Option<Ipv6Addr> {
    let address = text.split(|byte| *byte == b'%').next()?;
    std::str::from_utf8(address).ok()?.parse().ok()
}

/// An address of IP version 4.
pub fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Whether it is an address of IP version 6 (RFC 4291, section 2.2). One of letters alone is a path of some programming language
/// (`dead::Beef`).
pub fn is_ipv6(text: &[u8]) -> bool {
    (text == b"::" || text.iter().any(u8::is_ascii_digit)) && ipv6(text).is_some()
}

/// Whether it is an address of IP version 4 in four decimal parts without leading zeros.
pub fn is_ipv4(text: &[u8]) -> bool {
    ipv4(text).is_some()
}

/// Whether it is one card's address: neither all zeros nor the broadcast address.
pub fn is_mac(text: &[u8]) -> bool {
    let mut digits = text.iter().filter(|byte| byte.is_ascii_hexdigit());
    let nobody = |digit: u8| digits.clone().all(|other| other.eq_ignore_ascii_case(&digit));
    let plain = nobody(b'0') || nobody(b'f');
    !plain && digits.by_ref().count() == 12
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers() {
        for email in ["ann@mail.example.org", "a@xn--80ak6aa92e.com", "ann%40example.net"] {
            assert!(is_email(email.as_bytes()), "{email}");
        }
        for other in ["icon@2x.png", "getty@tty1.service", "ann@-a.org", "ann@a..org"] {
            assert!(!is_email(other.as_bytes()), "{other}");
        }
        for address in ["::", "fe80::1%eth0", "2001:db8::8a2e:370:7334", "::ffff:192.0.2.1", "1:2:3:4:5:6:7:8"] {
            assert!(is_ipv6(address.as_bytes()), "{address}");
        }
        for other in ["2001::db8::1", "1:2:3:4", "::ffff:256.0.0.1", "12:30:45"] {
            assert!(!is_ipv6(other.as_bytes()), "{other}");
        }
        assert!(is_ipv4(b"192.0.2.1") && !is_ipv4(b"192.0.2.256") && !is_ipv4(b"192.0.02.1"));
        assert!(is_mac(b"00:1A:2b:3c:4D:5e") && is_mac(b"001a.2b3c.4d5e"));
        assert!(!is_mac(b"ff:ff:ff:FF:FF:FF") && !is_mac(b"00-00-00-00-00-00"));
    }
}
