// A scripted registry: packages that a test writes down, packed and served as a registry would.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { gzipSync } from "node:zlib";

/**
 * Serves packages, each `{ name, version, ...manifest, files?, tag? }`; `files` maps paths to text,
 * or to `{ text, mode }`. Resolves to its URL and a way to end it. `otherwise` answers a request
 * for something else; without it that is 404.
 */
export async function serveShelf(packages, otherwise = null) {
  const packuments = new Map();
  const archives = new Map();
  const server = createServer((request, reply) => {
    const path = decodeURIComponent(request.url.split("?")[0].slice(1));
    if (archives.has(path)) {
      reply.setHeader("content-type", "application/octet-stream");
      return reply.end(archives.get(path));
    }
    const packument = packuments.get(path);
    if (!packument && otherwise?.(request, reply)) return;
    reply.statusCode = packument ? 200 : 404;
    reply.setHeader("content-type", "application/json");
    reply.end(JSON.stringify(packument ?? { error: "not_found", reason: `no ${path} here` }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${server.address().port}`;
  for (const { files, tag, ...manifest } of packages) add(manifest, files ?? {}, tag);
  const end = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url, end, server };

  function add(manifest, files, tag) {
    const { name, version } = manifest;
    const archive = pack({ "package.json": JSON.stringify(manifest), ...files });
    const path = `${name}/-/${name.split("/").pop()}-${version}.tgz`;
    archives.set(path, archive);
    const dist = {
      tarball: `${url}/${path}`,
      integrity: `sha512-${createHash("sha512").update(archive).digest("base64")}`,
      shasum: createHash("sha1").update(archive).digest("hex"),
    };
    if (!packuments.has(name)) packuments.set(name, { name, "dist-tags": {}, versions: {} });
    const packument = packuments.get(name);
    const scripts = manifest.scripts ?? {};
    const hasInstallScript = ["preinstall", "install", "postinstall"].some((s) => scripts[s]);
    packument.versions[version] = {
      _id: `${name}@${version}`,
      ...manifest,
      ...(hasInstallScript ? { hasInstallScript } : {}),
      dist,
    };
    packument["dist-tags"][tag ?? "latest"] = version;
  }
}

/** A gzipped archive of `package/…` with these files. */
export function pack(files) {
  const blocks = [];
  for (const [path, content] of Object.entries(files)) {
    const { text, mode = 0o644 } = typeof content === "string" ? { text: content } : content;
    const body = Buffer.from(text);
    const header = Buffer.alloc(512);
    const place = `package/${path}`;
    // ustar keeps the last 100 characters of a path apart from what is before them.
    const cut = place.length <= 100 ? -1 : place.indexOf("/", place.length - 101);
    header.write(place.slice(cut + 1), 0);
    if (cut >= 0) header.write(place.slice(0, cut), 345);
    header.write(`${mode.toString(8).padStart(7, "0")}\0`, 100);
    header.write("0000000\0".repeat(2), 108);
    header.write(`${body.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("03560116604\0", 136);
    header.write("        0", 148, "latin1");
    header.write("ustar\u000000", 257);
    let sum = 0;
    for (const byte of header) sum += byte;
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    blocks.push(header, body, Buffer.alloc((512 - (body.length % 512)) % 512));
  }
  blocks.push(Buffer.alloc(1024));
  return gzipSync(Buffer.concat(blocks));
}
