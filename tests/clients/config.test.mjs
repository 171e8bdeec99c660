// The live configuration as a client sees it: every promise of PROTOCOL.md's WebSocket session.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as frames from "./frames.mjs";
import { BASE0, DEFAULTS, FIELDS, LOCKFILE } from "./frames.mjs";
import { startServer } from "./server.mjs";
import { SUBPROTOCOL, connect, refusal } from "./session.mjs";

// Heartbeats only get in the way where they are not what is tested.
const QUIET = { WS_HEARTBEAT_INTERVAL: "20000" };

const hex = (bytes) => Buffer.from(bytes).toString("hex");

async function readConfig(server) {
  const reply = await fetch(`${server.api}/api/config`);
  assert.equal(reply.status, 200);
  return reply.json();
}

async function postConfig(server, changes) {
  const reply = await fetch(`${server.api}/api/config`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: typeof changes === "string" ? changes : JSON.stringify(changes),
  });
  const type = reply.headers.get("content-type");
  return { status: reply.status, type, body: await reply.json() };
}

/** An ERROR frame by its code and the first eight bytes of its message. */
function assertError(frame, code, message) {
  assert.equal(frame[0], frames.ERROR, hex(frame));
  assert.equal(frame.length, 14);
  assert.equal(frame.readUInt32LE(1), code, hex(frame));
  assert.equal(frame.subarray(5, 13).toString("latin1"), message.slice(0, 8).padEnd(8, "\0"));
}

function assertAck(frame, type) {
  assert.equal(hex(frame), hex(frames.fixed(frames.ACK, 0, type)));
}

test("the handshake names the subprotocol and opens with all seven fields", async (t) => {
  const server = await startServer(t, { env: QUIET });
  const session = await connect(t, server);
  assert.equal(session.socket.protocol, SUBPROTOCOL);
  assert.equal(session.opening.length, 2 + 13 * 7);
  assert.equal(hex(session.opening), hex(frames.bulk(DEFAULTS)));
  assert.deepEqual(session.state, DEFAULTS);
});

test("a handshake without the subprotocol is refused", async (t) => {
  const server = await startServer(t, { env: QUIET });
  for (const protocols of [[], ["bun.config.v2"], ["chat", "bun.config"]]) {
    const reply = await refusal(server, protocols);
    assert.equal(reply.status, 400);
    assert.equal(reply.body, "Subprotocol bun.config.v1 required");
    assert.equal(reply.headers["sec-websocket-protocol"], SUBPROTOCOL);
  }
});

test("base0 offered first gets offsets from 0, offered second gets the lockfile's", async (t) => {
  const server = await startServer(t, { env: QUIET });
  const base0 = "bun.config.v1.base0";
  const first = await connect(t, server, { protocols: [base0, SUBPROTOCOL], offsets: BASE0 });
  const second = await connect(t, server, { protocols: [SUBPROTOCOL, base0] });
  assert.equal(first.socket.protocol, base0);
  assert.equal(second.socket.protocol, SUBPROTOCOL);
  assert.equal(hex(first.opening), hex(frames.bulk(DEFAULTS, BASE0)));
  assert.equal(hex(second.opening), hex(frames.bulk(DEFAULTS, LOCKFILE)));

  // One change, seen at each client's own offset.
  assertAck(await first.ask(frames.update("terminalMode", 3, BASE0)), frames.CONFIG_UPDATE);
  assert.equal(hex(await second.next()), hex(frames.update("terminalMode", 3, LOCKFILE)));
  assertAck(await second.ask(frames.update("rows", 40, LOCKFILE)), frames.CONFIG_UPDATE);
  assert.equal(hex(await first.next()), hex(frames.update("rows", 40, BASE0)));
});

test("an origin that is not ours is refused, ours and none are welcome", async (t) => {
  const server = await startServer(t, { env: QUIET });
  for (const origin of ["http://evil.example", "null", `${server.api}.evil.example`]) {
    const reply = await refusal(server, [SUBPROTOCOL], { Origin: origin });
    assert.equal(reply.status, 403, origin);
  }
  const session = await connect(t, server, { headers: { Origin: server.api } });
  assert.equal(session.socket.protocol, SUBPROTOCOL);
});

