// `@verdaccio/e2e-cli` for one package manager: `verdaccio-suite.mjs <manager> <registry> <token>`.
// Its own command leaves out every test whose command is not in its table for the manager; here the
// table has what the managers of these tests have.

import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import {
  allTests, createBunAdapter, createNpmAdapter, createPnpmAdapter, createYarnModernAdapter, runAll,
} from "@verdaccio/e2e-cli";

const MODULES = join(import.meta.dirname, "node_modules");

const OF_NPM = "it asks the registry itself, and the suite lets it run with npm alone";
const SCENARIOS_OF_NPM = {
  "scenario:tarballs": OF_NPM,
  "scenario:metadata": OF_NPM,
  "scenario:search": OF_NPM,
  "scenario:uplink-failure": OF_NPM,
  "scenario:reserved-names": OF_NPM,
};
const OF_PNPM = "it is about a setting of pnpm";
const IDLE_AUDIT = "the test does nothing with it; registry.test.mjs audits";
const IDLE_LOGIN = "the test does nothing with it; login.test.mjs signs in";

// Where each is, the tests that it is left out of, and why.
export const MANAGERS = {
  npm: {
    adapter: () => createNpmAdapter(),
    left: { login: IDLE_LOGIN, "scenario:minimum-release-age": OF_PNPM },
  },
  pnpm: {
    adapter: pnpm,
    left: {
      ...SCENARIOS_OF_NPM,
      audit: IDLE_AUDIT,
      login: IDLE_LOGIN,
      ping: "the test reads JSON, which `pnpm ping` does not write; registry.test.mjs pings",
    },
  },
  "yarn berry": {
    adapter: () => createYarnModernAdapter(join(MODULES, "@yarnpkg/cli-dist/bin/yarn.js")),
    left: {
      ...SCENARIOS_OF_NPM,
      audit: IDLE_AUDIT,
      "dist-tags": "the test reads npm's words, which `yarn npm tag` does not write; " +
        "registry.test.mjs tags",
      search: "it has no such command",
      unpublish: "it has no such command",
      "scenario:minimum-release-age": OF_PNPM,
    },
  },
  bun: {
    adapter: () => createBunAdapter(join(MODULES, "@oven/bun-linux-x64/bin/bun")),
    left: {
      ...SCENARIOS_OF_NPM,
      deprecate: "it has no such command",
      "dist-tags": "it has no such command",
      login: "it has no such command",
      ping: "it has no such command",
      search: "it has no such command",
      unpublish: "it has no such command",
      "scenario:minimum-release-age": OF_PNPM,
    },
  },
};

/** The names of all tests of the suite. */
export const TESTS = allTests.map(({ name }) => name);

/** With what the suite's table lacks: `search`, and `dist-tag`, which wants to be told a name. */
function pnpm() {
  const adapter = createPnpmAdapter(join(MODULES, "@pnpm/exe.linux-x64/pnpm"));
  const exec = (options, ...args) => {
    if (args[0] !== "dist-tag" || args[1] !== "ls") return adapter.exec(options, ...args);
    const { name } = JSON.parse(readFileSync(join(options.cwd, "package.json"), "utf8"));
    return adapter.exec(options, "dist-tag", "ls", name, ...args.slice(2));
  };
  const supports = new Set([...adapter.supports, "search", "dist-tag"]);
  return { ...adapter, exec, supports };
}

async function main(name, registry, token) {
  const { adapter, left } = MANAGERS[name];
  const tests = allTests.filter((one) => !(one.name in left));
  const options = { timeout: 100_000, concurrency: 1 };
  const { exitCode, results } = await runAll([adapter()], tests, registry, token, options);
  const [{ skipped }] = results;
  process.exit(skipped > 0 ? 1 : exitCode);
}

if (process.argv[1] && realpathSync(process.argv[1]) === import.meta.filename) {
  await main(...process.argv.slice(2));
}
