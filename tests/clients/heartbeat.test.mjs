// Heartbeats and timeouts of the configuration WebSocket, at the documented intervals.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as frames from "./frames.mjs";
import { startServer } from "./server.mjs";
import { connect } from "./session.mjs";

test("a heartbeat comes every 100 ms unless set otherwise", async (t) => {
  const server = await startServer(t);
  const session = await connect(t, server);
  const [firstArrival, firstTime] = await session.heartbeat(1);
  const [lastArrival, lastTime] = await session.heartbeat(21);
  assert.ok(Math.abs(lastTime - lastArrival) < 5_000, "the frame carries Unix time in ms");
  // A loaded machine may be late, a server that drifts is late every time; none is early.
  const interval = (lastTime - firstTime) / 20;
  assert.ok(interval > 95 && interval < 125, `a heartbeat every ${interval} ms`);
  const arrivals = (lastArrival - firstArrival) / 20;
  assert.ok(arrivals > 90 && arrivals < 150, `one arrives every ${arrivals} ms`);
});

test("a client's heartbeat is answered", async (t) => {
  const server = await startServer(t, { env: { WS_HEARTBEAT_INTERVAL: "20000" } });
  const session = await connect(t, server);
  assert.equal(session.heartbeats.length, 0);
  session.send(frames.fixed(frames.HEARTBEAT, 0, 1_700_000_000_000));
  const [arrival, time] = await session.heartbeat(1);
  assert.ok(Math.abs(arrival - time) < 5_000, "the answer carries the server's time");
});

test("a client that is silent for the timeout is closed, one that speaks is not", async (t) => {
  const server = await startServer(t, { env: { WS_TIMEOUT: "500" } });
  const started = Date.now();
  const silent = await connect(t, server);
  const talking = await connect(t, server);
  const garbled = await connect(t, server);
  const timer = setInterval(() => {
    talking.send(frames.fixed(frames.HEARTBEAT, 0, Date.now()));
    // A frame that is not valid is no sign of life.
    garbled.send(Buffer.from([1, 2, 3]));
  }, 100);
  t.after(() => clearInterval(timer));
  assert.deepEqual(await silent.closed, { code: 1000, reason: "Timeout" });
  const waited = Date.now() - started;
  assert.ok(waited >= 500 && waited < 2_000, `closed after ${waited} ms`);
  assert.deepEqual(await garbled.closed, { code: 1000, reason: "Timeout" });
  const answer = await talking.ask(frames.fixed(frames.SYNC_REQUEST, 0, 0));
  assert.equal(answer[0], frames.SYNC_RESPONSE);
});

test("the timeout is 30 s unless set otherwise", { timeout: 60_000 }, async (t) => {
  const server = await startServer(t);
  const session = await connect(t, server);
  const started = Date.now();
  assert.deepEqual(await session.closed, { code: 1000, reason: "Timeout" });
  const waited = Date.now() - started;
  assert.ok(waited >= 29_500 && waited < 32_000, `closed after ${waited} ms`);
});