test("an update is acknowledged, applied and seen by every other client", async (t) => {
  const server = await startServer(t, { env: QUIET });
  const writer = await connect(t, server);
  const others = [await connect(t, server), await connect(t, server)];
  const before = await readConfig(server);

  // The documented frame: terminalMode (offset 13) becomes 2.
  const documented = Buffer.from([0x01, 13, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0x0e]);
  assert.equal(hex(frames.update("terminalMode", 2)), hex(documented));
  assertAck(await writer.ask(frames.update("terminalMode", 1)), frames.CONFIG_UPDATE);
  assertAck(await writer.ask(documented), frames.CONFIG_UPDATE);
  for (const other of others) {
    assert.equal(hex(await other.next()), hex(frames.update("terminalMode", 1)));
    assert.equal(hex(await other.next()), hex(documented));
  }
  const after = await readConfig(server);
  assert.equal(after.terminalMode, 2);
  assert.equal(after.sequence, before.sequence + 2);

  // Its own change does not come back to the writer: the answer to what it asks next is next.
  const sync = await writer.ask(frames.fixed(frames.SYNC_REQUEST, 0, 0));
  assert.equal(sync[0], frames.SYNC_RESPONSE);
});

test("every field can be set, to the ends of its range", async (t) => {
  const server = await startServer(t, { env: QUIET });
  const writer = await connect(t, server);
  const ranges = {
    version: [0, 255], registryHash: [0, 0xffffffff], featureFlags: [0, 0x7ff],
    terminalMode: [0, 3], rows: [1, 255], cols: [1, 255], reserved: [0, 0],
  };
  for (const field of FIELDS) {
    for (const value of ranges[field]) {
      assertAck(await writer.ask(frames.update(field, value)), frames.CONFIG_UPDATE);
      assert.equal((await readConfig(server))[field], value);
    }
  }
});

test("a bulk update is applied whole and reaches the others whole", async (t) => {
  const server = await startServer(t, { env: QUIET });
  const writer = await connect(t, server);
  const other = await connect(t, server);
  const changes = { terminalMode: 1, rows: 40, cols: 120 };
  assertAck(await writer.ask(frames.bulk(changes)), frames.BULK_UPDATE);
  await other.follows(changes);
  const config = await readConfig(server);
  assert.deepEqual({ ...config, ...changes }, config);
});

test("a bulk update with one bad entry changes nothing", async (t) => {
  const server = await startServer(t, { env: QUIET });
  const writer = await connect(t, server);
  const before = await readConfig(server);
  assertError(await writer.ask(frames.bulk({ rows: 40, cols: 0 })), 5, "Value out of range");
  const unknown = frames.bulk({ rows: 40, nowhere: 1 }, { rows: 14, nowhere: 99 });
  assertError(await writer.ask(unknown), 4, "Invalid field");
  assert.deepEqual(await readConfig(server), before);
});

test("a toggle sets one bit and is seen by all, its sender too", async (t) => {
  const server = await startServer(t, { env: QUIET });
  const writer = await connect(t, server);
  const other = await connect(t, server);
  for (const [bit, state, flags] of [[10, "on", 0x407], [0, "off", 0x406], [10, "off", 6]]) {
    writer.send(frames.toggle(bit, state));
    const { frame } = await writer.until(frames.ACK);
    assertAck(frame, frames.FEATURE_TOGGLE);
    await writer.follows({ featureFlags: flags });
    assert.equal(hex(await other.next()), hex(frames.update("featureFlags", flags)));
  }
});

test("a resize sets rows and cols and is seen by all, its sender too", async (t) => {
  const server = await startServer(t, { env: QUIET });
  const writer = await connect(t, server);
  const other = await connect(t, server);
  writer.send(frames.resize(40, 120));
  assertAck((await writer.until(frames.ACK)).frame, frames.TERMINAL_RESIZE);
  await writer.follows({ rows: 40, cols: 120 });
  assert.equal(hex(await other.next()), hex(frames.update("rows", 40)));
  assert.equal(hex(await other.next()), hex(frames.update("cols", 120)));
});

