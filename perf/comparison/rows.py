"""What is compared: one row for each workload of PERFORMANCE.md's server table."""

from dataclasses import dataclass, field

from . import loads, shop
from .servers import BareRing, Bun, BunPublish, Nginx, QuietThirteen, Thirteen


@dataclass(frozen=True)
class Column:
    """A figure of a run: where it lies in the result and how it is printed."""

    key: str
    title: str
    digits: int = 2

    def of(self, result):
        for part in self.key.split("."):
            result = result.get(part) if isinstance(result, dict) else None
        return result


@dataclass(frozen=True)
class Goal:
    """Thirteen's figure over the peer's: at most, or at least, so much."""

    column: Column
    peer: str
    at_most: float | None = None
    at_least: float | None = None

    def holds(self, ratio):
        if self.at_most is not None:
            return ratio <= self.at_most
        return ratio >= self.at_least

    def text(self):
        if self.at_most is not None:
            return f"at most {self.at_most:g}"
        return f"at least {self.at_least:g}"


@dataclass(frozen=True)
class Row:
    name: str
    about: str
    servers: tuple
    run: object
    columns: tuple
    goals: tuple = ()
    # Memory and warm-up of a process count: a fresh one for each round.
    fresh: bool = False
    # Whether the servers reply to GET /health with a body of the same size.
    is_http: bool = True
    notes: tuple = field(default=())


CPU = Column("server_cpu_us", "CPU us/request")
RATE = Column("requests_per_second", "requests/s", 0)
P50 = Column("latency_us.p50", "p50 us", 0)
P99 = Column("latency_us.p99", "p99 us", 0)
P99_9 = Column("latency_us.p99_9", "p99.9 us", 0)
LAST = Column("last_us", "all have it us", 0)
FRAME_CPU = Column("server_cpu_us_per_frame", "CPU us/frame")
FRAME_RATE = Column("acknowledged_per_second", "frames/s", 0)

HTTP_SERVERS = (Thirteen, BareRing, Nginx, Bun)
SOCKET_SERVERS = (QuietThirteen, BunPublish)

KEEP_ALIVE_GOALS = (
    Goal(CPU, "bare_ring", at_most=1.15),
    Goal(CPU, "nginx", at_most=0.85),
    Goal(CPU, "bun", at_most=0.75),
)

QUIET = "Thirteen's heartbeats are set to 60 s, its client timeout and rate limit out of the way"


def keep_alive(connections):
    return Row(
        name=f"health-{connections}",
        about=f"GET /health, {connections} keep-alive connections",
        servers=HTTP_SERVERS,
        run=lambda setup, server: loads.wrk(setup, server, connections),
        columns=(CPU, RATE, P50, P99),
        goals=KEEP_ALIVE_GOALS,
    )


def open_loop(setup, server):
    return loads.open_loop(setup, server, 64, setup.open_loop_rate())


def socket_frames(name, about, frame, goals, notes):
    return Row(
        name=name,
        about=about,
        servers=SOCKET_SERVERS,
        run=lambda setup, server: loads.acknowledge(setup, server, 64, frame),
        columns=(FRAME_CPU, FRAME_RATE, P50, P99),
        goals=goals,
        is_http=False,
        notes=notes,
    )


SAME_ROWS = "Bun reads a copy of the same database, without authentication or validation"


def shop_reads(name, about, file, ring, goals):
    return Row(
        name=name,
        about=about,
        servers=(shop.Shop, ring, shop.BunShop, shop.UncachedShop),
        run=shop.reads(file),
        columns=(CPU, RATE, P50, P99),
        goals=goals,
        notes=(SAME_ROWS, "uncached is Thirteen with cache.reply_bytes = 0"),
    )


