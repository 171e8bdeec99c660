// `thirteen install` beside npm: the same node_modules for the same packages, byte for byte.

import assert from "node:assert/strict";
import {
  lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { folder, run } from "./command.mjs";
import { binary } from "./server.mjs";
import { pack, serveShelf } from "./shelf.mjs";

async function shelf(t, packages) {
  const shelf = await serveShelf(packages);
  t.after(shelf.end);
  return shelf;
}

const thirteen = (url, roots, place) =>
  run(binary(), ["install", ...roots, "--to", place, "--server", url], place);

async function npm(url, roots, place) {
  const quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
  const cache = ["--cache", join(place, ".cache"), "--registry", url];
  const done = await run("npm", ["install", ...roots, ...quiet, ...cache], place);
  assert.equal(done.code, 0, done.stderr);
}

/** Everything below a folder: kind, mode and content by path. */
function contents(place, prefix = "", found = {}) {
  for (const name of readdirSync(join(place, prefix)).sort()) {
    if (prefix === "" && [".package-lock.json", ".thirteen.json"].includes(name)) continue;
    const path = join(prefix, name);
    const about = lstatSync(join(place, path));
    const mode = (about.mode & 0o7777).toString(8);
    if (about.isSymbolicLink()) found[path] = `link to ${readlinkSync(join(place, path))}`;
    else if (about.isDirectory()) {
      found[path] = `folder ${mode}`;
      contents(place, path, found);
    } else found[path] = `${mode} ${readFileSync(join(place, path), "latin1")}`;
  }
  return found;
}

/** A tree of some sixty packages with everything that makes one intricate. */
function intricate() {
  const packages = [];
  const add = (name, version, rest = {}) =>
    packages.push({ name, version, files: { "index.js": `// ${name} ${version}\n` }, ...rest });
  const chain = (letter, length, last) => {
    for (let index = 0; index < length; index++) {
      const next = index + 1 < length ? { [`${letter}${index + 1}`]: "^1.0.0" } : last;
      add(`${letter}${index}`, "1.0.0", { dependencies: next });
      add(`${letter}${index}`, "1.1.0", { dependencies: next });
    }
  };
  chain("left", 9, { shared: "^1.0.0" });
  chain("right", 9, { shared: "^2.0.0", "@scope/tool": "*" });
  for (const version of ["1.0.0", "1.4.2", "2.0.0", "2.1.0-beta.1", "3.0.0"]) {
    add("shared", version, { dependencies: { deep: `^${version[0]}.0.0` } });
  }
  for (const version of ["1.0.0", "2.0.0", "3.0.0"]) add("deep", version);
  add("@scope/tool", "1.2.3", {
    bin: { tool: "./bin/tool.js", "other-tool": "bin/other.js", gone: "bin/not-there.js" },
    files: {
      "bin/tool.js": "#!/usr/bin/env node\r\nconsole.log(1)\r\n",
      "bin/other.js": { text: "#!/bin/sh\n", mode: 0o755 },
      ".gitignore": "node_modules\n",
      "lib/.npmignore": "x\n",
      "lib/.gitignore": "y\n",
    },
  });
  add("clash-a", "1.0.0", { bin: { clash: "a.js" }, files: { "a.js": "a" } });
  add("clash-b", "1.0.0", { bin: "b.js", files: { "b.js": "b" }, dependencies: { clash: "1" } });
  add("clash", "1.0.0", { bin: "c.js", files: { "c.js": "#!/usr/bin/env node\n" } });
  add("host", "4.0.0", { tag: "old" });
  add("host", "5.0.0", { dependencies: { shared: "3" } });
  add("plugin-old", "1.0.0", { peerDependencies: { host: "^4.0.0" } });
  add("plugin-new", "1.0.0", {
    peerDependencies: { host: ">=4", "never-there": "1" },
    peerDependenciesMeta: { "never-there": { optional: true } },
  });
  add("uses-old", "1.0.0", { dependencies: { "plugin-old": "*", host: "4" } });
  add("native-darwin", "1.0.0", { os: ["darwin"], dependencies: { "only-mac": "1" } });
  add("native-linux", "1.0.0", { os: ["linux"] });
  add("native-musl", "1.0.0", { libc: ["no-such-libc"] });
  add("only-mac", "1.0.0");
  add("future", "1.0.0", { engines: { node: ">=999" } });
  add("native", "1.0.0", {
    optionalDependencies: {
      "native-darwin": "1", "native-linux": "1", "native-musl": "1", future: "1", "not-there": "1",
    },
    scripts: { postinstall: "exit 1" },
  });
  add("bundler", "1.0.0", {
    dependencies: { inner: "1", meta: "2" },
    bundleDependencies: ["inner"],
    files: {
      "node_modules/inner/package.json": JSON.stringify({
        name: "inner", version: "1.0.0", bin: { inner: "i.js" }, dependencies: { core: "1" },
      }),
      "node_modules/inner/i.js": "#!/usr/bin/env node\n",
      "node_modules/core/package.json": JSON.stringify({ name: "core", version: "1.0.0" }),
      "node_modules/inner/node_modules/@own/x/package.json":
        JSON.stringify({ name: "@own/x", version: "0.1.0" }),
    },
  });
  add("inner", "1.9.0");
  add("core", "1.5.0");
  for (const version of ["1.0.0", "2.0.0"]) {
    add("meta", version, { dependencies: { core: version[0] === "2" ? "*" : "1" } });
  }
  add("two-versions", "1.0.0", {
    dependencies: { first: "npm:shared@1", second: "npm:shared@^2", meta: "1" },
  });
  add("loop-a", "1.0.0", { dependencies: { "loop-b": "1" } });
  add("loop-b", "1.0.0", { dependencies: { "loop-a": "2" } });
  add("loop-a", "2.0.0", { dependencies: { "loop-b": "2" } });
  add("loop-b", "2.0.0", { dependencies: { "loop-a": "1" } });
  add("everything", "1.0.0", {
    dependencies: {
      left0: "~1.0.0", right0: "1.x", native: "*", bundler: "*", "two-versions": "latest",
      "clash-a": "1", "clash-b": "1", "uses-old": "*", "plugin-new": "*", "loop-a": "1",
    },
  });
  return packages;
}

for (const roots of [
  ["everything"],
  ["shared@1", "everything", "host"],
  ["uses-old", "plugin-new", "alias@npm:shared@<2"],
  ["bundler", "core@1", "@scope/tool@^1"],
]) {
  test(`the node_modules of ${roots.join(" ")} is npm's`, async (t) => {
    const { url } = await shelf(t, intricate());
    const [ours, theirs] = [folder(t), folder(t)];
    await npm(url, roots, theirs);
    const done = await thirteen(url, roots, ours);
    assert.equal(done.code, 0, done.stderr);
    const expected = contents(join(theirs, "node_modules"));
    assert.ok(Object.keys(expected).length > 10);
    const held = contents(join(ours, "node_modules"));
    const paths = new Set([...Object.keys(expected), ...Object.keys(held)]);
    const other = [...paths].filter((path) => expected[path] !== held[path]);
    assert.deepEqual(other.map((path) => [path, held[path], expected[path]]), []);
    assert.deepEqual(readdirSync(ours), ["node_modules"], "nothing is left beside it");
  });
}

test("the output tells what is sent and what was done", async (t) => {
  const { url } = await shelf(t, intricate());
  const place = folder(t);
  const { stdout } = await thirteen(url, ["native"], place);
  const lines = stdout.split("\n");
  assert.equal(lines[0], "Installing native with config headers...");
  assert.equal(lines[1], "  X-Bun-Config-Version: 1");
  assert.ok(lines.includes("  X-Bun-Config-Dump: 0x01a1b2c3d40000000702185000"), stdout);
  assert.ok(lines.some((line) => /^ {2}X-Bun-Request-ID: [0-9a-f]{16}$/.test(line)), stdout);
  assert.ok(lines.includes("Fetching from registry (hash: 0xa1b2c3d4)..."), stdout);
  assert.ok(lines.includes("Successfully installed native"), stdout);
  assert.ok(lines.includes("note: native@1.0.0 has install scripts; they were not run"), stdout);
  // What is asked for next does not take it away.
  const next = await thirteen(url, ["deep@1"], place);
  assert.equal(next.code, 0, next.stderr);
  assert.deepEqual(readdirSync(join(place, "node_modules")).sort(), [
    ".thirteen.json", "deep", "native", "native-linux",
  ]);
});

test("what fails leaves everything as it was", async (t) => {
  const { url, server } = await shelf(t, [
    { name: "good", version: "1.0.0" },
    { name: "bad", version: "1.0.0", dependencies: { good: "1" } },
  ]);
  const place = folder(t);
  assert.equal((await thirteen(url, ["good"], place)).code, 0);
  const before = contents(place);
  const [listener] = server.listeners("request");
  const answers = {
    "a wrong archive": [(reply) => reply.end(pack({ "package.json": "{}" })), /integrity/],
    "one cut off": [
      (reply) => {
        reply.writeHead(200, { "content-length": "5000" });
        reply.write("x".repeat(100), () => reply.destroy());
      },
      /broke off/,
    ],
    "a refusal": [
      (reply) => reply.writeHead(503).end('{"error":"down","reason":"the upstream is away"}'),
      /answered 503: the upstream is away/,
    ],
  };
  for (const [name, [answer, message]] of Object.entries(answers)) {
    server.removeAllListeners("request");
    server.on("request", (request, reply) =>
      request.url.includes("bad-1.0.0.tgz") ? answer(reply) : listener(request, reply),
    );
    const done = await thirteen(url, ["bad"], place);
    assert.equal(done.code, 1, name);
    assert.match(done.stderr, message, name);
    assert.deepEqual(contents(place), before, name);
  }
  const missing = await thirteen(url, ["nobody-has-this"], place);
  assert.equal(missing.code, 1);
  assert.match(missing.stderr, /no nobody-has-this here/);
  assert.equal((await thirteen(url, ["../evil"], place)).code, 2);
  assert.deepEqual(contents(place), before);
});

test("a hostile archive is refused and leaves nothing", async (t) => {
  const outside = { "../../../../evil.txt": "x" };
  const { url } = await shelf(t, [{ name: "evil", version: "1.0.0", files: outside }]);
  const place = folder(t);
  const done = await thirteen(url, ["evil"], place);
  assert.equal(done.code, 1);
  assert.match(done.stderr, /climbs out of its folder/);
  assert.deepEqual(readdirSync(place), []);
});

test("a node_modules of someone else is left alone", async (t) => {
  const { url } = await shelf(t, [{ name: "good", version: "1.0.0" }]);
  const place = folder(t);
  mkdirSync(join(place, "node_modules/mine"), { recursive: true });
  writeFileSync(join(place, "node_modules/mine/a.js"), "a");
  const done = await thirteen(url, ["good"], place);
  assert.equal(done.code, 78);
  assert.match(done.stderr, /was not made by `thirteen install`/);
  assert.equal(readFileSync(join(place, "node_modules/mine/a.js"), "utf8"), "a");
});
