// `thirteen publish` beside npm: the same files, and a document that says the same.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { folder, run } from "./command.mjs";
import { binary } from "./server.mjs";

const manifest = (rest = {}) =>
  JSON.stringify({ name: "@scope/packed", version: "1.2.3", ...rest });

const CLUTTER = {
  ".git/config": "x",
  ".npmrc": "//h/:_authToken=secret",
  "node_modules/dep/package.json": '{"name":"dep","version":"1.0.0"}',
  "package-lock.json": "{}",
  "yarn.lock": "",
  "npm-debug.log": "x",
  "a.orig": "x",
  ".DS_Store": "x",
  ".a.swp": "x",
  "._mac": "x",
  "sub/.npmrc": "x",
  "sub/.git/HEAD": "x",
  "sub/package-lock.json": "{}",
  "build/config.gypi": "x",
  ".lock-wscript": "x",
  ".wafpickle-7": "x",
  "archived-packages/x.js": "x",
};

const FOLDERS = {
  "a bare one": { "package.json": manifest(), "index.js": "x", ...CLUTTER },
  "one with a list of files": {
    "package.json": manifest({
      files: ["lib", "dist/*.js", "/docs/", "one.txt", "./two.txt", "deep/*", "!lib/secret.js"],
      main: "main.js",
      browser: "in/browser.js",
      bin: { cmd: "./bin/cmd.js", two: "bin/two" },
    }),
    "main.js": "x",
    "in/browser.js": "x",
    "in/other.js": "x",
    "bin/cmd.js": "#!/usr/bin/env node\n",
    "bin/two": "#!/bin/sh\n",
    "bin/third": "x",
    "lib/a.js": "x",
    "lib/secret.js": "x",
    "lib/deep/b.js": "x",
    "lib/.npmignore": "ignored.js\n",
    "lib/ignored.js": "x",
    "lib/a.orig": "x",
    "dist/x.js": "x",
    "dist/x.map": "x",
    "dist/in/y.js": "x",
    "docs/a.md": "x",
    "one.txt": "x",
    "two.txt": "x",
    "deep/er/x.js": "x",
    "README.MD": "x",
    "readme.md~": "x",
    "LICENSE-MIT": "x",
    LICENCE: "x",
    "sub/LICENSE": "x",
    ".npmignore": "lib\n",
    ...CLUTTER,
  },
  "one with a string for a command": {
    "package.json": manifest({ bin: "run.js", files: [] }),
    "run.js": "#!/usr/bin/env node\n",
    "other.js": "x",
    CHANGELOG: "x",
  },
  "one with .npmignore": {
    "package.json": manifest({ main: "./src/main.js" }),
    ".npmignore":
      "# comment\n\nsrc/*.ts\n/top\n*.log\n!keep.log\ntest/\n!test/kept.js\nREADME.md\n",
    ".gitignore": "dist\n",
    "src/main.js": "x",
    "src/a.ts": "x",
    "src/deep/a.ts": "x",
    "top/x.js": "x",
    "sub/top/x.js": "x",
    "a.log": "x",
    "keep.log": "x",
    "test/a.js": "x",
    "test/kept.js": "x",
    "dist/out.js": "x",
    "README.md": "x",
    "sub/.gitignore": "hidden.js\n",
    "sub/hidden.js": "x",
    "sub/shown.js": "x",
  },
  "one with .gitignore alone": {
    "package.json": manifest(),
    ".gitignore": "dist/\n*.tmp\n",
    "dist/out.js": "x",
    "a.tmp": "x",
    "dir/b.tmp": "x",
    "dir/.npmignore": "c.js",
    "dir/.gitignore": "d.js",
    "dir/c.js": "x",
    "dir/d.js": "x",
    [`long/${"n".repeat(90)}/${"m".repeat(90)}.js`]: "x",
    "run.sh": { text: "#!/bin/sh\n", mode: 0o755 },
    "loose.js": { text: "x", mode: 0o666 },
  },
  "one with a bundle": {
    "package.json": manifest({
      dependencies: { inner: "1", "@own/x": "1", plain: "1" },
      bundleDependencies: ["inner", "@own/x"],
    }),
    "index.js": "x",
    "node_modules/inner/package.json": JSON.stringify({
      name: "inner", version: "1.0.0", dependencies: { meta: "1" }, files: ["lib"],
    }),
    "node_modules/inner/lib/a.js": "x",
    "node_modules/inner/test.js": "x",
    "node_modules/inner/node_modules/meta/package.json": '{"name":"meta","version":"1.0.0"}',
    "node_modules/inner/node_modules/meta/.npmignore": "x.js",
    "node_modules/inner/node_modules/meta/x.js": "x",
    "node_modules/@own/x/package.json": '{"name":"@own/x","version":"1.0.0"}',
    "node_modules/@own/x/x.js": "x",
    "node_modules/plain/package.json": '{"name":"plain","version":"1.0.0"}',
  },
};

