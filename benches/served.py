"""inkprint serve for benches: a home with a keyring, a configuration, and the program running on it."""
import os, re, socket, subprocess, time, urllib.request
from collections import Counter

CONFIGURATION = """version = 1
keyring = "k"
threads = {threads}
[limits]
memory = "{memory}"
[log]
level = "warn"
[admin]
listen = "127.0.0.1:{admin}"
[sources.in]
type = "tcp"
listen = "127.0.0.1:{port}"
max_connections = {connections}
[sinks.out]
type = "tcp"
address = "127.0.0.1:{peer}"
{more}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_until(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def connected(port, seconds=20):
    end = time.monotonic() + seconds
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


class Served:
    """The program between a port of its own and a peer."""

    def __init__(self, program, home, peer, connections=64, memory="64M", threads=2, more=""):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("INKPRINT_")}
        environment["HOME"] = home
        if not os.path.exists(os.path.join(home, "k")):
            subprocess.run([program, "keys", "init", "--keyring", "k"], cwd=home, env=environment, check=True, stdout=subprocess.DEVNULL)
        self.port, self.admin = free_port(), free_port()
        with open(os.path.join(home, "inkprint.toml"), "w") as file:
            file.write(CONFIGURATION.format(
                threads=threads, memory=memory, admin=self.admin, port=self.port, connections=connections, peer=peer, more=more))
        command = [program, "serve", "--config", "inkprint.toml"]
        self.log = open(os.path.join(home, "log"), "a")
        self.process = subprocess.Popen(command, cwd=home, env=environment, stdin=subprocess.DEVNULL, stderr=self.log)
        try:
            connected(self.port).close()
        except OSError as error:
            self.process.kill()
            with open(self.log.name) as log:
                raise RuntimeError(f"the service does not listen: {log.read()[-2000:]}") from error

    def status(self, name):
        """A line of its status in bytes: VmHWM or VmRSS."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(rf"{name}:\s+(\d+) kB", status.read())[1]) * 1024

    def descriptors(self):
        """What is open, one entry for each descriptor, without the numbers of sockets, pipes and segments."""
        folder, targets = f"/proc/{self.process.pid}/fd", []
        for name in os.listdir(folder):
            try:
                targets.append(re.sub(r"(?<=/)[^/]*\d[^/]*|\d+", "N", os.readlink(f"{folder}/{name}")))
            except FileNotFoundError:
                pass
        return Counter(targets)

    def processor_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics") as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.rsplit(" ", 1)[1])
        raise KeyError(name)

    def reload(self):
        request = urllib.request.Request(f"http://127.0.0.1:{self.admin}/reload", method="POST")
        with urllib.request.urlopen(request) as answer:
            return answer.status

    def stop(self):
        self.process.terminate()
        return self.process.wait(60)
