#!/usr/bin/env python3
"""Verifies an inkprint journal with Python's standard library alone, as docs/journal.md says.

usage: journal.py JOURNAL PUBLIC_KEY_FILE

Prints the number of records and up to which one they are signed. Ends with 1 and says where when something is wrong.
"""

import base64
import hashlib
import json
import sys

INTERVAL = 64

# Ed25519 (RFC 8032), for verification only.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
I = pow(2, (P - 1) // 4, P)


def add(a, b):
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    m, n = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number, point):
    sum_ = (0, 1, 1, 0)
    while number:
        if number & 1:
            sum_ = add(sum_, point)
        point, number = add(point, point), number >> 1
    return sum_


def point(encoded):
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * I % P
    if y >= P or (x * x - square) % P:
        raise ValueError("no point")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def verifies(key, text, signature):
    try:
        a, r = point(key), point(signature[:32])
    except ValueError:
        return False
    s = int.from_bytes(signature[32:], "little")
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % L
    left, right = times(s, BASE), add(r, times(h, a))
    same = lambda i: (left[i] * right[2] - right[i] * left[2]) % P == 0
    return s < L and same(0) and same(1)


def public_key(text):
    name, key_id, key = text.strip().split("+", 2)
    key = base64.b64decode(key, validate=True)
    assert key[0] == 1 and len(key) == 33, "no Ed25519 key"
    expected = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    assert bytes.fromhex(key_id) == expected, "the key's id is not that of the key"
    return name, expected, key[1:]


def signed(note, key):
    """The number of records and the hash that a note signs for."""
    name, key_id, public = key
    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    good = False
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ")
        signature = base64.b64decode(signature, validate=True)
        if dash == "\u2014" and signer == name and signature[:4] == key_id:
            assert verifies(public, text.encode(), signature[4:]), "a signature is not valid"
            good = True
    assert good, "a note bears no signature of the key"
    origin, number, head = text.split("\n")[:3]
    assert origin == name, "a note is of another journal"
    return int(number), base64.b64decode(head, validate=True).hex()


def verify(journal, key):
    prev, time, seq, last_signed = "0" * 64, None, 0, 0
    for line in journal.split(b"\n")[:-1]:
        seq += 1
        body, _, rest = line.rpartition(b',"hash":"')
        digest = hashlib.sha256(body).hexdigest()
        assert rest == digest.encode() + b'"}', f"record {seq} was edited"
        record = json.loads(line)
        assert list(record) == ["seq", "time", "kind", "details", "prev", "hash"], f"record {seq} has other members"
        assert record["seq"] == seq and record["prev"] == prev, f"record {seq} does not follow the one before"
        if record["kind"] == "checkpoint":
            assert signed(record["details"]["note"], key) == (seq - 1, prev), f"record {seq} signs for something else"
            assert record["time"] == time, f"record {seq} has another time than the one before"
            last_signed = seq
        else:
            assert seq % INTERVAL, f"record {seq} should be a checkpoint"
        prev, time = digest, record["time"]
    assert journal.endswith(b"\n"), "the last record is cut off"
    return seq, last_signed


def main():
    with open(sys.argv[1], "rb") as file:
        journal = file.read()
    with open(sys.argv[2], encoding="ascii") as file:
        key = public_key(file.read())
    try:
        records, last_signed = verify(journal, key)
    except AssertionError as error:
        print(error)
        sys.exit(1)
    print(records, last_signed)


main()
