// The frames of the configuration protocol, written and read byte by byte as PROTOCOL.md has them.

export const CONFIG_UPDATE = 0x01;
export const FEATURE_TOGGLE = 0x02;
export const REGISTER_PACKAGE = 0x03;
export const TERMINAL_RESIZE = 0x04;
export const HEARTBEAT = 0x05;
export const ACK = 0x06;
export const ERROR = 0x07;
export const BULK_UPDATE = 0x20;
export const SYNC_REQUEST = 0x21;
export const SYNC_RESPONSE = 0x22;

export const LOCKFILE = {
  version: 4, registryHash: 5, featureFlags: 9, terminalMode: 13, rows: 14, cols: 15, reserved: 16,
};
export const BASE0 = {
  version: 0, registryHash: 1, featureFlags: 5, terminalMode: 9, rows: 10, cols: 11, reserved: 12,
};
export const FIELDS = Object.keys(LOCKFILE);

export const DEFAULTS = {
  version: 1, registryHash: 0xa1b2c3d4, featureFlags: 7, terminalMode: 2, rows: 24, cols: 80,
  reserved: 0,
};

export function xor(bytes) {
  return bytes.reduce((sum, byte) => sum ^ byte, 0);
}

/** The fixed frame: type, offset u32 LE, value u64 LE, XOR of the thirteen bytes before. */
export function fixed(type, offset, value) {
  const frame = Buffer.alloc(14);
  frame[0] = type;
  frame.writeUInt32LE(offset, 1);
  frame.writeBigUInt64LE(BigInt(value), 5);
  frame[13] = xor(frame.subarray(0, 13));
  return frame;
}

export function update(field, value, offsets = LOCKFILE) {
  return fixed(CONFIG_UPDATE, offsets[field], value);
}

export function toggle(bit, state, offsets = LOCKFILE) {
  return fixed(FEATURE_TOGGLE, offsets.featureFlags, (bit << 1) | (state === "on" ? 1 : 0));
}

export function resize(rows, cols) {
  return fixed(TERMINAL_RESIZE, 0, (rows << 16) | cols);
}

export function bulk(changes, offsets = LOCKFILE) {
  const entries = Object.entries(changes).map(([field, value]) => {
    const entry = Buffer.alloc(13);
    entry.writeUInt32LE(offsets[field], 0);
    entry.writeBigUInt64LE(BigInt(value), 4);
    return entry;
  });
  const body = Buffer.concat([Buffer.from([BULK_UPDATE]), ...entries]);
  return Buffer.concat([body, Buffer.from([xor(body)])]);
}

/** The fields that a CONFIG_UPDATE or BULK_UPDATE sets. */
export function changesOf(frame, offsets = LOCKFILE) {
  const fieldAt = (offset) => FIELDS.find((field) => offsets[field] === offset);
  if (frame[0] === CONFIG_UPDATE) {
    return { [fieldAt(frame.readUInt32LE(1))]: Number(frame.readBigUInt64LE(5)) };
  }
  const changes = {};
  for (let start = 1; start + 13 < frame.length; start += 13) {
    const field = fieldAt(frame.readUInt32LE(start));
    changes[field] = Number(frame.readBigUInt64LE(start + 4));
  }
  return changes;
}

/** The thirteen bytes of a state, both u32 fields big-endian. */
export function stateBytes(state) {
  const bytes = Buffer.alloc(13);
  bytes[0] = state.version;
  bytes.writeUInt32BE(state.registryHash, 1);
  bytes.writeUInt32BE(state.featureFlags, 5);
  bytes.set([state.terminalMode, state.rows, state.cols, state.reserved], 9);
  return bytes;
}
