// Bun as a WebSocket peer: the frames of the configuration protocol that the load sends, answered
// as Thirteen answers them, with Bun's own publish for the broadcast and nothing kept on disk.
// bun publish.ts PORT

const CONFIG_UPDATE = 0x01;
const HEARTBEAT = 0x05;
const ACK = 0x06;
const ERROR = 0x07;
const BULK_UPDATE = 0x20;
const TOPIC = "config";
const OFFSETS = [4, 5, 9, 13, 14, 15, 16];
const state = new Map<number, bigint>(OFFSETS.map((offset) => [offset, 0n]));

function xor(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum ^= byte;
  return sum;
}

function fixed(type: number, offset: number, value: bigint): Uint8Array {
  const bytes = new Uint8Array(14);
  const view = new DataView(bytes.buffer);
  bytes[0] = type;
  view.setUint32(1, offset, true);
  view.setBigUint64(5, value, true);
  bytes[13] = xor(bytes.subarray(0, 13));
  return bytes;
}

function everything(): Uint8Array {
  const bytes = new Uint8Array(2 + 13 * OFFSETS.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = BULK_UPDATE;
  OFFSETS.forEach((offset, index) => {
    view.setUint32(1 + 13 * index, offset, true);
    view.setBigUint64(5 + 13 * index, state.get(offset)!, true);
  });
  bytes[bytes.length - 1] = xor(bytes);
  return bytes;
}

const ack = fixed(ACK, 0, BigInt(CONFIG_UPDATE));
const refusal = fixed(ERROR, 2, 0n);

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  fetch(request, server) {
    const headers = { "Sec-WebSocket-Protocol": "bun.config.v1" };
    if (server.upgrade(request, { headers })) return undefined;
    return new Response("not found", { status: 404 });
  },
  websocket: {
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate: false,
    open(socket) {
      socket.subscribe(TOPIC);
      socket.send(everything());
    },
    message(socket, message) {
      const frame = message as Buffer;
      if (frame.length !== 14 || xor(frame) !== 0) return void socket.send(refusal);
      if (frame[0] === HEARTBEAT) {
        socket.send(fixed(HEARTBEAT, 0, BigInt(Date.now())));
      } else {
        state.set(frame.readUInt32LE(1), frame.readBigUInt64LE(5));
        // A socket's publish reaches every subscriber but itself.
        socket.publish(TOPIC, frame);
        socket.send(ack);
      }
    },
  },
});
console.log(`bun ${server.url.origin}\nready`);
