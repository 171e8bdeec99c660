// A Thirteen server of the test's own: free ports, a temporary data folder, gone after the test.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

/** Starts `thirteen serve` and resolves when it has printed its doors and `ready`. */
export async function startServer(t, { args = [], env = {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "thirteen-clients-"));
  const defaults = Object.entries(DEFAULTS).filter(([flag]) => !args.includes(flag));
  const child = spawn(binary(), ["serve", ...defaults.flat(), ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal }));
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (log += text));
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });

  const addresses = {};
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === "ready") {
      return {
        ...addresses,
        log: () => log,
        async terminate() {
          child.kill("SIGTERM");
          return ended;
        },
      };
    }
    const [name, url] = line.split(/\s+/);
    addresses[name] = url;
  }
  throw new Error(`the server ended before it was ready:\n${log}`);
}

export function binary() {
  const root = resolve(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "../..");
  const candidates = process.env.THIRTEEN_BIN
    ? [resolve(process.env.THIRTEEN_BIN)]
    : [join(root, "target/debug/thirteen"), join(root, "target/release/thirteen")];
  const found = candidates.find((path) => existsSync(path));
  if (!found) throw new Error(`no binary at ${candidates.join(" or ")}: run cargo build first`);
  return found;
}

const DEFAULTS = {
  "--data": "data",
  "--shards": "1",
  "--api": "127.0.0.1:0",
  "--ops": "127.0.0.1:0",
  "--registry": "127.0.0.1:0",
};
