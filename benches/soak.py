#!/usr/bin/env python3
"""Runs inkprint serve at full load for a long time: memory must be flat, no descriptor may leak, and no line be lost.

  benches/soak.py PROGRAM [--minutes M] [--senders N] [--away SECONDS] [--memory SIZE]
           [--json FILE]

Senders write numbered lines as fast as they are taken, each on a connection that it closes now and then to open another; the peer behind
the sink, which has a spool, goes away for so many seconds in every minute; the configuration is reloaded every ten seconds. Every second
its memory and descriptors are read. What must hold:

- the mean memory of the last third is within 5 % of the first third's, of which the first tenth of the run, while it warms up, is left out;
- no more descriptors at the end than at the beginning, both at rest;
- every line arrives, in its connection's order and without a secret; those that were under way when the peer left may come twice.

Exits with 1 when one of them does not.
"""
import argparse, json, os, random, re, socket, string, sys, tempfile, threading, time

from served import Served, connected, wait_until

LINE = b"c=%d n=%d INFO request served in %d ms token=ghp_%s path=/api/v1/items/%d cache=hit region=eu-1 upstream=10.0.0.%d\n"
RANDOM = random.Random(1)
TOKENS = ["".join(RANDOM.choices(string.ascii_letters + string.digits, k=36)).encode() for _ in range(997)]


def line(connection, number):
    return LINE % (connection, number, number % 997, TOKENS[(connection * 31 + number) % 997], number, number % 250)


class Peer(threading.Thread):
    """Takes connections and notes the last number of each sender; it can leave, reading what is under way, and come back."""

    def __init__(self):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.last, self.lines, self.again, self.faults = {}, 0, 0, []
        self.away = threading.Event()
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                wait_until(lambda: not self.away.is_set(), 3600)
                continue
            self.read(connection)

    def read(self, connection):
        connection.settimeout(0.1)
        rest, leaving = b"", False
        while True:
            if self.away.is_set() and not leaving:
                leaving = True
                connection.shutdown(socket.SHUT_WR)
            try:
                part = connection.recv(1 << 18)
            except TimeoutError:
                continue
            except OSError:
                return
            if not part:
                return
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                self.take(line)

    def take(self, line):
        found = re.match(rb"c=(\d+) n=(\d+) .* token=ink1-github-pat-k1-[0-9a-z]{24} ", line)
        if not found:
            self.faults.append(f"not a line that was sent: {line[:80]!r}")
            return
        connection, number = int(found[1]), int(found[2])
        due = self.last.get(connection, -1) + 1
        if number > due:
            self.faults.append(f"connection {connection}: {number} where {due} was due")
        self.again += number < due
        self.last[connection] = max(number, due - 1)
        self.lines += number >= due

    def leave(self):
        self.away.set()
        # Wakes who accepts on it.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def come_back(self):
        self.listener = socket.create_server(self.address)
        self.away.clear()


def send(port, first, step, end, sent):
    connection = first
    while time.monotonic() < end:
        until = min(end, time.monotonic() + 5)
        with connected(port) as sender:
            number = 0
            while time.monotonic() < until:
                sender.sendall(b"".join(line(connection, n) for n in range(number, number + 200)))
                number += 200
            sender.shutdown(socket.SHUT_WR)
            while sender.recv(1):
                pass
        sent[connection] = number
        connection += step


def mean(values):
    return sum(values) / max(1, len(values))


def soak(program, home, minutes, senders, away, memory):
    peer = Peer()
    more = '[sinks.out.spool]\ndirectory = "spool"\nmax_size = "1G"\n[journal]\npath = "journal.jsonl"\n[sightings]\nindex = "sightings.db"\n'
    served = Served(program, home, peer.address[1], memory=memory, more=more)
    wait_until(lambda: served.metric('inkprint_sink_up{sink="out"}') == 1)
    sent, samples, reloads = {}, [], 0
    # What threads and the spool open when they begin, and when they read what waited, is open once lines have gone through while the
    # peer was there and while it was not, and everything is at rest again.
    warming = threading.Thread(target=send, args=(served.port, senders * 10**6, senders, time.monotonic() + 4, sent), daemon=True)
    warming.start()
    for change in (peer.leave, peer.come_back):
        time.sleep(1)
        change()
    warming.join(60)
    wait_until(lambda: peer.lines >= sum(sent.values()))
    wait_until(lambda: served.metric('inkprint_source_connections{source="in"}') == 0)
    time.sleep(2)
    descriptors = served.descriptors()
    begin = time.monotonic()
    end = begin + minutes * 60
    threads = [threading.Thread(target=send, args=(served.port, n, senders, end, sent), daemon=True) for n in range(senders)]
    for thread in threads:
        thread.start()
    next_reload, leaves = begin + 10, begin + 30
    while time.monotonic() < end:
        time.sleep(1)
        now = time.monotonic()
        samples.append((now - begin, served.status("VmRSS"), served.descriptors().total()))
        if now >= next_reload:
            reloads, next_reload = reloads + (served.reload() == 200), now + 10
        if away and now >= leaves:
            if peer.away.is_set():
                peer.come_back()
                leaves = now + 60 - away
            else:
                peer.leave()
                leaves = now + away
    if peer.away.is_set():
        peer.come_back()
    for thread in threads:
        thread.join(120)
    total = sum(sent.values())
    arrived = wait_until(lambda: peer.lines >= total or peer.faults, 600) and peer.lines >= total
    wait_until(lambda: served.metric('inkprint_source_connections{source="in"}') == 0)
    wait_until(lambda: not served.descriptors() - descriptors, 30)
    at_end = served.descriptors()
    code = served.stop()
    warm = [sample for sample in samples if sample[0] >= minutes * 6]
    third = len(warm) // 3
    first, last = (mean([rss for _, rss, _ in part]) for part in (warm[:third], warm[-third:]))
    faults = peer.faults[:10]
    if not arrived:
        faults.append(f"{peer.lines} of {total} lines arrived")
    if code != 0:
        faults.append(f"exit code {code}")
    if last > first * 1.05:
        faults.append("memory grew by more than 5 %")
    if at_end - descriptors:
        faults.append(f"open at the end, but not at the beginning: {dict(at_end - descriptors)}")
    return {
        "minutes": minutes, "lines": total, "connections": len(sent), "lines again": peer.again, "reloads": reloads,
        "MB/s": round(total * len(line(1, 10**5)) / (minutes * 60) / 1e6, 1),
        "first third MiB": round(first / 2**20, 1), "last third MiB": round(last / 2**20, 1),
        "MiB by tenths": [round(mean([rss for _, rss, _ in samples[len(samples) * n // 10:len(samples) * (n + 1) // 10]]) / 2**20, 1) for n in range(10)],
        "most MiB": round(max(rss for _, rss, _ in samples) / 2**20, 1),
        "descriptors at first": descriptors.total(), "at the end": at_end.total(), "most": max(fds for _, _, fds in samples), "faults": faults,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--senders", type=int, default=4)
    parser.add_argument("--away", type=float, default=10, help="seconds of every minute that the peer is away; 0: it stays")
    parser.add_argument("--memory", default="64M", help="`limits.memory` of the service")
    parser.add_argument("--json", help="write the figures to this file")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        result = soak(os.path.abspath(args.program), home, args.minutes, args.senders, args.away, args.memory)
    for what, figure in result.items():
        print(f"{what:22} {figure}")
    if args.json:
        with open(args.json, "w") as file:
            json.dump(result, file, indent=2)
    sys.exit(bool(result["faults"]))


if __name__ == "__main__":
    main()
