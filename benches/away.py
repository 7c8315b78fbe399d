#!/usr/bin/env python3
"""Keeps the peer of inkprint serve away for as many lines as come in ten minutes, and lets it come back.

  benches/away.py PROGRAM [--lines N] [--connections N] [--json FILE]

The lines come as fast as they are taken, so that ten minutes need not be waited for: what counts are the bytes. What must hold:

- every line is taken while nobody is there, without an error;
- the memory at its most is within 64 MiB of what it was before;
- they leave the spool in their order, each once and without a secret, at 5 times 5,000 lines a second at least.

Exits with 1 when one of them does not.
"""
import argparse, json, os, socket, sys, tempfile, threading, time

from served import Served, connected, wait_until
from soak import Peer, line

RATE = 5_000


def send(port, connection, count, errors):
    try:
        with connected(port) as sender:
            for first in range(0, count, 500):
                sender.sendall(b"".join(line(connection, number) for number in range(first, min(count, first + 500))))
            sender.shutdown(socket.SHUT_WR)
            while sender.recv(1):
                pass
    except OSError as error:
        errors.append(f"connection {connection}: {error}")


def away(program, home, count, connections):
    peer = Peer()
    peer.leave()
    more = '[sinks.out.spool]\ndirectory = "spool"\nmax_size = "8G"\n[journal]\npath = "journal.jsonl"\n[sightings]\nindex = "sightings.db"\n'
    served = Served(program, home, peer.address[1], memory="64M", more=more)
    each, faults, most = count // connections, [], 0
    total = each * connections
    before = served.status("VmRSS")
    threads = [threading.Thread(target=send, args=(served.port, n, each, faults), daemon=True) for n in range(connections)]
    begin = time.monotonic()
    for thread in threads:
        thread.start()

    def watch(ready):
        nonlocal most
        most = max(most, served.status("VmRSS"))
        return ready()

    wait_until(lambda: watch(lambda: served.metric('inkprint_spool_records{sink="out"}') > 0
                             and served.metric('inkprint_source_lines_total{source="in"}') >= total or faults), 3600)
    taken = time.monotonic() - begin
    spooled = served.metric('inkprint_spool_bytes{sink="out"}')
    begin = time.monotonic()
    peer.come_back()
    wait_until(lambda: watch(lambda: peer.lines >= total or faults or peer.faults), 3600)
    drained = time.monotonic() - begin
    for thread in threads:
        thread.join(60)
    wait_until(lambda: served.metric('inkprint_spool_records{sink="out"}') == 0, 60)
    code = served.stop()
    faults += peer.faults[:10]
    if peer.lines != total:
        faults.append(f"{peer.lines} of {total} lines arrived")
    if peer.again:
        faults.append(f"{peer.again} lines arrived twice")
    if most - before > 64 << 20:
        faults.append("memory grew by more than 64 MiB")
    if total / drained < 5 * RATE:
        faults.append(f"drained at less than {5 * RATE} lines a second")
    if code != 0:
        faults.append(f"exit code {code}")
    return {
        "lines": total, "minutes at 5,000 a second": round(total / RATE / 60, 1), "connections": connections,
        "taken in seconds": round(taken, 1), "MB in the spool": round(spooled / 1e6),
        "drained in seconds": round(drained, 1), "lines a second": round(total / drained), "times 5,000": round(total / drained / RATE, 1),
        "lines again": peer.again,
        "MiB before": round(before / 2**20, 1), "MiB at most": round(most / 2**20, 1), "faults": faults,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("--lines", type=int, default=10 * 60 * RATE)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--json", help="write the figures to this file")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        result = away(os.path.abspath(args.program), home, args.lines, args.connections)
    for what, figure in result.items():
        print(f"{what:26} {figure}")
    if args.json:
        with open(args.json, "w") as file:
            json.dump(result, file, indent=2)
    sys.exit(bool(result["faults"]))


if __name__ == "__main__":
    main()