test("a sync answers with the thirteen bytes and the sequence", async (t) => {
  const server = await startServer(t, { env: QUIET });
  const session = await connect(t, server);
  assertAck(await session.ask(frames.update("cols", 132)), frames.CONFIG_UPDATE);
  const frame = await session.ask(frames.fixed(frames.SYNC_REQUEST, 0, 0));
  const config = await readConfig(server);
  assert.equal(frame.length, 23);
  assert.equal(frame[0], frames.SYNC_RESPONSE);
  assert.equal(hex(frame.subarray(1, 14)), hex(frames.stateBytes({ ...DEFAULTS, cols: 132 })));
  assert.equal(`0x${hex(frame.subarray(1, 14))}`, config.dump);
  assert.equal(Number(frame.readBigUInt64LE(14)), config.sequence);
});

test("frames with a fault get their error and change nothing", async (t) => {
  const server = await startServer(t, { env: QUIET });
  const session = await connect(t, server);
  const other = await connect(t, server);
  const before = await readConfig(server);
  const rows = frames.update("rows", 40);
  const spoiled = Buffer.from(rows);
  spoiled[5] ^= 0x01;
  const cases = [
    [Buffer.alloc(0), 1, "Invalid frame length"],
    [rows.subarray(0, 13), 1, "Invalid frame length"],
    [Buffer.concat([rows, Buffer.from([0])]), 1, "Invalid frame length"],
    [spoiled, 2, "Checksum mismatch"],
    [frames.fixed(0x7f, 14, 40), 3, "Unknown message type"],
    [frames.fixed(frames.CONFIG_UPDATE, 3, 40), 4, "Invalid field"],
    [frames.fixed(frames.CONFIG_UPDATE, 17, 40), 4, "Invalid field"],
    [frames.update("rows", 0), 5, "Value out of range"],
    [frames.update("rows", 256), 5, "Value out of range"],
    [frames.update("rows", 0x100000028n), 5, "Value out of range"],
    [frames.update("terminalMode", 4), 5, "Value out of range"],
    [frames.update("featureFlags", 0x800), 5, "Value out of range"],
    [frames.update("reserved", 1), 5, "Value out of range"],
    [frames.toggle(11, "on"), 5, "Value out of range"],
    [frames.resize(0, 80), 5, "Value out of range"],
    [frames.resize(24, 256), 5, "Value out of range"],
    [frames.fixed(frames.REGISTER_PACKAGE, 1, 1), 6, "Not allowed"],
    [frames.fixed(frames.ACK, 0, 1), 6, "Not allowed"],
    [frames.fixed(frames.ERROR, 1, 1), 6, "Not allowed"],
  ];
  for (const [frame, code, message] of cases) {
    assertError(await session.ask(frame), code, message);
  }
  assert.deepEqual(await readConfig(server), before);

  // The session goes on, and the other client's next frame is the first change there is.
  assertAck(await session.ask(rows), frames.CONFIG_UPDATE);
  assert.equal(hex(await other.next()), hex(rows));
});

test("text where binary is due closes 1003", async (t) => {
  const server = await startServer(t, { env: QUIET });
  const session = await connect(t, server);
  session.send('{"rows":40}');
  assert.equal((await session.closed).code, 1003);
  assert.equal((await readConfig(server)).rows, DEFAULTS.rows);
});

test("an unmasked frame closes 1002, an oversize one 1009", async (t) => {
  const server = await startServer(t, { env: QUIET });
  const unmasked = await connect(t, server);
  unmasked.send(frames.update("rows", 40), { mask: false });
  assert.equal((await unmasked.closed).code, 1002);
  const oversize = await connect(t, server);
  oversize.send(Buffer.alloc(1 << 20));
  assert.equal((await oversize.closed).code, 1009);
  assert.equal((await readConfig(server)).rows, DEFAULTS.rows);
});

test("a fragmented message is one frame, and a ping in its middle is answered", async (t) => {
  const server = await startServer(t, { env: QUIET });
  const session = await connect(t, server);
  const frame = frames.update("rows", 41);
  const pong = new Promise((resolve) => session.socket.once("pong", resolve));
  session.send(frame.subarray(0, 5), { fin: false, binary: true });
  session.socket.ping("thirteen");
  session.send(frame.subarray(5), { fin: true, binary: true });
  assert.equal(`${await pong}`, "thirteen");
  assertAck(await session.next(), frames.CONFIG_UPDATE);
  assert.equal((await readConfig(server)).rows, 41);
});