SHOP_ROWS = (
    shop_reads(
        "product",
        "GET one product of 10 000, at random, 64 connections",
        "products",
        shop.ProductRing,
        (Goal(CPU, "bare_ring", at_most=1.4), Goal(CPU, "bun", at_most=0.55)),
    ),
    shop_reads(
        "products",
        "GET the newest 20 products, 64 connections",
        "list",
        shop.ListRing,
        (Goal(CPU, "bare_ring", at_most=1.7), Goal(CPU, "bun", at_most=0.3)),
    ),
    Row(
        name="search",
        about="GET a search among 100 000 products, 64 connections",
        servers=(shop.LargeShop, shop.UncachedLargeShop),
        run=shop.reads("searches"),
        columns=(CPU, RATE, P50, P99),
    ),
    Row(
        name="durable-writes",
        about="POST an adjustment of stock, on disk before the reply, 64 connections",
        servers=(shop.Shop, shop.BunShop),
        run=shop.adjustments,
        columns=(CPU, RATE, P50, P99),
        goals=(Goal(RATE, "bun", at_least=5),),
        notes=(SAME_ROWS, "both with WAL and synchronous=FULL; Thirteen also audits each"),
    ),
    Row(
        name="reads-quiet",
        about=f"GET one product, open loop of {shop.READ_RATE}/s, nobody signs in",
        servers=(shop.Shop,),
        run=shop.quiet_reads,
        columns=(CPU, P50, P99, P99_9),
    ),
    Row(
        name="reads-beside-logins",
        about=f"the same while {shop.LOGINS_AT_ONCE} clients sign in, one after another",
        servers=(shop.Shop,),
        run=shop.reads_beside_logins,
        columns=(P50, P99, P99_9, Column("logins_per_second", "logins/s", 1)),
    ),
)

ROWS = (
    keep_alive(64),
    keep_alive(512),
    Row(
        name="pipelined",
        about="GET /health, 64 connections, pipelined 16 deep",
        servers=HTTP_SERVERS,
        run=lambda setup, server: loads.wrk(setup, server, 64, depth=16),
        columns=(CPU, RATE),
        goals=(
            Goal(CPU, "nginx", at_most=0.1),
            Goal(CPU, "bun", at_most=0.1),
            Goal(RATE, "nginx", at_least=10),
            Goal(RATE, "bun", at_least=10),
        ),
        notes=("the load generator may be what bounds the fastest server's requests/s",),
    ),
    Row(
        name="open-loop",
        about="GET /health, 64 connections, open loop at half of Thirteen's peak",
        servers=HTTP_SERVERS,
        run=open_loop,
        columns=(CPU, RATE, P50, P99, P99_9, Column("send_delay_us.p99_9", "sent late p99.9", 0)),
        notes=("latency runs from the moment a request is due (no coordinated omission)",),
    ),
    Row(
        name="websocket-fanout",
        about="one update to many idle WebSocket clients",
        servers=SOCKET_SERVERS,
        run=lambda setup, server: loads.fanout(
            setup, server, setup.fanout_clients, setup.fanout_rounds
        ),
        columns=(
            LAST,
            Column("p50_us", "p50 us", 0),
            Column("p99_us", "p99 us", 0),
            Column("first_us", "first us", 0),
            Column("server_cpu_us_per_delivery", "CPU us/delivery"),
            Column("memory_bytes_per_client", "bytes/client", 0),
            Column("clients", "clients", 0),
        ),
        goals=(Goal(LAST, "bun", at_most=0.5),),
        fresh=True,
        is_http=False,
        notes=(
            QUIET,
            "Thirteen's update is on disk before the first client has it; Bun keeps nothing",
            "times end when the one thread of the load has read the frame, which bounds both",
        ),
    ),
    socket_frames(
        "websocket-frames",
        "WebSocket frames in and answered, 64 connections",
        "heartbeat",
        (Goal(FRAME_CPU, "bun", at_most=1.0), Goal(FRAME_RATE, "bun", at_least=1.0)),
        (QUIET,),
    ),
    socket_frames(
        "websocket-updates",
        "WebSocket updates acknowledged and sent to the 63 others, 64 connections",
        "update",
        (),
        (QUIET, "Thirteen's updates are on disk before they are acknowledged; Bun keeps nothing"),
    ),
    *SHOP_ROWS,
)
