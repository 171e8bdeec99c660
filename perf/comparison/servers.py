"""The servers that are compared: started on a core of their own, verified, and their CPU read."""

import http.client
import json
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PEERS = ROOT / "perf/peers"
BUILT = ROOT / "target/perf"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

# Far above the longest run, so that every frame which is counted is an answer, and no limit on
# updates, which Bun does not have.
QUIET_SOCKETS = {
    "WS_HEARTBEAT_INTERVAL": "60000",
    "WS_TIMEOUT": "3600000",
    "THIRTEEN_RATE_WRITES_PER_MINUTE": "1000000",
}


class Fault(Exception):
    """What keeps a comparison from being one; its text names the remedy."""


class Server:
    """A running server. Used in a `with`, at whose end it is gone."""

    name = ""

    def __init__(self, setup):
        self.setup = setup
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="thirteen-perf-"))
        self.process = None
        # Every door that it printed, and the one that is measured.
        self.doors = {}
        self.address = None

    def command(self):
        """The command line; it prints `NAME http://ADDRESS` and `ready`."""
        raise NotImplementedError

    def environment(self):
        return {}

    def version(self):
        raise NotImplementedError

    def __enter__(self):
        core = str(self.setup.server_core)
        command = ["taskset", "-c", core, *map(str, self.command())]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.environment()}
        self.log = open(self.folder / "log", "w+b")
        self.process = subprocess.Popen(
            command, cwd=self.folder, env=environment, preexec_fn=raise_open_files,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log,
        )
        try:
            self.await_ready()
            self.check_cores()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def await_ready(self):
        for line in self.process.stdout:
            words = line.decode().split()
            if words == ["ready"]:
                return
            if len(words) == 2 and words[1].startswith("http://"):
                self.doors[words[0]] = words[1].removeprefix("http://").rstrip("/")
                self.address = self.doors.get(self.door())
        raise Fault(f"{self.name} ended before it was ready:\n{self.log_text()}")

    def door(self):
        return self.name

    def log_text(self):
        self.log.flush()
        return (self.folder / "log").read_text(errors="replace")

    def pids(self):
        """The process and its descendants: nginx has a master and a worker."""
        pids = [self.process.pid]
        for pid in pids:
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                pids.extend(map(int, (task / "children").read_text().split()))
        return pids

    def cpu_seconds(self):
        """User and system time of all threads of all its processes."""
        ticks = 0
        for pid in self.pids():
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS_PER_SECOND

    def check_cores(self):
        """A server that pins itself elsewhere would be measured on the load's core."""
        for pid in self.pids():
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                allowed = os.sched_getaffinity(int(task.name))
                if allowed != {self.setup.server_core}:
                    raise Fault(f"{self.name}: thread {task.name} may run on cores {allowed}")

    def reply(self):
        """One `GET /health`: status, headers, body."""
        connection = http.client.HTTPConnection(self.address, timeout=10)
        connection.request("GET", "/health")
        reply = connection.getresponse()
        body = reply.read()
        connection.close()
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}, body

    def verify(self):
        """The reply has to be what the row compares; returns what is recorded of it."""
        status, headers, body = self.reply()
        if status != 200 or headers.get("content-length") != str(len(body)):
            raise Fault(f"{self.name} replied {status} {headers}")
        if abs(len(body) - self.setup.body_bytes) > BODY_BYTES_SLACK:
            raise Fault(f"{self.name}: {len(body)} bytes, not {self.setup.body_bytes}")
        self.verify_body(body)
        return {"status": status, "headers": headers, "body_bytes": len(body)}

    def verify_body(self, body):
        if set(body) != {ord("x")}:
            raise Fault(f"{self.name} replied {body[:80]!r}")


class Thirteen(Server):
    name = "thirteen"

    def command(self):
        doors = [f"--{door}=127.0.0.1:0" for door in ("api", "ops", "registry")]
        return [self.setup.thirteen, "serve", "--shards", "1", "--data", "data", *doors]

    def door(self):
        return "api"

    def version(self):
        return subprocess.check_output([self.setup.thirteen, "--version"], text=True).strip()

    def verify_body(self, body):
        if json.loads(body)["status"] != "healthy":
            raise Fault(f"thirteen replied {body!r}")


class QuietThirteen(Thirteen):
    """Thirteen with its own heartbeats out of the way."""

    def environment(self):
        return QUIET_SOCKETS


class BareRing(Server):
    name = "bare_ring"

    def command(self):
        return [self.setup.examples / "bare_ring", "127.0.0.1:0", self.setup.body_bytes]

    def version(self):
        return "perf/bare_ring.rs of this tree"


class Nginx(Server):
    name = "nginx"

    def command(self):
        self.port = free_port()
        text = (PEERS / "nginx.conf").read_text()
        values = {"PORT": self.port, "FOLDER": self.folder, "BODY": "x" * self.setup.body_bytes}
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        (self.folder / "nginx.conf").write_text(text)
        # A master that runs as root gives its worker to a user who could not enter the folder.
        self.folder.chmod(0o755)
        return [program("nginx"), "-p", self.folder, "-c", "nginx.conf"]

    def await_ready(self):
        """nginx prints nothing: it is ready when its port answers."""
        self.address = f"127.0.0.1:{self.port}"
        while self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=10).close()
                return
            except ConnectionRefusedError:
                try:
                    self.process.wait(timeout=0.01)
                except subprocess.TimeoutExpired:
                    pass
        raise Fault(f"nginx ended before it was ready:\n{self.log_text()}")

    def version(self):
        command = [program("nginx"), "-v"]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stderr
        return output.strip().removeprefix("nginx version: ")


class Bun(Server):
    name = "bun"

    def command(self):
        return [bun(), PEERS / "bun/server.ts", 0, self.setup.body_bytes]

    def version(self):
        return "Bun " + subprocess.check_output([bun(), "--version"], text=True).strip()


class BunPublish(Bun):
    def command(self):
        return [bun(), PEERS / "bun/publish.ts", 0]


def bun():
    """The pinned Bun, installed through npm on first use."""
    # Its own install script only moves the binary of the optional dependency.
    found = sorted(installed("bun").glob("node_modules/@oven/bun-linux-*/bin/bun"))
    # The builds for musl and for old processors come with some versions as well.
    found = [path for path in found if "musl" not in str(path) and "baseline" not in str(path)]
    if len(found) != 1:
        raise Fault(f"npm installed {found} for this machine, not one Bun")
    return found[0]


def installed(peer):
    """The folder with the pinned packages of a peer, which npm fills on first use."""
    folder = BUILT / peer
    lock = (PEERS / peer / "package-lock.json").read_text()
    done = folder / "installed.json"
    if not done.exists() or done.read_text() != lock:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PEERS / peer / name, folder)
        subprocess.run(
            [program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund",
             "--loglevel=error"],
            cwd=folder, check=True, stdout=subprocess.DEVNULL,
        )
        done.write_text(lock)
    return folder


def program(name):
    path = shutil.which(name)
    if path is None:
        raise Fault(f"{name} is not installed: apt-get install -y {PACKAGES.get(name, name)}")
    return path


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def raise_open_files():
    """Every server gets as many descriptors as the machine gives."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


# The body of our /health holds times, whose digits vary.
BODY_BYTES_SLACK = 8

PACKAGES = {"taskset": "util-linux", "npm": "npm nodejs"}
