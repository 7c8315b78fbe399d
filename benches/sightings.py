#!/usr/bin/env python3
"""Measures the index of sightings and `inkprint trace`: whole processes, in turn, in one run.

  benches/sightings.py [--binary PROGRAM] [--rows N] [--size MB] [--rounds N] [--folder FOLDER]

1. The pipe with `--sightings` beside the pipe without: a secret in one line of a thousand, in every line, and another one in every line.
2. `trace` of one token, and of 10,000, from an index of 10 million sightings: 1 million fingerprints, 3 key epochs.
3. `trace --in` beside `rg -F` for the same fingerprint, in a log with a mark in one line of a thousand and in every line.

Times are on the clock; of each pair the median of the rounds' ratios counts. Needs Python's standard library, and ripgrep for the third.
"""
import argparse
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from end_to_end import MB, make_log

TOKEN = "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"
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
START = 1_767_225_600


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default="target/release/inkprint")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--size", type=int, default=1600, help="megabytes of log")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=["pipe", "search", "lookup"])
    parser.add_argument("--folder", help="where to work; a temporary folder by default")
    arguments = parser.parse_args()
    binary = str(Path(arguments.binary).resolve())
    with tempfile.TemporaryDirectory(prefix="inkprint-bench-", dir=arguments.folder) as folder:
        folder = Path(folder)
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LC_ALL": "C"}
        bench = Bench(binary, folder, environment, arguments.rounds)
        bench.run(["keys", "init"])
        if arguments.only in (None, "pipe"):
            bench.pipes(arguments.size)
        if arguments.only in (None, "search"):
            bench.search(arguments.size)
        if arguments.only in (None, "lookup"):
            bench.lookups(arguments.rows)


