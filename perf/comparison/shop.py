"""The commerce API beside Bun with bun:sqlite: the same rows in both, the same JSON from both."""

import http.client
import json
import pathlib
import shutil
import sqlite3
import tempfile
import threading
import time

from . import loads
from .servers import PEERS, BareRing, Bun, Fault, Thirteen, bun

PRODUCTS = 10_000

# Limits that Bun does not have.
UNLIMITED = {"THIRTEEN_RATE_API_PER_MINUTE": "0", "THIRTEEN_RATE_AUTH_PER_15S": "0"}


class Catalogue:
    """A data folder that `--demo` has filled, made once for all servers of a run."""

    made = {}

    def __init__(self, setup, products):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="thirteen-shop-"))
        filling = Filling(setup, self.folder / "data", products)
        with filling:
            pass
        self.administrator = filling.administrator
        database = sqlite3.connect(self.folder / "data/commerce.db")
        (made,) = database.execute("SELECT count(*) FROM products").fetchone()
        # The others are not shown to everybody.
        shown = "SELECT id FROM products WHERE status = 'active' ORDER BY id"
        self.ids = [row[0] for row in database.execute(shown)]
        database.close()
        if made != products:
            raise Fault(f"--demo made {made} products, not {products}")
        self.write("ids", self.ids)
        self.write("products", [f"/api/v1/products/{id}" for id in self.ids])
        self.write("list", ["/api/v1/products?limit=20"])
        self.write("searches", [f"/api/v1/products/search?q={word}" for word in WORDS])

    @classmethod
    def of(cls, setup, products):
        key = 500 if setup.is_quick else products
        if key not in cls.made:
            cls.made[key] = cls(setup, key)
        return cls.made[key]

    def write(self, name, lines):
        (self.folder / name).write_text("".join(f"{line}\n" for line in lines))

    def copy(self, target):
        shutil.copytree(self.folder / "data", target)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Shop(Thirteen):
    """Thirteen with a filled catalogue."""

    products = PRODUCTS

    def command(self):
        self.catalogue = Catalogue.of(self.setup, self.products)
        self.catalogue.copy(self.folder / "data")
        return super().command()

    def environment(self):
        return UNLIMITED

    def verify(self):
        return verify(self)

    def token(self):
        """An access token of the test administrator, whose password the demo prints."""
        email, password = self.catalogue.administrator
        body = json.dumps({"email": email, "password": password})
        status, _, reply = fetch(self.address, "/api/v1/auth/login", body)
        if status != 200:
            raise Fault(f"the administrator cannot sign in: {status} {reply!r}")
        return json.loads(reply)["access_token"]


class UncachedShop(Shop):
    """Thirteen without its cache of replies: every read goes to the store."""

    name = "uncached"

    def door(self):
        return "api"

    def environment(self):
        return {**UNLIMITED, "THIRTEEN_CACHE_REPLY_BYTES": "0"}


class LargeShop(Shop):
    products = 100_000


class UncachedLargeShop(UncachedShop):
    products = 100_000


class Filling(Thirteen):
    """The server that fills a folder; over when it is ready."""

    def __init__(self, setup, data, products):
        super().__init__(setup)
        self.data, self.products = data, products
        self.administrator = None

    def command(self):
        doors = [f"--{door}=127.0.0.1:0" for door in ("api", "ops", "registry")]
        demo = ["serve", f"--demo={self.products}", "--shards", "1", "--data", self.data]
        return [self.setup.thirteen, *demo, *doors]

    def await_ready(self):
        for line in self.process.stdout:
            words = line.decode().split()
            if words == ["ready"]:
                return
            if "signs" in words:
                at = words.index("signs")
                self.administrator = (words[at - 1], words[-1])
        raise Fault(f"the demo ended before it was ready:\n{self.log_text()}")


class BunShop(Bun):
    """Bun on a copy of the same database."""

    def command(self):
        self.catalogue = Catalogue.of(self.setup, PRODUCTS)
        self.catalogue.copy(self.folder / "data")
        return [bun(), PEERS / "bun/shop.ts", 0, self.folder / "data/commerce.db"]

    def verify(self):
        return verify(self)

    def token(self):
        return None


