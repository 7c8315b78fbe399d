#!/usr/bin/env python3
"""Measures inkprint serve over loopback TCP, beside socat copying the same bytes, in one run, and says what must hold.

  benches/serve.py PROGRAM [--size MB] [--rounds N] [--idle N] [--lines N] [--json FILE]

1. one: one sender, one receiver, the same log through socat (its default settings) and through inkprint, in turn; the best round of
   each counts. At least half of socat's.
2. eight: the same bytes by eight connections at once; then a log with a secret in every line, where there is more to do in the service
   and less around it. In one of them at least 1.5 times one connection on two cores, or no core is left to the service: the senders and
   the receiver need some, too.
3. idle: so many connections that say nothing. Under 200 MiB for 10,000.
4. latency: a line now and then on an idle connection, from its sending to its arrival. Under 1 ms at the median, 5 ms at the 99th
   percentile.

Senders and the receiver are processes of their own. Needs socat and Python's standard library. Exits with 1 when something
was lost or let through.
"""
import argparse, json, multiprocessing, os, resource, socket, subprocess, sys, tempfile, time

from end_to_end import bound, columns, show
from served import Served, connected, free_port, wait_until
from tcp import log_text

CHUNK = 1 << 20


def receive(listener, lines, pipe):
    """Accepts connections one after the other until so many lines have come, and tells when the last one did."""
    buffer, count, leaked, tail = bytearray(CHUNK), 0, False, b""
    while count < lines:
        connection, _ = listener.accept()
        while read := connection.recv_into(buffer):
            part = bytes(memoryview(buffer)[:read])
            count += part.count(b"\n")
            leaked = leaked or b"ghp_" in tail + part
            tail = part[-3:]
            if count >= lines:
                break
        connection.close()
    pipe.send((count, leaked, time.monotonic()))


def send(port, path, start):
    sender = connected(port)
    start.wait()
    with open(path, "rb") as file:
        offset, size = 0, os.fstat(file.fileno()).st_size
        while offset < size:
            offset += os.sendfile(sender.fileno(), file.fileno(), offset, size - offset)
    sender.shutdown(socket.SHUT_WR)
    # To the other side's end, so that nothing is cut off.
    while sender.recv(1):
        pass


