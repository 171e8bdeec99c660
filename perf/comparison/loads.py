"""The load generators: each run returns what it measured and has checked every answer."""

import json
import subprocess

from .servers import ROOT, Fault, program

WRK = ROOT / "perf/wrk"


def wrk(setup, server, connections, depth=1, script=None):
    """A closed loop on keep-alive connections, `depth` requests at a time on each, or those that
    a script of perf/wrk makes, which follows by name with its arguments."""
    if script is None:
        script = ("report.lua",) if depth == 1 else ("pipeline.lua", depth)
    name, *arguments = script
    # wrk wants whole seconds, and as many threads as there is a core for.
    command = [
        program("wrk"), "-t1", f"-c{connections}", f"-d{setup.seconds}s", "--timeout", "10s",
        "-s", WRK / name, f"http://{server.address}/health", "--", *arguments,
    ]
    cpu_before = server.cpu_seconds()
    result = run(setup, command)
    cpu = server.cpu_seconds() - cpu_before
    if result["faults"] or not result["requests"]:
        raise Fault(f"{server.name}: {result['faults']} faults in {result['requests']} requests")
    result["requests_per_second"] = result["requests"] / result["seconds"]
    result["server_cpu_us"] = cpu / result["requests"] * 1e6
    if depth > 1:
        # wrk takes the time of a whole batch for that of its last request.
        del result["latency_us"]
    return result


def open_loop(setup, server, connections, rate, path="/health", expect=None):
    """Requests at a fixed rate, timed from when each was due."""
    expect = expect or ("healthy" if server.name == "thirteen" else "x" * 16)
    command = [
        setup.examples / "open_loop", server.address, path, "--rate", rate,
        "--connections", connections, "--seconds", setup.seconds, "--expect", expect,
    ]
    cpu_before = server.cpu_seconds()
    result = run(setup, command)
    cpu = server.cpu_seconds() - cpu_before
    if result["faults"]:
        raise Fault(f"{server.name}: {result['faults']} faults, first {result['fault_first']}")
    # The warm-up second is in the CPU time, so it is in the count too.
    result["server_cpu_us"] = cpu / (rate * (setup.seconds + 1)) * 1e6
    result["requests_per_second"] = result["answered"] / setup.seconds
    return result


def fanout(setup, server, clients, rounds):
    """One update to many idle WebSocket clients."""
    return run(setup, [
        setup.examples / "websocket_load", "fanout", server.address,
        "--pid", server.process.pid, "--clients", clients, "--rounds", rounds,
    ])


def acknowledge(setup, server, connections, frame):
    """WebSocket frames in and acknowledged."""
    result = run(setup, [
        setup.examples / "websocket_load", "acknowledge", server.address,
        "--pid", server.process.pid, "--connections", connections,
        "--seconds", setup.seconds, "--frame", frame,
    ])
    if not result["acknowledged"]:
        raise Fault(f"{server.name} acknowledged nothing")
    return result


def run(setup, command):
    """Runs a generator on the load's core; its last line is JSON."""
    command = ["taskset", "-c", str(setup.load_core), *map(str, command)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or not lines:
        raise Fault(f"{' '.join(command)}\nended {done.returncode}: {done.stdout}{done.stderr}")
    return json.loads(lines[-1])