class Ring(BareRing):
    """A bare ring that replies with as many bytes as Thirteen."""

    path = ""

    def command(self):
        catalogue = Catalogue.of(self.setup, PRODUCTS)
        self.catalogue = catalogue
        body_bytes = Ring.sizes.get(type(self))
        if body_bytes is None:
            with Shop(self.setup) as server:
                body_bytes = len(fetch(server.address, self.path_of(catalogue))[2])
            Ring.sizes[type(self)] = body_bytes
        return [self.setup.examples / "bare_ring", "127.0.0.1:0", body_bytes]

    def verify(self):
        return {}

    sizes = {}


class ProductRing(Ring):
    def path_of(self, catalogue):
        return f"/api/v1/products/{catalogue.ids[0]}"


class ListRing(Ring):
    def path_of(self, _):
        return "/api/v1/products?limit=20"


def verify(server):
    """What both give for a product and a list has to be the same, but for what Bun leaves out."""
    path = f"/api/v1/products/{server.catalogue.ids[0]}"
    status, headers, body = fetch(server.address, path)
    if status != 200:
        raise Fault(f"{server.name} replied {status} for {path}")
    listed = fetch(server.address, "/api/v1/products?limit=20")
    if listed[0] != 200 or len(json.loads(listed[2])["items"]) != 20:
        raise Fault(f"{server.name} replied {listed[0]} {listed[2][:200]!r} for a list")
    seen = {field: json.loads(body)[field] for field in FIELDS}
    if server.catalogue.__dict__.setdefault("seen", seen) != seen:
        raise Fault(f"{server.name} gives another product:\n{seen}\n{server.catalogue.seen}")
    return {"status": status, "headers": headers, "body_bytes": len(body)}


def fetch(address, path, body=None, token=None):
    connection = http.client.HTTPConnection(address, timeout=30)
    headers = {"Content-Type": "application/json"} if body else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection.request("POST" if body else "GET", path, body, headers)
    reply = connection.getresponse()
    content = reply.read()
    connection.close()
    return reply.status, {name.lower(): value for name, value in reply.getheaders()}, content


def reads(name):
    """Random paths of one of the catalogue's files, on 64 connections."""
    def run(setup, server):
        paths = server.catalogue.folder / name
        return loads.wrk(setup, server, 64, script=("paths.lua", paths))
    return run


def adjustments(setup, server):
    """Durable writes on 64 connections; each one has to have happened."""
    token = server.token()
    before = on_hand(server)
    script = ("adjust.lua", server.catalogue.folder / "ids", *([token] if token else []))
    result = loads.wrk(setup, server, 64, script=script)
    # wrk does not wait for the last reply of each connection.
    more = on_hand(server) - before
    if not result["requests"] <= more <= result["requests"] + 64:
        raise Fault(f"{server.name}: {more} more on hand after {result['requests']} adjustments")
    return result


def on_hand(server):
    database = sqlite3.connect(server.folder / "data/commerce.db")
    (total,) = database.execute("SELECT sum(on_hand) FROM inventory").fetchone()
    database.close()
    return total


def reads_beside_logins(setup, server):
    """Reads at a fixed rate while others sign in, which takes a thread some 20 ms each."""
    email, password = server.catalogue.administrator
    body = json.dumps({"email": email, "password": password})
    ends, counts = time.monotonic() + setup.seconds + 1, []

    def sign_in():
        done = 0
        while time.monotonic() < ends:
            if fetch(server.address, "/api/v1/auth/login", body)[0] == 200:
                done += 1
        counts.append(done)

    threads = [threading.Thread(target=sign_in) for _ in range(LOGINS_AT_ONCE)]
    for thread in threads:
        thread.start()
    result = quiet_reads(setup, server)
    for thread in threads:
        thread.join()
    result["logins_per_second"] = sum(counts) / (setup.seconds + 1)
    return result


def quiet_reads(setup, server):
    path = f"/api/v1/products/{server.catalogue.ids[0]}"
    return loads.open_loop(setup, server, 64, READ_RATE, path, expect='"id"')


def remove_catalogues():
    for catalogue in Catalogue.made.values():
        catalogue.remove()
    Catalogue.made.clear()


# What both have to agree on.
FIELDS = ("id", "version", "name", "slug", "sku", "price_amount", "currency", "category_id",
          "status", "specifications", "rating_average", "rating_count", "stock", "created_at")

# Words of the demo's names, rare and common, and beginnings of words.
WORDS = ("steel", "oak+table", "lamp", "gre", "cotton+shirt", "kettle", "wo", "blue+chair")

READ_RATE = 2000
LOGINS_AT_ONCE = 2
