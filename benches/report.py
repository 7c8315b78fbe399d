#!/usr/bin/env python3
"""Turns what the benches measured into docs/performance.md.

  benches/report.py FILE.json... [--into docs/performance.md]

Each file holds sections as `cargo bench --bench scan -- --json` and `benches/end_to_end.py --json` write them. The text of the page
stands here, the figures come from the files, and the machine is the one that this runs on: so run it where the benches ran.
"""
import argparse
import json
import os
import platform
import re
import subprocess
from pathlib import Path

PAGE = """\
# Performance

Figures of one run on one machine, written by `make bench-report`. Ratios say more than speeds: whatever is compared ran in turn, in
one run, on the same bytes.

## Machine

{machine}

## Method

```sh
make bench          # measure and print
make bench-report   # measure and rewrite this page
```

- In process (`benches/scan/`): one thread, processor time of that thread. Contestants take turns, the order changes from round to
  round, and a ratio is the median of the rounds' ratios, with the quartiles beside it. Each contestant states how many matches it
  must find: a fast path that is wrong fails the bench.
- End to end (`benches/end_to_end.py`): whole processes with a home and a keyring of their own, files in the page cache, output to
  /dev/null unless a table says otherwise.
- The log is made from `benches/log/`: JSON, logfmt, access logs, container logs, stack traces and syslog, with many look-alikes that
  are no secrets. `INKPRINT_BENCH_LOG=FILE` takes another log where secrets are rare, `INKPRINT_BENCH_CLEAN_LOG=FILE` where there are none.
- `cargo bench --bench groups -- FILE` shows at how many places of a log the engine's literal matcher looks closely for nothing, and which
  literals that comes from; with `--shorten` it looks for parts of them that cost less, and prints the table of those that the program has.
- MB are 10^6 bytes.

## Bounds

{bounds}
{sections}"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--into", type=Path, default=Path(__file__).resolve().parent.parent / "docs/performance.md")
    arguments = parser.parse_args()
    sections = [section for file in arguments.files for section in json.loads(file.read_text())]
    bounds = [one for section in sections for one in section["bounds"]]
    heads = [("what", "text"), ("measured", "x"), ("bound", "text")]
    rows = [[one["what"], shown(one["unit"], one["measured"]), verdict(one)] for one in bounds]
    body = "".join(f"\n## {section['title']}\n\n{section['about']}\n\n{table_of(section)}\n" for section in sections)
    page = PAGE.format(machine=machine(), bounds=table(heads, rows), sections=body)
    arguments.into.write_text(page, encoding="utf-8")
    print(f"wrote {arguments.into.name}")


def table_of(section):
    heads = [(column["name"], column["unit"]) for column in section["columns"]]
    return table(heads, [[shown(unit, cell) for (_, unit), cell in zip(heads, row)] for row in section["rows"]])


def table(heads, rows):
    """A Markdown table; numbers stand to the right."""
    lines = [[name for name, _ in heads], ["---" if unit == "text" else "---:" for _, unit in heads], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def shown(unit, cell):
    """A figure as a person reads it."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return cell
    return {
        "count": f"{cell:,.0f}",
        "MB/s": f"{cell:,.0f} MB/s" if cell >= 10 else f"{cell:.1f} MB/s",
        "x": f"{cell:.2f}",
        "ms": f"{cell:.1f} ms",
        "ns": f"{cell:,.0f} ns",
        "MiB": f"{cell:.0f} MiB",
    }[unit]


def verdict(one):
    """A bound in words, and whether it holds."""
    word, limit = ("at least", one["at_least"]) if one["at_least"] is not None else ("at most", one["at_most"])
    return f"{word} {shown(one['unit'], limit)}: {'holds' if one['holds'] else 'MISSED'}"


def machine():
    """What matters of the machine, as a list."""
    processor = re.search(r"model name\s*: (.+)", read("/proc/cpuinfo"))
    memory = re.search(r"MemTotal:\s*(\d+)", read("/proc/meminfo"))
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=False).stdout.strip()
    facts = [
        ("Processor", processor[1] if processor else platform.processor()),
        ("Processors", str(os.cpu_count())),
        ("Memory", f"{int(memory[1]) / (1 << 20):.0f} GiB" if memory else "unknown"),
        ("System", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        ("Compiler", rustc or "unknown"),
        ("Load at the end of the run", f"{os.getloadavg()[0]:.1f}"),
    ]
    return "\n".join(f"- {name}: {value}" for name, value in facts)


def read(path):
    try:
        return Path(path).read_text()
    except OSError:
        return ""


if __name__ == "__main__":
    main()