def run(port_of, files, lines):
    """Sends each file on a connection of its own through what `port_of` starts; bytes a second, and the faults."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port, ended = port_of(listener.getsockname()[1])
        here, there = multiprocessing.Pipe()
        receiver = multiprocessing.Process(target=receive, args=(listener, lines, there))
        start = multiprocessing.Barrier(len(files) + 1)
        senders = [multiprocessing.Process(target=send, args=(port, path, start)) for path in files]
        for process in [receiver, *senders]:
            process.start()
        start.wait()
        begin = time.monotonic()
        count, leaked, end = here.recv() if here.poll(300) else (0, False, begin + 300)
        for process in [receiver, *senders]:
            process.join(30)
            process.kill()
        faults = ended()
    if count != lines:
        faults.append(f"{count} of {lines} lines")
    return sum(map(os.path.getsize, files)) / (end - begin), leaked, faults


def through_socat(files, lines):
    def start(peer):
        port = free_port()
        socat = subprocess.Popen(["socat", "-u", f"TCP-LISTEN:{port},reuseaddr", f"TCP:127.0.0.1:{peer}"])
        return port, lambda: [] if socat.wait(30) == 0 else ["socat failed"]

    speed, _, faults = run(start, files, lines)
    return speed, faults


def through_inkprint(program, home, files, lines, threads):
    used = {}

    def start(peer):
        served = Served(program, home, peer, threads=threads)
        before = served.processor_seconds()

        def ended():
            used["cpu"] = served.processor_seconds() - before
            code = served.stop()
            return [] if code == 0 else [f"exit code {code}"]

        return served.port, ended

    speed, leaked, faults = run(start, files, lines)
    return speed, faults + (["a secret was let through"] if leaked else []), used


def busy_seconds():
    """Seconds in which the machine's processors worked, whoever for."""
    with open("/proc/stat") as stat:
        user, nice, system, _, _, irq, softirq = map(int, stat.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def throughput(program, home, parts, rounds):
    lines = sum(part.count(b"\n") for part in parts)
    whole = os.path.join(home, "whole")
    with open(whole, "wb") as file:
        file.writelines(parts)
    eighths = []
    for number in range(8):
        eighths.append(os.path.join(home, f"part{number}"))
        with open(eighths[-1], "wb") as file:
            file.writelines(parts[number::8])
    best, faults, cores, busy = {"socat": 0.0, "one": 0.0, "eight": 0.0}, [], {}, {}
    threads = os.cpu_count() or 1
    for _ in range(rounds):
        speed, told = through_socat([whole], lines)
        best["socat"], faults = max(best["socat"], speed), faults + told
        for name, files in (("one", [whole]), ("eight", eighths)):
            before = busy_seconds()
            speed, told, used = through_inkprint(program, home, files, lines, threads)
            machine = busy_seconds() - before
            faults += [f"{name}: {fault}" for fault in told]
            if speed > best[name]:
                seconds = sum(map(os.path.getsize, files)) / speed
                best[name], cores[name], busy[name] = speed, used["cpu"] / seconds, machine / seconds
    return {
        "MB": sum(map(len, parts)) // 10**6, "socat MB/s": best["socat"] / 1e6, "one MB/s": best["one"] / 1e6,
        "eight MB/s": best["eight"] / 1e6, "one to socat": best["one"] / best["socat"], "eight to one": best["eight"] / best["one"],
        "cores used by one": cores["one"], "cores used by eight": cores["eight"],
        "cores busy with one": busy["one"], "cores busy with eight": busy["eight"],
    }, faults


def idle(program, home, count):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 1000) if hard != resource.RLIM_INFINITY else count + 1000, hard))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = Served(program, home, listener.getsockname()[1], connections=count + 10, memory="128M")
        accepted, _ = listener.accept()
        before = served.status("VmRSS")
        sockets = [connected(served.port) for _ in range(count)]
        name = 'inkprint_source_connections{source="in"}'
        here = wait_until(lambda: served.metric(name) >= count, 60)
        after = served.status("VmRSS")
        # Each still works, and one line on each does not cost a buffer for good.
        for sender in sockets:
            sender.sendall(b"a line\n")
        got = 0
        while got < count:
            got += accepted.recv(CHUNK).count(b"\n")
        used = served.status("VmRSS")
        for sender in sockets:
            sender.close()
        gone = wait_until(lambda: served.metric(name) == 0, 60)
        code = served.stop()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    faults = ([] if here else ["not all were accepted"]) + ([] if gone else ["not all were let go"]) + ([] if code == 0 else [f"exit code {code}"])
    return {"connections": count, "MiB before": before / 2**20, "MiB idle": after / 2**20, "MiB after a line each": used / 2**20}, faults


