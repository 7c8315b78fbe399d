#!/usr/bin/env python3
"""Measures the program end to end, beside a bare copy of the same bytes: whole processes, in turn, in one run.

  benches/end_to_end.py [--binary PROGRAM] [--log FILE] [--size MB] [--rounds N] [--long] [--json FILE]

1. In a pipe: `cat log | inkprint > /dev/null` beside `cat log | cat > /dev/null`; from a file beside `cp`; with `-o` beside `cp`.
2. A secret in every line: megabytes per second of processor time, of all threads and of the kernel's work for them.
3. The start: the processor time that `echo x | inkprint` takes.
4. Memory: the most that was resident while a long stream went through.

Ratios are of times on the clock, round by round, and the median counts; MB are 10^6 bytes. Needs Python's standard library, cat and
cp. INKPRINT_BENCH_LOG may name the log in the place of --log; without one a log is made from benches/log/, with a secret in one
line of a thousand.
"""
import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
MB = 10**6
# So much of a log is made; it is repeated to the size that is asked for.
MADE = 8 * MB
# Small, because what this process has resident counts as a child's until the child has its own memory.
COPY = 1 << 18
SECRET_EVERY = 1000


def main():
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="inkprint-bench-") as folder:
        folder = Path(folder)
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LC_ALL": "C"}
        bench = Bench(arguments.binary, folder, environment, arguments.rounds)
        # The first run makes the keyring, which none of the others shall be charged with.
        subprocess.run([arguments.binary, "--quiet"], input=b"x\n", stdout=subprocess.DEVNULL, env=environment, check=True)
        log, every = folder / "mixed.log", folder / "every.log"
        if arguments.log:
            repeat(arguments.log, log, arguments.size * MB)
        else:
            bench.expect(log, make_log(log, arguments.size * MB, SECRET_EVERY))
        bench.expect(every, make_log(every, arguments.size * MB // 4, 1))
        sections = [
            bench.copies(log),
            bench.every_line(every),
            bench.start(),
            bench.memory(log, (4 if arguments.long else 1) << 30),
        ]
    for section in sections:
        show(section)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(sections, indent=2) + "\n")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=HERE.parent / "target/release/inkprint", type=Path, help="the program that is measured")
    parser.add_argument("--log", default=os.environ.get("INKPRINT_BENCH_LOG"), type=Path, help="a log to measure with")
    parser.add_argument("--size", default=1000, type=int, help="megabytes of log for each run")
    parser.add_argument("--rounds", default=5, type=int, help="runs of each command; the median counts")
    parser.add_argument("--long", action="store_true", help="send 4 GiB through for the memory, not 1")
    parser.add_argument("--json", help="write the results to this file, too")
    arguments = parser.parse_args()
    arguments.binary = arguments.binary.resolve()
    if not os.access(arguments.binary, os.X_OK):
        parser.error(f"there is no program at {arguments.binary}: build it with `make build`")
    return arguments


