// Publishes small packages to a registry and checks each answer, then reads some back:
// publish.mjs ADDRESS TOKEN PREFIX COUNT CONNECTIONS. Its last line is JSON.

import { createHash } from "node:crypto";
import { Agent, request } from "node:http";
import { gzipSync } from "node:zlib";

const [address, token, prefix, count, connections] = process.argv.slice(2);
const [hostname, port] = address.split(":");
const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) });

/** What a client sends; made before the clock runs. */
function body(name) {
  const manifest = { name, version: "1.0.0", main: "index.js" };
  const archive = pack({ "package.json": JSON.stringify(manifest), "index.js": `// ${name}` });
  const file = `${name}-1.0.0.tgz`;
  const dist = {
    integrity: `sha512-${createHash("sha512").update(archive).digest("base64")}`,
    shasum: createHash("sha1").update(archive).digest("hex"),
    tarball: `http://${address}/${name}/-/${file}`,
  };
  const document = {
    _id: name,
    name,
    "dist-tags": { latest: "1.0.0" },
    versions: { "1.0.0": { _id: `${name}@1.0.0`, ...manifest, dist } },
    access: null,
    _attachments: {
      [file]: {
        content_type: "application/octet-stream",
        data: archive.toString("base64"),
        length: archive.length,
      },
    },
  };
  return { name, archive, text: Buffer.from(JSON.stringify(document)) };
}

function pack(files) {
  const blocks = [];
  for (const [path, text] of Object.entries(files)) {
    const header = Buffer.alloc(512);
    header.write(`package/${path}`, 0);
    header.write("0000644\0".concat("0000000\0".repeat(2)), 100);
    header.write(`${Buffer.byteLength(text).toString(8).padStart(11, "0")}\0`, 124);
    header.write("00000000000\0        0", 136);
    header.write("ustar\u000000", 257);
    const sum = header.reduce((sum, byte) => sum + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    blocks.push(header, Buffer.from(text.padEnd(Math.ceil(text.length / 512) * 512, "\0")));
  }
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

function ask(method, path, content) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  if (content) headers["content-length"] = content.length;
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, agent, method, path, headers }, (reply) => {
      const chunks = [];
      reply.on("data", (chunk) => chunks.push(chunk));
      reply.on("end", () => resolve({ status: reply.statusCode, body: Buffer.concat(chunks) }));
    });
    sent.on("error", reject);
    sent.end(content);
  });
}

const packages = Array.from({ length: Number(count) }, (_, index) => body(`${prefix}-${index}`));
const latencies = [];
let next = 0;

async function publish() {
  while (next < packages.length) {
    const { name, text } = packages[next++];
    const started = process.hrtime.bigint();
    const { status, body } = await ask("PUT", `/${name}`, text);
    latencies.push(Number(process.hrtime.bigint() - started) / 1000);
    if (status !== 200 && status !== 201) throw new Error(`${name}: ${status} ${body}`);
  }
}

const started = process.hrtime.bigint();
await Promise.all(Array.from({ length: Number(connections) }, publish));
const seconds = Number(process.hrtime.bigint() - started) / 1e9;

for (let index = 0; index < packages.length; index += Math.ceil(packages.length / 20)) {
  const { name, archive } = packages[index];
  const { status, body } = await ask("GET", `/${name}/-/${name}-1.0.0.tgz`);
  if (status !== 200 || !body.equals(archive)) throw new Error(`${name} came back ${status}`);
}
agent.destroy();
latencies.sort((a, b) => a - b);
const at = (share) => latencies[Math.min(latencies.length - 1, (latencies.length * share) | 0)];
console.log(
  JSON.stringify({
    requests: packages.length,
    seconds,
    requests_per_second: packages.length / seconds,
    latency_us: { p50: at(0.5), p99: at(0.99) },
  }),
);