def latency(program, home, count):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        served = Served(program, home, listener.getsockname()[1])
        accepted, _ = listener.accept()
        sender = connected(served.port)
        sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        times, line = [], b"2026-03-01T10:00:00Z INFO request served in 17 ms id=%08d\n"
        for number in range(count):
            text = line % number
            begin = time.perf_counter()
            sender.sendall(text)
            got = b""
            while not got.endswith(b"\n"):
                got += accepted.recv(CHUNK)
            times.append(time.perf_counter() - begin)
            # Idle, as it would be: not a stream of lines.
            time.sleep(0.001)
        sender.close()
        code = served.stop()
    times.sort()
    return {
        "lines": count, "median ms": times[len(times) // 2] * 1e3, "p99 ms": times[len(times) * 99 // 100] * 1e3, "most ms": times[-1] * 1e3,
    }, [] if code == 0 else [f"exit code {code}"]


def sections(result):
    """The figures as tables, each with what must hold, as `benches/report.py` takes them."""
    cpus = os.cpu_count() or 1
    one, dense, slow = result["throughput"], result["dense"], result["latency"]
    rows = []
    for name, log in (("1 of 1,000 lines holds a secret", one), ("a secret in every line", dense)):
        rows += [
            [name, "socat, one connection", log["socat MB/s"], None, None],
            [name, "inkprint, one connection", log["one MB/s"], log["cores used by one"], log["cores busy with one"]],
            [name, "inkprint, eight connections", log["eight MB/s"], log["cores used by eight"], log["cores busy with eight"]],
        ]
    bounds = [bound("one connection of the service, beside socat", "x", one["one to socat"], at_least=0.5)]
    # Where one connection leaves no core to anybody, more of them cannot be faster.
    if one["cores busy with one"] < 0.9 * cpus:
        bounds.append(bound("eight connections, beside one", "x", one["eight to one"], at_least=1.5))
    bounds.append(bound("eight connections, beside one, a secret in every line", "x", dense["eight to one"], at_least=1.5))
    yield {
        "id": "service",
        "title": "The service, over TCP",
        "about": "From senders over loopback through the service to a receiver, all processes of one machine, with socat in its default settings in "
        f"between instead, in turn; the best of several runs of each. Cores are what the service used, and what was busy of {cpus} with all processes "
        "together: with few secrets, the senders and the receiver need what the service leaves, and more connections cannot be faster.",
        "columns": columns(
            ("log", "text"), ("through", "text"), ("speed", "MB/s"), ("cores of the service", "x"), ("cores busy", "x")),
        "rows": rows,
        "bounds": bounds,
    }
    rows = [["a line's way on an idle connection, median", f"{slow['median ms']:.2f} ms"], ["the same, 99th percentile", f"{slow['p99 ms']:.2f} ms"],
            ["the same, the longest", f"{slow['most ms']:.2f} ms"]]
    bounds = [bound("a line's way, median", "ms", slow["median ms"], at_most=1), bound("a line's way, 99th percentile", "ms", slow["p99 ms"], at_most=5)]
    if "idle" in result:
        idle = result["idle"]
        rows += [["resident, before there are connections", f"{idle['MiB before']:.0f} MiB"],
                 [f"with {idle['connections']:,} idle connections", f"{idle['MiB idle']:.0f} MiB"],
                 ["and after a line on each", f"{idle['MiB after a line each']:.0f} MiB"]]
        bounds.append(bound(f"{idle['connections']:,} idle connections, resident", "MiB", idle["MiB idle"], at_most=200))
    yield {
        "id": "service-idle",
        "title": "The service, mostly idle",
        "about": f"{slow['lines']:,} lines, one every now and then, each timed from before it is sent until it has arrived.",
        "columns": columns(("what", "text"), ("measured", "text")),
        "rows": rows,
        "bounds": bounds,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("--size", type=int, default=500, help="MB of log")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=int, default=10_000, help="idle connections; 0 leaves this out")
    parser.add_argument("--lines", type=int, default=3_000, help="lines whose way is timed")
    parser.add_argument("--json", help="write the figures to this file")
    args = parser.parse_args()
    program = os.path.abspath(args.program)
    result, faults = {}, []
    with tempfile.TemporaryDirectory() as home:
        result["latency"], told = latency(program, home, args.lines)
        faults += told
        if args.idle:
            result["idle"], told = idle(program, home, args.idle)
            faults += told
        result["throughput"], told = throughput(program, home, log_text(args.size * 10**6), args.rounds)
        faults += told
        result["dense"], told = throughput(program, home, log_text(args.size * 10**5, secrets=1), args.rounds)
        faults += told
    tables = list(sections(result))
    for section in tables:
        show(section)
    for fault in faults:
        print(f"FAULT: {fault}")
    if args.json:
        with open(args.json, "w") as file:
            json.dump(tables, file, indent=2)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
