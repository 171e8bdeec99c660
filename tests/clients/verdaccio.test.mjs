// verdaccio's own suite for registries, `@verdaccio/e2e-cli`, with every package manager that it
// drives and that the tests have, and the checks that it calls pending since verdaccio fails them.

import assert from "node:assert/strict";
import { once } from "node:events";
import { request } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { folder, run } from "./command.mjs";
import { startServer } from "./server.mjs";
import { serveShelf } from "./shelf.mjs";
import { YARN_PLUGINS } from "./yarn-plugins.mjs";

const MODULES = join(import.meta.dirname, "node_modules");
const SUITE = join(MODULES, "@verdaccio/e2e-cli/bin/e2e-cli.js");

// How the suite names each, and where it is; and how many of its tests are for it.
const MANAGERS = {
  npm: { pm: "npm", tests: 17 },
  pnpm: { pm: `pnpm=${join(MODULES, "@pnpm/exe.linux-x64/pnpm")}`, tests: 10 },
  "yarn berry": {
    pm: `yarn-modern=${join(MODULES, "@yarnpkg/cli-dist/bin/yarn.js")}`,
    tests: 9,
  },
  bun: { pm: `bun=${join(MODULES, "@oven/bun-linux-x64/bin/bun")}`, tests: 7 },
};

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
  for (const [name, { pm, tests }] of Object.entries(MANAGERS)) {
    await t.test(name, async (t) => {
      const home = folder(t);
      const args = [SUITE, "--registry", registry, "--uplink-port", uplinkPort, "--pm", pm];
      const { code, stdout, stderr } = await run(process.execPath, args, home, {
        HOME: home,
        TMPDIR: home,
        E2E_PENDING_CONTRACT_CHECKS: "all",
        npm_config_registry: registry,
        npm_config_update_notifier: "false",
      });
      const text = stdout.replace(/\x1b\[\d+m/g, "");
      assert.equal(code, 0, text + stderr);
      const [told, passed] = /^ *v .*: (\d+) passed.*$/m.exec(text);
      t.diagnostic(told.trim());
      // What it leaves out is not passed.
      assert.equal(Number(passed), tests, text);
    });
  }
});

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
