#!/usr/bin/env python3
"""Measures inkprint --listen --forward over loopback TCP, beside socat copying the same bytes, in one run.

  benches/tcp.py PROGRAM [--size MB] [--rounds N] [--away SECONDS] [--connections N] [--json FILE]

1. ratio: one sender, one receiver, the same generated log through socat (its default settings) and through inkprint, in turn;
   the best round of each counts. The receiver counts bytes and lines.
2. away: the receiver is not there for so many seconds while a sender wants to send all of the log; then it appears. Nothing may
   be missing, and the program's memory is read all the while.
3. many: so many connections at once, each with numbered lines and a planted secret in some of them.

Needs socat and Python's standard library. Exits with 1 when something was lost or let through.
"""
import argparse, collections, hashlib, json, os, random, re, selectors, socket, subprocess, sys, tempfile, threading, time

CHUNK = 1 << 20


def log_text(size, seed=1, secrets=0.001):
    """Some MB of application log, repeated up to `size` bytes; a secret in about this share of the lines."""
    r, lines, have = random.Random(seed), [], 0
    words = "request served worker queue retry upstream cache index shard commit flush lease timeout session region".split()
    while have < 8 << 20:
        stamp = "2026-03-%02dT%02d:%02d:%02d.%03dZ" % (r.randint(1, 28), r.randint(0, 23), r.randint(0, 59), r.randint(0, 59), r.randint(0, 999))
        text = " ".join(r.choice(words) for _ in range(r.randint(4, 14)))
        kind = r.random()
        if kind < 0.4:
            line = '%s INFO app[%d]: %s id=%08x took=%dms' % (stamp, r.randint(1, 9999), text, r.getrandbits(32), r.randint(1, 900))
        elif kind < 0.8:
            line = '{"ts":"%s","level":"info","msg":"%s","trace":"%032x","n":%d}' % (stamp, text, r.getrandbits(128), r.randint(0, 99999))
        else:
            line = '10.0.%d.%d - - [%s] "GET /api/v1/%s/%d HTTP/1.1" 200 %d "-" "curl/8.5"' % (
                r.randint(0, 255), r.randint(0, 255), stamp, r.choice(words), r.randint(1, 9999), r.randint(100, 99999))
        if r.random() < secrets:
            line += " token=ghp_" + "".join(r.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij0123456789") for _ in range(36))
        lines.append(line)
        have += len(line) + 1
    part = ("\n".join(lines) + "\n").encode()
    return [part] * max(1, size // len(part))


class Receiver(threading.Thread):
    """Accepts one connection and counts what comes."""

    def __init__(self, address=("127.0.0.1", 0), whole=None):
        super().__init__(daemon=True)
        self.listener = socket.create_server(address)
        self.address = self.listener.getsockname()
        self.bytes = self.lines = 0
        self.last_at = None
        self.whole = whole
        self.start()

    def run(self):
        connection, _ = self.listener.accept()
        buffer = bytearray(CHUNK)
        while read := connection.recv_into(buffer):
            part = memoryview(buffer)[:read]
            self.last_at = time.perf_counter()
            self.bytes += read
            if self.whole is not None:
                self.whole += part
            self.lines += bytes(part).count(b"\n")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def connected(port, deadline=20):
    end = time.monotonic() + deadline
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


class Program:
    """inkprint between a port of its own and a peer."""

    def __init__(self, program, peer, home):
        self.port = free_port()
        command = [program, "--listen", f"127.0.0.1:{self.port}", "--forward", f"127.0.0.1:{peer}", "--log-level", "off"]
        self.process = subprocess.Popen(command, env={**os.environ, "HOME": home, "XDG_STATE_HOME": home}, stdin=subprocess.DEVNULL)

    def status(self, name):
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(rf"{name}:\s+(\d+) kB", status.read())[1]) * 1024

    def processor_seconds(self):
        return processor_seconds(self.process.pid)

    def stop(self):
        self.process.terminate()
        return self.process.wait(30)


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pump(port, parts):
    sender = connected(port)
    begin = time.perf_counter()
    for part in parts:
        sender.sendall(part)
    sender.shutdown(socket.SHUT_WR)
    return sender, begin


def wait_until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def through_socat(parts):
    receiver = Receiver()
    port = free_port()
    socat = subprocess.Popen(["socat", "-u", f"TCP-LISTEN:{port},reuseaddr", f"TCP:127.0.0.1:{receiver.address[1]}"])
    sender, begin = pump(port, parts)
    receiver.join(120)
    socat.wait(30)
    sender.close()
    return receiver.bytes / (receiver.last_at - begin), receiver


def through_inkprint(program, parts, home, lines):
    receiver = Receiver()
    ink = Program(program, receiver.address[1], home)
    sender, begin = pump(ink.port, parts)
    wait_until(lambda: receiver.lines >= lines)
    cpu, peak = ink.processor_seconds(), ink.status("VmHWM")
    code = ink.stop()
    sender.close()
    receiver.join(30)
    return sum(map(len, parts)) / (receiver.last_at - begin), receiver, cpu, peak, code


def ratio(program, parts, rounds, home):
    lines = sum(part.count(b"\n") for part in parts)
    best = collections.defaultdict(float)
    faults = []
    for _ in range(rounds):
        speed, receiver = through_socat(parts)
        best["socat"] = max(best["socat"], speed)
        speed, receiver, cpu, peak, code = through_inkprint(program, parts, home, lines)
        best["inkprint"] = max(best["inkprint"], speed)
        if receiver.lines != lines or code != 0:
            faults.append(f"{receiver.lines} of {lines} lines, exit code {code}")
    return {
        "bytes": sum(map(len, parts)), "rounds": rounds,
        "socat_MB_s": round(best["socat"] / 1e6, 1), "inkprint_MB_s": round(best["inkprint"] / 1e6, 1),
        "ratio": round(best["inkprint"] / best["socat"], 3), "inkprint_cpu_s": cpu, "peak_rss_MiB": round(peak / 2**20, 1), "faults": faults,
    }


def away(program, parts, seconds, home):
    """The peer is not there; then it is."""
    peer = free_port()
    ink = Program(program, peer, home)
    done = threading.Event()

    def send():
        pump(ink.port, parts)[0].close()
        done.set()

    threading.Thread(target=send, daemon=True).start()
    most, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        most = max(most, ink.status("VmRSS"))
        time.sleep(0.1)
    held_back = not done.is_set()
    receiver = Receiver(("127.0.0.1", peer))
    lines = sum(part.count(b"\n") for part in parts)
    wait_until(lambda: receiver.lines >= lines)
    peak = ink.status("VmHWM")
    code = ink.stop()
    receiver.join(30)
    faults = [] if (receiver.lines, code) == (lines, 0) else [f"{receiver.lines} of {lines} lines, exit code {code}"]
    if not held_back:
        faults.append("the sender was not held back")
    return {"seconds": seconds, "bytes": sum(map(len, parts)), "rss_while_away_MiB": round(most / 2**20, 1),
            "peak_rss_MiB": round(peak / 2**20, 1), "faults": faults}


def many(program, connections, lines_each, home):
    receiver = Receiver(whole=bytearray())
    ink = Program(program, receiver.address[1], home)
    connected(ink.port).close()
    selector, begin = selectors.DefaultSelector(), time.perf_counter()
    sockets = [connected(ink.port) for _ in range(connections)]
    for number, sender in enumerate(sockets):
        sender.setblocking(False)
        lines = []
        for line in range(lines_each):
            secret = b" token=ghp_" + hashlib.sha256(b"%d %d" % (number, line)).hexdigest()[:36].encode() if line % 10 == 0 else b""
            lines.append(b"conn=%d line=%d payload of an ordinary line%s\n" % (number, line, secret))
        selector.register(sender, selectors.EVENT_WRITE, memoryview(b"".join(lines)))
    while selector.get_map():
        for key, _ in selector.select():
            # Small writes, so that lines are cut anywhere and all connections are at work at once.
            rest = key.data[key.fileobj.send(key.data[:1999]):]
            selector.modify(key.fileobj, selectors.EVENT_WRITE, rest)
            if not rest:
                selector.unregister(key.fileobj)
                key.fileobj.shutdown(socket.SHUT_WR)
    total = connections * lines_each
    wait_until(lambda: receiver.lines >= total)
    seconds, peak = time.perf_counter() - begin, ink.status("VmHWM")
    code = ink.stop()
    receiver.join(30)
    found = re.findall(rb"(?m)^conn=(\d+) line=(\d+) ", bytes(receiver.whole))
    next_line, faults = collections.Counter(), []
    for number, line in found:
        if next_line[number] != int(line):
            faults.append(f"connection {int(number)}: line {int(line)} where {next_line[number]} was due")
            break
        next_line[number] += 1
    if len(found) != total or len(next_line) != connections or code != 0:
        faults.append(f"{len(found)} of {total} lines, exit code {code}")
    if b"ghp_" in receiver.whole:
        faults.append("a secret was let through")
    return {"connections": connections, "lines": total, "seconds": round(seconds, 2), "peak_rss_MiB": round(peak / 2**20, 1), "faults": faults}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("--size", type=int, default=500, help="MB of log")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--away", type=float, default=30.0, help="seconds that the peer is away; 0 leaves this out")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--json", help="write the figures to this file")
    args = parser.parse_args()
    program = os.path.abspath(args.program)
    parts = log_text(args.size * 10**6)
    with tempfile.TemporaryDirectory() as home:
        subprocess.run([program], input=b"", env={**os.environ, "HOME": home, "XDG_STATE_HOME": home}, stderr=subprocess.DEVNULL, check=True)
        result = {"ratio": ratio(program, parts, args.rounds, home)}
        if args.away:
            result["away"] = away(program, parts, args.away, home)
        result["many"] = many(program, args.connections, 200, home)
    for name, figures in result.items():
        print(f"{name}: " + ", ".join(f"{key} {value}" for key, value in figures.items()))
    if args.json:
        with open(args.json, "w") as file:
            json.dump(result, file, indent=2)
    sys.exit(any(figures["faults"] for figures in result.values()))


if __name__ == "__main__":
    main()