class Bench:
    def __init__(self, binary, folder, environment, rounds):
        self.binary, self.folder, self.environment, self.rounds = binary, folder, environment, rounds

    def run(self, arguments, data=b"", codes=(0,)):
        done = subprocess.run([self.binary, *arguments], input=data, stdout=subprocess.PIPE, env=self.environment, cwd=self.folder)
        assert done.returncode in codes, (arguments, done.returncode)
        return done.stdout

    def seconds(self, command, data=None, codes=(0,)):
        begin = time.monotonic()
        done = subprocess.run(command, input=data, stdout=subprocess.DEVNULL, env=self.environment, cwd=self.folder)
        assert done.returncode in codes, (command, done.returncode)
        return time.monotonic() - begin

    def beside(self, name, size, ours, theirs):
        """Prints both speeds and how much slower ours is; `size` in bytes."""
        pairs = []
        for number in range(self.rounds):
            # Who goes first may be better off.
            if number % 2:
                pairs.append((self.seconds(ours), self.seconds(theirs)))
            else:
                pairs.append((self.seconds(theirs), self.seconds(ours))[::-1])
        ratio = statistics.median(theirs / ours for ours, theirs in pairs)
        speeds = [size / MB / statistics.median(side) for side in zip(*pairs)]
        print(f"{name}: {speeds[0]:.0f} MB/s beside {speeds[1]:.0f} MB/s: {100 * ratio:.1f} %", flush=True)

    def pipes(self, size):
        index = self.folder / "index"
        # Into an index that is there, as a pipe has it that runs for long.
        for name, every, megabytes in [("a secret in 1 of 1,000 lines", 1000, size), ("a secret in every line", 1, size // 4)]:
            log = self.folder / "log"
            make_log(log, megabytes * MB, every)
            self.pair(name, log, index)
        log = self.folder / "distinct.log"
        with log.open("w") as out:
            for number in range(size * MB // 4 // 100):
                out.write(f"level=info service=web msg=refused user={number:08} password=Vq7-{random.getrandbits(60):015x} remote=10.0.0.1\n")
        for path in self.folder.glob("index*"):
            path.unlink()
        self.pair("another secret in every line", log, index)
        print(f"  its index: {os.path.getsize(index) / MB:.0f} MB")

    def pair(self, name, log, index):
        command = [self.binary, "-q", str(log), "-o", "/dev/null"]
        self.beside(f"pipe with --sightings, {name}", log.stat().st_size, [*command, "--sightings", str(index)], command)

    def search(self, size):
        if not shutil.which("rg"):
            print("ripgrep is not installed: no comparison with it")
            return
        mark = self.run(["-q"], f"GITHUB_TOKEN={TOKEN}\n".encode()).decode().strip().removeprefix("GITHUB_TOKEN=")
        (self.folder / "secret").write_text(TOKEN)
        for name, every in [("1 of 1,000 lines", 1000), ("every line", 1)]:
            log, cleaned = self.folder / "log", self.folder / "cleaned.log"
            make_log(log, size * MB, every)
            self.run(["-q", str(log), "-o", "cleaned.log"])
            with cleaned.open("a") as out:
                out.write(f"token={mark}\n")
            ours = [self.binary, "trace", "--from", "secret", "--in", "cleaned.log"]
            held = cleaned.stat().st_size
            self.beside(f"trace --in, marks in {name}, beside rg -F", held, ours, ["rg", "-F", mark[-24:-4], "cleaned.log"])

    def lookups(self, rows):
        seen = f"GITHUB_TOKEN={TOKEN}\n".encode()
        for epoch in range(3):
            if epoch:
                self.run(["keys", "rotate"])
            self.run(["-q", "--sightings", "large", "--source", "unit"], seen)
        fill(self.folder / "large", rows)
        command = [self.binary, "trace", "--sightings", "large"]
        for name, data in [("one token", TOKEN.encode()), ("10,000 tokens", tokens(10_000))]:
            first = self.seconds(command, data)
            later = sorted(self.seconds(command, data) for _ in range(self.rounds))
            print(f"trace of {name} from {rows:,} sightings: first {1000 * first:.0f} ms, then median {1000 * statistics.median(later):.0f} ms, most {1000 * later[-1]:.0f} ms", flush=True)
        start = sorted(self.seconds([self.binary, "trace", "--in", "/dev/null"], TOKEN.encode(), codes=(1,)) for _ in range(self.rounds))
        print(f"  beside that, a start that reads the rules: {1000 * statistics.median(start):.0f} ms")
        print(f"  the index: {os.path.getsize(self.folder / 'large') / MB:.0f} MB")


def tokens(count):
    lines = [TOKEN] + [f"ghp_{random.getrandbits(180):036x}"[:40] for _ in range(count - 1)]
    return "\n".join(lines).encode()


def fill(path, rows):
    """Adds so many rows: ten hours and sources for each of a tenth as many fingerprints."""
    random.seed(1)
    prints = sorted("".join(random.choices(ALPHABET, k=24)) for _ in range(rows // 10))
    db = sqlite3.connect(path)
    node = db.execute("SELECT value FROM meta").fetchone()[0]
    for number in range(20):
        db.execute("INSERT INTO source (node, namespace, name) VALUES (?, 'default', ?)", (node, f"web-{number}"))
    sources = [row[0] for row in db.execute("SELECT id FROM source")]
    (rule,) = db.execute("SELECT id FROM rule").fetchone()

    def all_rows():
        for fingerprint in prints:
            epoch = random.randrange(1, 4)
            cells = {(random.choice(sources), random.randrange(2000)) for _ in range(10)}
            for source, hour in sorted(cells):
                at = START + 3600 * hour
                yield fingerprint, epoch, rule, source, at, 3, at + 5, at + 3000

    db.executemany("INSERT INTO sighting VALUES (?, ?, ?, ?, ?, ?, ?, ?)", all_rows())
    db.executemany("INSERT INTO coverage VALUES (?, ?, 1000, 100000, 0, 0)", [(s, START + 3600 * h) for s in sources for h in range(2000)])
    db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


if __name__ == "__main__":
    main()
