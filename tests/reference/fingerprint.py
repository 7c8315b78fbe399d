#!/usr/bin/env python3
"""inkprint's marks, written again from docs/fingerprint.md with Python's standard library alone.

Reads one JSON object a line from standard input, with the members

    key      the epoch's key, 32 bytes as hex
    salt     the namespace's salt, 32 bytes as hex
    epoch    the epoch's number
    rule     the rule's id
    secret   the canonical secret as hex

and prints the mark for each, one a line. The tests run it beside inkprint and compare.
"""

import hashlib
import hmac
import json
import sys

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def hkdf_sha256(salt: bytes, key: bytes, label: bytes) -> bytes:
    """HKDF (RFC 5869) for 32 bytes, which one round of its second step gives."""
    pseudorandom_key = hmac.digest(salt or bytes(32), key, hashlib.sha256)
    return hmac.digest(pseudorandom_key, label + b"\x01", hashlib.sha256)


def leading_base32(tag: bytes, characters: int) -> str:
    """The first 5 * characters bits of tag."""
    bits = int.from_bytes(tag, "big") >> (8 * len(tag) - 5 * characters)
    return "".join(ALPHABET[bits >> 5 * i & 31] for i in reversed(range(characters)))


def mark(key: bytes, salt: bytes, epoch: int, rule: str, secret: bytes) -> str:
    print_key = hkdf_sha256(salt, key, b"inkprint print v1")
    seal_key = hkdf_sha256(b"", key, b"inkprint seal v1")
    body = f"ink1-{rule}-k{epoch}-" + leading_base32(hmac.digest(print_key, secret, hashlib.sha256), 20)
    return body + leading_base32(hmac.digest(seal_key, body.encode(), hashlib.sha256), 4)


def main() -> None:
    for line in sys.stdin:
        vector = json.loads(line)
        print(
            mark(
                bytes.fromhex(vector["key"]),
                bytes.fromhex(vector["salt"]),
                vector["epoch"],
                vector["rule"],
                bytes.fromhex(vector["secret"]),
            )
        )


if __name__ == "__main__":
    main()
