// A session of the configuration WebSocket, made with npm's `ws`: frames queue until asked for.

import { once } from "node:events";
import WebSocket from "ws";
import { BULK_UPDATE, CONFIG_UPDATE, HEARTBEAT, LOCKFILE, changesOf, xor } from "./frames.mjs";

export const SUBPROTOCOL = "bun.config.v1";

export class Session {
  /** The fields as this client knows them, from the frames that it received. */
  state = {};
  /** Server heartbeats: [arrival, Unix time in the frame], both in ms. */
  heartbeats = [];
  #frames = [];
  #waiting = null;

  constructor(socket, offsets) {
    this.socket = socket;
    this.offsets = offsets;
    this.closed = once(socket, "close").then(([code, reason]) => ({ code, reason: `${reason}` }));
    this.closed.then(() => this.#waiting?.());
    // What went wrong on the wire shows as the close code.
    socket.on("error", () => {});
    socket.on("message", (data, isBinary) => this.#receive(data, isBinary));
  }

  /** The next frame that is not a heartbeat. */
  async next() {
    const deadline = Date.now() + PATIENCE_MS;
    while (this.#frames.length === 0) {
      if (this.socket.readyState >= WebSocket.CLOSING) throw new Error("closed, no frame left");
      await this.#arrival(deadline);
    }
    return this.#frames.shift();
  }

  /** The next frame of this type, and the frames that came before it. */
  async until(type) {
    const before = [];
    for (;;) {
      const frame = await this.next();
      if (frame[0] === type) return { frame, before };
      before.push(frame);
    }
  }

  /** Waits until frames have brought these fields to these values. */
  async follows(expected) {
    const fields = Object.entries(expected);
    const isThere = () => fields.every(([name, value]) => this.state[name] === value);
    const deadline = Date.now() + PATIENCE_MS;
    while (!isThere()) await this.#arrival(deadline, JSON.stringify({ expected, is: this.state }));
  }

  async heartbeat(count) {
    const deadline = Date.now() + PATIENCE_MS;
    while (this.heartbeats.length < count) await this.#arrival(deadline);
    return this.heartbeats[count - 1];
  }

  send(frame, options) {
    this.socket.send(frame, options);
  }

  /** Sends and waits for whatever single frame answers; for a sender that nobody else disturbs. */
  async ask(frame, options) {
    this.send(frame, options);
    return this.next();
  }

  #receive(data, isBinary) {
    if (!isBinary) throw new Error(`the server sent text: ${data}`);
    if (xor(data) !== 0) throw new Error(`bad checksum from the server: ${data.toString("hex")}`);
    if (data[0] === HEARTBEAT) {
      this.heartbeats.push([Date.now(), Number(data.readBigUInt64LE(5))]);
    } else {
      if (data[0] === CONFIG_UPDATE || data[0] === BULK_UPDATE) {
        Object.assign(this.state, changesOf(data, this.offsets));
      }
      this.#frames.push(data);
    }
    this.#waiting?.();
  }

  async #arrival(deadline, what = "a frame") {
    const patience = deadline - Date.now();
    let timer;
    await new Promise((resolve, reject) => {
      this.#waiting = resolve;
      timer = setTimeout(() => reject(new Error(`no sign of ${what}`)), patience);
    });
    this.#waiting = null;
    clearTimeout(timer);
  }
}

/** Opens a session and waits for its opening BULK_UPDATE; it is closed after the test. */
export async function connect(t, server, options = {}) {
  const { protocols = [SUBPROTOCOL], offsets = LOCKFILE, headers = {} } = options;
  const socket = new WebSocket(endpoint(server), protocols, { headers });
  const session = new Session(socket, offsets);
  t.after(() => socket.terminate());
  await once(socket, "open");
  session.opening = await session.next();
  return session;
}

/** The reply to a handshake that is refused: status, headers, body. */
export async function refusal(server, protocols, headers = {}) {
  const socket = new WebSocket(endpoint(server), protocols, { headers });
  return new Promise((resolve, reject) => {
    socket.on("open", () => reject(new Error("the handshake was accepted")));
    socket.on("error", reject);
    socket.on("unexpected-response", async (_, response) => {
      const chunks = await response.toArray();
      resolve({
        status: response.statusCode,
        headers: response.headers,
        body: Buffer.concat(chunks).toString(),
      });
    });
  });
}

function endpoint(server) {
  return `${server.api.replace("http:", "ws:")}/_ws/config`;
}

const PATIENCE_MS = 10_000;