test("a thousand updates of two writers reach every client in one order", async (t) => {
  const server = await startServer(t, { env: QUIET });
  const [left, right, watcher] = [
    await connect(t, server), await connect(t, server), await connect(t, server),
  ];
  const each = 500;
  // The upper half of the hash says who wrote, the lower half which update it was.
  const write = async (session, mark) => {
    const seen = [];
    for (let index = 1; index <= each; index += 1) {
      session.send(frames.update("registryHash", mark * 65536 + index));
      const { frame, before } = await session.until(frames.ACK);
      assertAck(frame, frames.CONFIG_UPDATE);
      seen.push(...before);
    }
    return seen;
  };
  const collect = async (session, seen, count) => {
    while (seen.length < count) seen.push(await session.next());
    return seen.map((frame) => {
      assert.equal(frame[0], frames.CONFIG_UPDATE, hex(frame));
      return frames.changesOf(frame).registryHash;
    });
  };
  const before = await readConfig(server);
  const [seenByLeft, seenByRight, all] = await Promise.all([
    write(left, 1).then((seen) => collect(left, seen, each)),
    write(right, 2).then((seen) => collect(right, seen, each)),
    collect(watcher, [], 2 * each),
  ]);
  const of = (mark) => all.filter((value) => Math.floor(value / 65536) === mark);
  const expected = (mark) => Array.from({ length: each }, (_, i) => mark * 65536 + i + 1);
  assert.deepEqual(of(1), expected(1));
  assert.deepEqual(of(2), expected(2));
  assert.deepEqual(seenByLeft, expected(2));
  assert.deepEqual(seenByRight, expected(1));
  const after = await readConfig(server);
  assert.equal(after.registryHash, all.at(-1));
  assert.equal(after.sequence, before.sequence + 2 * each);
});

test("the same configuration over HTTP: read, change, and seen by sessions", async (t) => {
  const server = await startServer(t, { env: QUIET });
  const session = await connect(t, server);
  const before = await readConfig(server);
  const { sequence, dump, ...fields } = before;
  assert.deepEqual(fields, DEFAULTS);
  assert.equal(dump, "0x01a1b2c3d40000000702185000");
  assert.equal(typeof sequence, "number");

  const changed = await postConfig(server, { rows: 50, cols: 132 });
  assert.equal(changed.status, 200);
  assert.equal(changed.body.success, true);
  assert.ok(changed.body.sequence > sequence);
  await session.follows({ rows: 50, cols: 132 });
  const after = await readConfig(server);
  assert.deepEqual([after.rows, after.cols, after.sequence], [50, 132, changed.body.sequence]);
});

test("a faulty change over HTTP names every faulty field and changes nothing", async (t) => {
  const server = await startServer(t, { env: QUIET });
  const before = await readConfig(server);
  const faulty = await postConfig(server, { rows: 0, cols: 300, terminalMode: 1 });
  assert.equal(faulty.status, 422);
  assert.match(faulty.type, /^application\/problem\+json/);
  const named = JSON.stringify(faulty.body);
  assert.match(named, /rows/);
  assert.match(named, /cols/);
  assert.doesNotMatch(named, /terminalMode/);
  for (const body of ['{"rows":', "[]", "7"]) {
    const { status } = await postConfig(server, body);
    assert.ok(status === 400 || status === 422, `${body}: ${status}`);
  }
  for (const body of [{ nowhere: 1 }, { rows: "40" }, { rows: 40.5 }, { rows: -1 }]) {
    assert.equal((await postConfig(server, body)).status, 422, JSON.stringify(body));
  }
  assert.deepEqual(await readConfig(server), before);
});

test("changes outlive the server", async (t) => {
  const data = mkdtempSync(join(tmpdir(), "thirteen-data-"));
  t.after(() => rmSync(data, { recursive: true }));
  const first = await startServer(t, { args: ["--data", data], env: QUIET });
  const session = await connect(t, first);
  assertAck(await session.ask(frames.update("cols", 99)), frames.CONFIG_UPDATE);
  const { sequence } = await readConfig(first);
  const ended = first.terminate();
  assert.equal((await session.closed).code, 1001);
  assert.deepEqual(await ended, { code: 0, signal: null });

  const second = await startServer(t, { args: ["--data", data], env: QUIET });
  const config = await readConfig(second);
  assert.deepEqual([config.cols, config.sequence], [99, sequence]);
});