class Bench:
    """One program, and the folder that it is measured in."""

    def __init__(self, binary, folder, environment, rounds):
        self.binary, self.folder, self.environment, self.rounds = binary, folder, environment, rounds

    def expect(self, log, secrets):
        """Ends the run unless the program finds so many secrets in a log: the speed of a wrong result is of no interest."""
        command = [self.binary, "--quiet", "--stats=json", log]
        ran = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=self.environment, check=True)
        found = json.loads(ran.stderr)["matches"]
        if found != secrets:
            sys.exit(f"{log.name} holds {secrets} secrets, and {found} were found")

    def copies(self, log):
        """The program beside a copy, three ways."""
        size, out = log.stat().st_size, self.folder / "out.log"
        cat, inkprint = ["cat"], [self.binary, "--quiet"]
        pairs = [
            ("cat log | … > /dev/null", "cat", (["cat", log], cat), "inkprint", (["cat", log], inkprint), None),
            ("… log > /dev/null", "cp", (["cp", log, "/dev/null"],), "inkprint", ([*inkprint, log],), None),
            ("… log to a file", "cp", (["cp", log, out],), "inkprint -o", ([*inkprint, log, "-o", out],), out),
        ]
        rows, ratios = [], []
        for name, copier, copy, own, clean, written in pairs:
            copies, cleans = [], []
            for _ in range(self.rounds + 1):
                for command, runs in ((copy, copies), (clean, cleans)):
                    if written:
                        written.unlink(missing_ok=True)
                    runs.append(self.run(*command))
            # The first round fills the caches.
            copies, cleans = copies[1:], cleans[1:]
            ratio = quartiles([copy.wall / clean.wall for copy, clean in zip(copies, cleans)])
            ratios.append(ratio[1])
            for label, runs, figures in ((copier, copies, (1.0, None, None)), (own, cleans, (ratio[1], ratio[0], ratio[2]))):
                rate = statistics.median(size / MB / run.wall for run in runs)
                processor = statistics.median(size / MB / run.processor for run in runs)
                rows.append([name, label, rate, processor, *figures])
        return {
            "id": "copies",
            "title": "Beside a bare copy",
            "about": "A log with a secret in about one line of a thousand, all threads. The speed on the clock; the share is that of "
            "the copy's, round by round, with its quartiles. *Per core* is the speed by processor time, user and system, of the last "
            "process alone.",
            "columns": columns(("command", "text"), ("with", "text"), ("speed", "MB/s"), ("per core", "MB/s"), ("share", "x"), ("from", "x"), ("to", "x")),
            "rows": rows,
            "bounds": [bound("in a pipe, beside cat", "x", ratios[0], at_least=0.5)],
        }

    def every_line(self, log):
        """What a log full of secrets costs."""
        size = log.stat().st_size
        runs = [self.run([self.binary, "--quiet", log]) for _ in range(self.rounds)]
        rate = statistics.median(size / MB / run.processor for run in runs)
        wall = statistics.median(size / MB / run.wall for run in runs)
        return {
            "id": "every-line",
            "title": "A secret in every line",
            "about": "From a file to /dev/null. Per core is by processor time, user and system, of all threads.",
            "columns": columns(("log", "text"), ("speed", "MB/s"), ("per core", "MB/s")),
            "rows": [["a secret in every line", wall, rate]],
            "bounds": [bound("a secret in every line, per core", "MB/s", rate, at_least=150)],
        }

    def start(self):
        """The shortest of runs."""
        line = self.folder / "x"
        line.write_text("x\n")
        runs = [self.run([self.binary, "--quiet"], stdin=line) for _ in range(20)]
        processor = quartiles([run.processor * 1000 for run in runs])
        wall = quartiles([run.wall * 1000 for run in runs])
        return {
            "id": "echo",
            "title": "echo x | inkprint",
            "about": "With all rules of both packs; the quartiles beside the median.",
            "columns": columns(("time", "text"), ("median", "ms"), ("from", "ms"), ("to", "ms")),
            "rows": [
                ["processor", processor[1], processor[0], processor[2]],
                ["clock", wall[1], wall[0], wall[2]],
            ],
            "bounds": [bound("echo x | inkprint, processor time", "ms", processor[1], at_most=60)],
        }

    def memory(self, log, size):
        """What stays resident while `size` bytes go through."""
        process = subprocess.Popen([self.binary, "--quiet"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=self.environment)
        sent = 0
        with process.stdin as pipe:
            while sent < size:
                sent += copy_to(log, pipe, size - sent)
        most = finish(process).ru_maxrss / 1024
        return {
            "id": "memory",
            "title": "Memory",
            "about": "The most that was resident while a stream went through a pipe.",
            "columns": columns(("stream", "text"), ("most", "MiB")),
            "rows": [[f"{sent / (1 << 30):.0f} GiB", most]],
            "bounds": [bound("memory, the most resident", "MiB", most, at_most=96)],
        }

    def run(self, *commands, stdin=None):
        """Runs the commands as a pipeline into nowhere; the time of the whole, and the processor time of the last."""
        started = time.perf_counter()
        source = open(stdin, "rb") if stdin else subprocess.DEVNULL
        processes = []
        for command in commands:
            last = command is commands[-1]
            target = subprocess.DEVNULL if last else subprocess.PIPE
            processes.append(subprocess.Popen(command, stdin=source, stdout=target, env=self.environment))
            if source is not subprocess.DEVNULL:
                source.close()
            source = processes[-1].stdout
        usages = [finish(process) for process in reversed(processes)]
        wall = time.perf_counter() - started
        return Run(wall, usages[0].ru_utime + usages[0].ru_stime)


class Run:
    """What one pipeline took, in seconds."""

    def __init__(self, wall, processor):
        self.wall, self.processor = wall, processor


def finish(process):
    """Waits for a process and returns what it used."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, process.args))} ended with {process.returncode}")
    return usage


def quartiles(values):
    """The lower quartile, the median and the upper quartile."""
    return statistics.quantiles(values, n=4, method="inclusive")


def columns(*pairs):
    return [{"name": name, "unit": unit} for name, unit in pairs]


def bound(what, unit, measured, at_least=None, at_most=None):
    holds = measured >= at_least if at_most is None else measured <= at_most
    return {"what": what, "at_least": at_least, "at_most": at_most, "measured": measured, "unit": unit, "holds": holds}


def show(section):
    """Prints a section for a person."""
    from report import shown, verdict

    heads = section["columns"]
    lines = [[column["name"] for column in heads]]
    lines += [[shown(column["unit"], cell) for column, cell in zip(heads, row)] for row in section["rows"]]
    widths = [max(len(line[at]) for line in lines) for at in range(len(heads))]
    print(f"\n{section['title']}")
    for line in lines:
        cells = [cell.ljust(width) if head["unit"] == "text" else cell.rjust(width) for cell, width, head in zip(line, widths, heads)]
        print("  " + "  ".join(cells).rstrip())
    for one in section["bounds"]:
        print(f"  {one['what']}: {shown(one['unit'], one['measured'])}, {verdict(one)}")


def repeat(source, target, size):
    """Writes a log as often as makes `size` bytes of it at least; how often that is."""
    times = 0
    with open(target, "wb") as out:
        while out.tell() < size:
            copy_to(source, out)
            times += 1
    return times


def copy_to(path, out, most=sys.maxsize):
    """Writes a file to `out`, no more than `most` bytes of it; how many that were."""
    written = 0
    with open(path, "rb", buffering=0) as source:
        while block := source.read(min(COPY, most - written)):
            out.write(block)
            written += len(block)
    return written


def make_log(path, size, secret_every):
    """A log of the templates in benches/log/, with a secret in each line whose number is a multiple of `secret_every`; how
    many secrets that are."""
    made = path.with_suffix(".part")
    templates = Templates()
    number = written = 0
    with open(made, "w", encoding="ascii") as out:
        while written < min(MADE, size):
            number += 1
            written += out.write(templates.line(secret=number % secret_every == 0))
    times = repeat(made, path, size)
    made.unlink()
    return number // secret_every * times


class Templates:
    """Lines with placeholders, as benches/log/lines.txt describes them."""

    ALPHABETS = {
        "hex": "0123456789abcdef",
        "digits": "0123456789",
        "upper": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
        "b62": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "b64": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    }
    PLACEHOLDER = re.compile(r"\{\{(.+?)\}\}")

    def __init__(self):
        self.random = random.Random(1)
        self.parts = dict(line.split(" ", 1) for line in read_lines("parts.txt"))
        self.plain, self.secrets = read_lines("lines.txt"), read_lines("secrets.txt")

    def line(self, secret):
        return self.filled(self.random.choice(self.secrets if secret else self.plain)) + "\n"

    def filled(self, template):
        return self.PLACEHOLDER.sub(lambda found: self.value(found[1]), template)

    def value(self, placeholder):
        if placeholder in self.parts:
            return self.filled(self.parts[placeholder])
        kind, _, rest = placeholder.partition(" ")
        if kind == "int":
            return str(self.random.randint(*map(int, rest.split())))
        if kind == "pick":
            return self.random.choice(rest.split("|"))
        return "".join(self.random.choices(self.ALPHABETS[kind], k=int(rest)))


def read_lines(name):
    lines = (HERE / "log" / name).read_text(encoding="ascii").splitlines()
    return [line for line in lines if not line.startswith("#")]


if __name__ == "__main__":
    main()