for (const [name, files] of Object.entries(FOLDERS)) {
  test(`${name} is packed as npm packs it`, async (t) => {
    const place = folder(t, files);
    symlinkSync("index.js", join(place, "linked.js"));
    const [theirs, ours, again] = await Promise.all([
      run("npm", ["pack", "--dry-run", "--json", "--ignore-scripts", "--loglevel=error"], place),
      run(binary(), ["publish", "--dry-run", "--json"], place),
      run(binary(), ["publish", "--dry-run", "--json"], place),
    ]);
    assert.equal(theirs.code, 0, theirs.stderr);
    assert.equal(ours.code, 0, ours.stderr);
    const parsed = JSON.parse(theirs.stdout);
    const expected = Array.isArray(parsed) ? parsed[0] : Object.values(parsed)[0];
    const packed = JSON.parse(ours.stdout);
    // npm makes commands executable only where they stand at the top; ours are wherever they are.
    const bins = /^bin\/(cmd\.js|two)$/;
    const shape = ({ path, size, mode }) => [path, size, bins.test(path) ? mode | 0o111 : mode];
    assert.deepEqual(packed.files.map(shape).sort(), expected.files.map(shape).sort());
    assert.equal(packed.unpackedSize, expected.unpackedSize);
    assert.equal(JSON.parse(again.stdout).integrity, packed.integrity);
  });
}

/** A registry that keeps what it is sent. */
async function keeper(t, status = 201, answer = { ok: "created" }) {
  const requests = [];
  const server = createServer(async (request, reply) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    if (request.method === "PUT") {
      const body = JSON.parse(Buffer.concat(chunks));
      requests.push({ url: request.url, headers: request.headers, body });
      reply.statusCode = status;
      return reply.end(JSON.stringify(answer));
    }
    reply.statusCode = 404;
    reply.end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, requests };
}

const PACKAGE = {
  "package.json": manifest({
    description: "a package", bin: "./cli.js", publishConfig: { access: "public" },
  }),
  "README.md": "# Packed",
  "cli.js": "#!/usr/bin/env node\n",
};

test("the document that is sent says what npm's says", async (t) => {
  const { url, requests } = await keeper(t);
  const place = folder(t, {
    ...PACKAGE,
    ".npmrc": `registry=${url}/\n${url.slice(5)}/:_authToken=npm_secret\n`,
  });
  const theirs = await run("npm", ["publish", "--tag", "next", "--loglevel=error"], place);
  assert.equal(theirs.code, 0, theirs.stderr);
  const ours = await run(binary(), ["publish", "--tag", "next", "--server", url], place);
  assert.equal(ours.code, 0, ours.stderr);
  assert.match(ours.stdout, /^\+ @scope\/packed@1\.2\.3 \(next\)$/m);
  const [expected, sent] = requests;
  assert.equal(sent.url, expected.url);
  assert.equal(sent.headers.authorization, "Bearer npm_secret");
  assert.equal(sent.headers["x-bun-config-dump"], "0x01a1b2c3d40000000702185000");
  const shape = ({ body }) => {
    const { versions, _attachments, ...rest } = body;
    const { dist, ...version } = versions["1.2.3"];
    const [[file, { data, length, content_type }]] = Object.entries(_attachments);
    const archive = Buffer.from(data, "base64");
    const sum = (name, form) => createHash(name).update(archive).digest(form);
    assert.equal(length, archive.length);
    assert.equal(dist.integrity, `sha512-${sum("sha512", "base64")}`);
    assert.equal(dist.shasum, sum("sha1", "hex"));
    const kept = ["_id", "name", "version", "description", "bin", "publishConfig"];
    const fields = Object.fromEntries(kept.map((key) => [key, version[key]]));
    return { rest, file, content_type, fields, tarball: dist.tarball };
  };
  assert.deepEqual(shape(sent), shape(expected));
  assert.equal(sent.body.versions["1.2.3"].readme, "# Packed");
});

test("refusals and wrong usage are said", async (t) => {
  const { url, requests } = await keeper(t, 403, {
    error: "forbidden", reason: "you cannot publish over 1.2.3",
  });
  const place = folder(t, PACKAGE);
  const publish = (args, env = {}) =>
    run(binary(), ["publish", "--server", url, ...args], place, env);
  const refused = await publish([], { THIRTEEN_TOKEN: "t" });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /answered 403 you cannot publish over 1\.2\.3/);
  assert.equal(requests[0].headers.authorization, "Bearer t");
  const anonymous = await publish([]);
  assert.equal(anonymous.code, 2);
  assert.match(anonymous.stderr, /there is no token/);
  assert.equal((await publish(["--tag", "1.0.0", "--token", "t"])).code, 2);
  assert.equal(requests.length, 1);
});
