// Commands as a user runs them, each in a folder of its own.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A folder that is gone after the test, with these files in it. */
export function folder(t, files = {}) {
  const path = mkdtempSync(join(tmpdir(), "thirteen-clients-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    const { text, mode = 0o644 } = typeof content === "string" ? { text: content } : content;
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text, { mode });
  }
  return path;
}

// Clients keep logs and caches there, which are not to stand in the folders that are compared.
const HOME = mkdtempSync(join(tmpdir(), "thirteen-home-"));
process.on("exit", () => rmSync(HOME, { recursive: true, force: true }));

/** Runs a command without blocking the registry, which is in this process. */
export async function run(command, args, cwd, env = {}) {
  const child = spawn(command, args, {
    cwd,
    env: { PATH: process.env.PATH, HOME, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const [code] = await once(child, "close");
  return { code, stdout, stderr };
}


/**
 * Runs a command in a terminal, and writes each answer when what comes before it in `talk`, pairs
 * of a pattern and an answer, has been asked for. An answer is text, or makes it of the match.
 */
export async function converse([command, ...args], cwd, talk, env = {}) {
  const quoted = [command, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  const child = spawn("script", ["-qefc", quoted, "/dev/null"], {
    cwd,
    env: { PATH: process.env.PATH, HOME, TERM: "dumb", NO_COLOR: "1", SHELL: "/bin/sh", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const late = setTimeout(() => child.kill("SIGKILL"), TALK_MS);
  child.stdin.on("error", () => {});
  let text = "";
  let said = "";
  const left = [...talk];
  const hear = async (more) => {
    text += more;
    said += more.replace(/\x1b\[[0-9;?]*[a-zA-Z]/g, "");
    const match = left.length > 0 && left[0][0].exec(said);
    if (!match) return;
    const [, answer] = left.shift();
    said = said.slice(match.index + match[0].length);
    const words = typeof answer === "string" ? answer : await answer(match);
    if (words !== undefined) {
      await isListening(child);
      child.stdin.write(`${words}\r`);
    }
    hear("");
  };
  child.stdout.setEncoding("utf8").on("data", hear);
  child.stderr.setEncoding("utf8").on("data", hear);
  const [code] = await once(child, "close");
  clearTimeout(late);
  return { code, text, unasked: left.length };
}

/**
 * Waits until who asks has turned the terminal's echo off: a prompt is written before that, and the
 * terminal may forget then what was typed until it. Every one of these clients does so.
 */
async function isListening(script) {
  while (script.exitCode === null) {
    const stty = spawnSync("stty", ["-a", "-F", terminalOf(script.pid)], { encoding: "utf8" });
    if (/ -echo\b/.test(stty.stdout)) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The terminal that `script` made for its command. */
function terminalOf(pid) {
  const [inner] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
  return readlinkSync(`/proc/${inner}/fd/0`);
}

const TALK_MS = 60_000;
