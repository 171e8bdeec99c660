"""Runs the rows of a comparison, prints their tables, and records them."""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
from contextlib import ExitStack

from .servers import ROOT, Fault


def compare(setup, row, chosen):
    """All runs of a row: each round runs every server once, beginning with another one."""
    kinds = [kind for kind in row.servers if not chosen or kind.name in chosen]
    runs = {kind.name: [] for kind in kinds}
    replies = {}
    with ExitStack() as stack:
        standing = {}
        if not row.fresh:
            standing = {kind: stack.enter_context(kind(setup)) for kind in kinds}
            for kind, server in standing.items():
                if row.is_http:
                    replies[kind.name] = server.verify()
            if not setup.is_quick:
                for server in standing.values():
                    row.run(setup, server)
        for index in range(setup.rounds):
            turn = index % len(kinds)
            for kind in kinds[turn:] + kinds[:turn]:
                if row.fresh:
                    with kind(setup) as server:
                        runs[kind.name].append(row.run(setup, server))
                else:
                    runs[kind.name].append(row.run(setup, standing[kind]))
        versions = {kind.name: kind(setup).version() for kind in kinds}
    return {"row": row.name, "about": row.about, "versions": versions, "replies": replies,
            "rate": setup.rate if row.name == "open-loop" else None, "runs": runs}


def print_row(setup, row, record):
    rate = f" ({record['rate']} requests/s)" if record["rate"] else ""
    print(f"\n{row.name}: {row.about}{rate}")
    print(f"{setup.rounds} rounds of {setup.seconds} s; median (lowest to highest)")
    for note in row.notes:
        print(f"note: {note}")
    table = [["server", *(column.title for column in row.columns)]]
    for name, runs in record["runs"].items():
        table.append([name, *(cell(column, runs) for column in row.columns)])
    widths = [max(len(line[index]) for line in table) for index in range(len(table[0]))]
    for line in table:
        print("  " + "  ".join(text.rjust(width) for text, width in zip(line, widths)))
    if setup.is_quick:
        return
    for goal in row.goals:
        ratio = ratio_to(record, goal.column, goal.peer)
        if ratio is not None:
            verdict = "kept" if goal.holds(ratio) else "MISSED"
            print(f"  {goal.column.title}, thirteen / {goal.peer}: "
                  f"{ratio:.3f} (goal {goal.text()}: {verdict})")


def cell(column, runs):
    values = [value for value in map(column.of, runs) if value is not None]
    if not values:
        return "-"
    middle = f"{statistics.median(values):.{column.digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):.{column.digits}f} to {max(values):.{column.digits}f})"


def ratio_to(record, column, peer):
    """The median of the ratios within each round, which share what the machine was like."""
    ours, theirs = record["runs"].get("thirteen"), record["runs"].get(peer)
    if not ours or not theirs:
        return None
    pairs = [(column.of(our), column.of(their)) for our, their in zip(ours, theirs)]
    ratios = [our / their for our, their in pairs if their]
    return statistics.median(ratios) if ratios else None


def record(setup, options, records):
    """The raw results, with the machine and the command that gave them."""
    folder = ROOT / "perf/record"
    folder.mkdir(exist_ok=True)
    path = folder / f"{options.record}.json"
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True,
        check=True,
    )
    path.write_text(json.dumps({
        "command": " ".join([f"perf/{pathlib.Path(sys.argv[0]).name}", *sys.argv[1:]]),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip(),
        "machine": {
            "cpu": cpu_model(), "cores": os.cpu_count(), "kernel": platform.release(),
            "server_core": setup.server_core, "load_core": setup.load_core,
        },
        "rows": records,
    }, indent=1) + "\n")
    print(f"\n{path.relative_to(ROOT)}")


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def existing(path):
    path = pathlib.Path(path).resolve()
    if not path.exists():
        raise Fault(f"{path} is not there: cargo build --release --bins --examples")
    return path


def cores(text):
    server, load = map(int, text.split(","))
    if not {server, load} <= os.sched_getaffinity(0):
        raise argparse.ArgumentTypeError(f"cores {sorted(os.sched_getaffinity(0))} are there")
    return server, load


def add_options(parser, servers):
    """The options that every comparison has."""
    parser.add_argument("--list", action="store_true", help="the rows")
    parser.add_argument("--only", nargs="+", metavar="ROW", help="these rows")
    parser.add_argument("--servers", nargs="+", metavar="NAME", help=f"these servers: {servers}")
    parser.add_argument("--rounds", type=int, help="runs of each server (5)")
    parser.add_argument("--seconds", type=int, help="length of a run (5)")
    parser.add_argument("--cores", type=cores, help="SERVER,LOAD (0,1)")
    parser.add_argument("--quick", action="store_true",
                        help="one short round: checks answers, not speed")
    parser.add_argument("--record", metavar="NAME", help="write perf/record/NAME.json")
    parser.add_argument("--thirteen", default=ROOT / "target/release/thirteen")


def settled(parser, rows):
    """What was given, checked, with what follows from it."""
    options = parser.parse_args()
    names = [row.name for row in rows]
    for name in options.only or ():
        if name not in names:
            parser.error(f"no row {name!r}; there are {', '.join(names)}")
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.seconds = options.seconds or (1 if options.quick else 5)
    if options.cores is None:
        available = sorted(os.sched_getaffinity(0))
        options.cores = (available[0], available[1 % len(available)])
    if options.cores[0] == options.cores[1] and not options.quick:
        parser.error("server and load need a core each: only --quick runs on one")
    if options.record and options.quick:
        parser.error("a quick run is no measurement to record")
    return options
