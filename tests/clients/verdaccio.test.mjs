// verdaccio's own suite for registries, `@verdaccio/e2e-cli`, with every package manager that it
// drives and that the tests have, and the checks that it calls pending since verdaccio fails them.
// What it leaves out for a manager is shown as skipped, with the reason.

import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { folder, run } from "./command.mjs";
import { startServer } from "./server.mjs";
import { serveShelf } from "./shelf.mjs";
import { MANAGERS, TESTS } from "./verdaccio-suite.mjs";
import { YARN_PLUGINS } from "./yarn-plugins.mjs";

const SUITE = join(import.meta.dirname, "verdaccio-suite.mjs");

// What the suite could drive as well, were it here.
const NOT_HERE = ["deno", "upm", "nub"];

test("@verdaccio/e2e-cli", async (t) => {
  const uplinkPort = await freePort();
  const shelf = await serveShelf(YARN_PLUGINS, searchAt(uplinkPort));
  t.after(shelf.end);
  const upstreams = [
    { url: shelf.url, hash: 0 },
    // Two, since what the one scenario makes of its packages' upstream opens the breaker.
    { url: `http://localhost:${uplinkPort}`, hash: 1, patterns: ["e2e-uplink-*"] },
    { url: `http://localhost:${uplinkPort}`, hash: 2, patterns: ["nul.*", "@e2e-uplink/*"] },
  ].map((upstream) => ({ ...upstream, allowPrivate: true, timeoutMs: 3000 }));
  const env = { ...SETTINGS, UPSTREAMS: JSON.stringify(upstreams) };
  const server = await startServer(t, { env });
  // It writes `//localhost:port` where clients look for a token.
  const registry = server.registry.replace("127.0.0.1", "localhost");
  const token = await signUp(registry);
  for (const [name, { left }] of Object.entries(MANAGERS)) {
    const home = folder(t);
    const env = {
      HOME: home,
      TMPDIR: home,
      E2E_PENDING_CONTRACT_CHECKS: "all",
      E2E_UPLINK_PORT: `${uplinkPort}`,
      npm_config_registry: registry,
      npm_config_update_notifier: "false",
    };
    await t.test(name, async (t) => {
      const { code, stdout, stderr } = await run(
        process.execPath, [SUITE, name, registry, token], home, env,
      );
      const text = stdout.replace(/\x1b\[\d+m/g, "");
      assert.equal(code, 0, text + stderr);
      for (const test of TESTS.filter((test) => !(test in left))) {
        const line = new RegExp(`^ *(?!FAIL)\\S+ ${test} `, "m");
        await t.test(test, () => assert.match(text, line));
      }
      for (const [test, reason] of Object.entries(left)) await t.test(test, { skip: reason });
    });
  }
  for (const name of NOT_HERE) await t.test(name, { skip: "not among the clients of these tests" });
});

/** An account, with no address as the suite itself makes its own; its token. */
async function signUp(registry) {
  const name = "e2e-user";
  const reply = await fetch(`${registry}/-/user/org.couchdb.user:${name}`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name, password: "e2e-test-password" }),
  });
  assert.equal(reply.status, 201);
  return (await reply.json()).token;
}

/** A port that nothing listens on. */
async function freePort() {
  const server = createServer().listen(0);
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/** Searches go to the suite's own upstream, which is there only while one of its tests needs it. */
function searchAt(port) {
  return ({ url }, reply) => {
    if (!url.startsWith("/-/v1/search")) return false;
    const asked = request({ host: "localhost", port, path: url }, (answer) => {
      reply.writeHead(answer.statusCode, answer.headers);
      answer.pipe(reply);
    });
    asked.on("error", () => reply.end('{"objects":[],"total":0}'));
    asked.end();
    return true;
  };
}

const SETTINGS = {
  THIRTEEN_RATE_AUTH_PER_15S: "0",
  THIRTEEN_RATE_PUBLISHES_PER_MINUTE: "0",
  // It publishes `JSONStream-…`.
  THIRTEEN_REGISTRY_NAMES: "old",
};
