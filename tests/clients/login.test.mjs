// The clients' own commands for accounts, in a terminal: signing in there and by a browser, tokens,
// profiles, owners, access, stars.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { converse, folder } from "./command.mjs";
import { MANAGERS } from "./managers.mjs";
import { startServer } from "./server.mjs";

const PASSWORD = "a-Long-Secret-13";

/** A server of its own, and people who have a home and a place to work in. */
async function world(t) {
  const env = { THIRTEEN_RATE_AUTH_PER_15S: "0", THIRTEEN_REGISTRY_OFFLINE: "true" };
  const server = await startServer(t, { env });
  const url = server.registry;
  const visitor = (manifest = {}) => {
    const home = folder(t);
    const place = folder(t, {
      "package.json": JSON.stringify({ license: "MIT", ...manifest }),
      ".npmrc": `registry=${url}/\n`,
      ".yarnrc.yml":
        `npmRegistryServer: "${url}"\nunsafeHttpWhitelist: ["127.0.0.1"]\n` +
        "enableTelemetry: false\n",
      "yarn.lock": "",
    });
    const say = async (manager, args, talk = [], expected = 0) => {
      const command = [...MANAGERS[manager].command, ...args];
      const done = await converse(command, place, talk, { HOME: home });
      const told = `${manager} ${args.join(" ")}: ${done.text}`;
      assert.equal(done.code, expected, told);
      assert.equal(done.unasked, 0, told);
      return done.text;
    };
    return { place, home, say };
  };
  return { url, visitor };
}

const NAME = (name) => [/(user|User|)[nN]ame:/, name];
const SECRET = [/[pP]assword:/, PASSWORD];
const EMAIL = (name) => [/mail.*:/, `${name}@example.com`];

/** Opens the page that a client shows, and signs in there as a browser would. */
const browser = (name, more = {}) => [
  /http:\S+\/-\/v1\/login\/page\/\S+/,
  async ([url]) => {
    const page = await fetch(url);
    assert.equal(page.status, 200);
    const [, proof] = /name="proof" value="([^"]+)"/.exec(await page.text());
    const cookie = page.headers.get("set-cookie").split(";")[0];
    const body = new URLSearchParams({ proof, name, password: PASSWORD, ...more });
    const sent = await fetch(url, { method: "POST", headers: { cookie }, body });
    assert.equal(sent.status, 200, await sent.text());
  },
];

const npmrcOf = (url, token) =>
  `registry=${url}/\n${url.slice(url.indexOf(":") + 1)}/:_authToken=${token}\n`;

test("npm signs up and in, in the terminal", async (t) => {
  const { url, visitor } = await world(t);
  const one = visitor();
  await one.say("npm", ["whoami"], [], 1);
  await one.say("npm", ["adduser", "--auth-type=legacy"], [NAME("joe"), SECRET, EMAIL("joe")]);
  assert.match(await one.say("npm", ["whoami"]), /^joe\s*$/m);
  await one.say("npm", ["logout"]);
  await one.say("npm", ["whoami"], [], 1);
  await one.say("npm", ["login", "--auth-type=legacy"], [NAME("joe"), SECRET]);
  assert.match(await one.say("npm", ["whoami"]), /^joe\s*$/m);
  const other = visitor();
  const wrong = [/[pP]assword:/, "another password"];
  const refused = await other.say("npm", ["login", "--auth-type=legacy"], [NAME("joe"), wrong], 1);
  assert.match(refused, /E401/);
  assert.match(refused, /Incorrect or missing password/);
  // A token that is over is told as one.
  writeFileSync(join(other.place, ".npmrc"), npmrcOf(url, `npm_${"0".repeat(36)}`));
  assert.match(await other.say("npm", ["whoami"], [], 1), /token seems to be invalid/);
  const taken = [NAME("joe"), wrong, EMAIL("joe")];
  assert.match(await other.say("npm", ["adduser", "--auth-type=legacy"], taken, 1), /taken/);
});

test("npm, pnpm and yarn berry sign up and in by a browser", async (t) => {
  const { visitor } = await world(t);
  const one = visitor();
  await one.say("npm", ["adduser"], [browser("ann", { email: "ann@example.com" })]);
  assert.match(await one.say("npm", ["whoami"]), /^ann\s*$/m);
  const two = visitor();
  await two.say("npm", ["login"], [browser("ann")]);
  assert.match(await two.say("npm", ["whoami"]), /^ann\s*$/m);
  const three = visitor();
  await three.say("pnpm", ["login"], [browser("ann")]);
  assert.match(await three.say("pnpm", ["whoami"]), /^ann\s*$/m);
  await three.say("pnpm", ["logout"]);
  await three.say("pnpm", ["whoami"], [], 1);
  const four = visitor();
  const talk = [[/open your browser now/, "n"], browser("ann")];
  await four.say("yarn berry", ["npm", "login", "--web-login"], talk);
  assert.match(await four.say("yarn berry", ["npm", "whoami"]), /ann/);
});

test("yarn berry signs in in the terminal, and out", async (t) => {
  const { visitor } = await world(t);
  for (const one of [visitor(), visitor()]) {
    await one.say("yarn berry", ["npm", "login"], [[/Username/, "bea"], [/Password/, PASSWORD]]);
    assert.match(await one.say("yarn berry", ["npm", "whoami"]), /bea/);
    await one.say("yarn berry", ["npm", "logout"]);
    await one.say("yarn berry", ["npm", "whoami"], [], 1);
  }
});

test("yarn 1 signs in for each change", async (t) => {
  const { url, visitor } = await world(t);
  const one = visitor({ name: "yarn-lib", version: "1.0.0" });
  await one.say("yarn 1", ["login"], [[/username/, "joe"], EMAIL("joe")]);
  await one.say("yarn 1", ["publish", "--new-version", "1.0.0"], [SECRET]);
  assert.match(await one.say("yarn 1", ["owner", "list", "yarn-lib"]), /joe/);
  const bob = visitor();
  await bob.say("npm", ["adduser", "--auth-type=legacy"], [NAME("bob"), SECRET, EMAIL("bob")]);
  // It reads the short form, which names neither owners nor a revision, and puts whom it adds
  // alone: both own the package then. With any registry, it removes nobody: it ends with an error
  // if the account is among the owners that it read, and sends the list if it is not.
  await one.say("yarn 1", ["owner", "add", "bob", "yarn-lib"], [SECRET]);
  const listed = await one.say("yarn 1", ["owner", "list", "yarn-lib"]);
  assert.match(listed, /joe[^]*bob|bob[^]*joe/);
  const refused = await one.say("yarn 1", ["owner", "remove", "bob", "yarn-lib"], [SECRET], 1);
  assert.match(refused, /Use npm owner rm/);
  await one.say("yarn 1", ["tag", "add", "yarn-lib@1.0.0", "stable"], [SECRET]);
  const { maintainers, "dist-tags": tags } = await (await fetch(`${url}/yarn-lib`)).json();
  assert.deepEqual(maintainers.map(({ name }) => name), ["bob", "joe"]);
  assert.equal(tags.stable, "1.0.0");
  const wrong = [/[pP]assword:/, "another password"];
  const untold = await one.say("yarn 1", ["tag", "rm", "yarn-lib", "stable"], [wrong], 1);
  assert.match(untold, /The name or the password of the account is wrong/);
  await one.say("yarn 1", ["logout"]);
});

test("npm's tokens, profile, access, owners and stars", async (t) => {
  const { url, visitor } = await world(t);
  const bob = visitor();
  await bob.say("npm", ["adduser", "--auth-type=legacy"], [NAME("bob"), SECRET, EMAIL("bob")]);
  const lib = "@joe/lib";
  const joe = visitor({ name: lib, version: "1.0.0" });
  const npm = (args, talk) => joe.say("npm", args, talk);
  await npm(["adduser", "--auth-type=legacy"], [NAME("joe"), SECRET, EMAIL("joe")]);
  await npm(["publish", "--access=public"]);

  await npm(["token", "create", "--name=ci"], [SECRET]);
  const listed = await npm(["token", "list"]);
  const [, id] = /with id (\w+) name ci/.exec(listed);
  await npm(["token", "revoke", id]);
  assert.doesNotMatch(await npm(["token", "list"]), /name ci/);

  assert.match(await npm(["profile", "get", "email"]), /joe@example.com/);
  await npm(["profile", "set", "email", "other@example.com"]);
  assert.match(await npm(["profile", "get"]), /other@example.com/);

  assert.match(await npm(["access", "get", "status", lib]), /public/);
  await npm(["access", "set", "status=private", lib]);
  assert.equal((await fetch(`${url}/@joe%2flib`)).status, 404);
  assert.match(await npm(["access", "list", "packages", "joe"]), /@joe\/lib: read-write/);
  assert.match(await npm(["access", "list", "collaborators", lib]), /joe: read-write/);
  await npm(["access", "set", "status=public", lib]);

  await npm(["owner", "add", "bob", lib]);
  assert.match(await npm(["owner", "ls", lib]), /bob <bob@example.com>/);
  await bob.say("npm", ["owner", "rm", "joe", lib]);
  assert.doesNotMatch(await npm(["owner", "ls", lib]), /joe/);

  // Who owns it no more may star it.
  await npm(["star", lib]);
  assert.match(await npm(["stars"]), /@joe\/lib/);
  assert.match(await bob.say("npm", ["stars", "joe"]), /@joe\/lib/);
  await npm(["unstar", lib]);
  assert.match(await npm(["stars"]), /not starred/);
});

test("pnpm's tokens, profile, access, owners and stars", async (t) => {
  const { url, visitor } = await world(t);
  const lib = "@joe/lib";
  const joe = visitor({ name: lib, version: "1.0.0" });
  const pnpm = (args, talk, code) => joe.say("pnpm", args, talk, code);
  await joe.say("npm", ["adduser", "--auth-type=legacy"], [NAME("joe"), SECRET, EMAIL("joe")]);
  await pnpm(["publish", "--no-git-checks", "--access=public"]);
  await pnpm(["token", "create"], [SECRET]);
  assert.equal((await pnpm(["token", "list"])).match(/^Token npm_/gm).length, 2);
  await pnpm(["profile", "set", "email", "other@example.com"]);
  assert.match(await pnpm(["profile", "get"]), /other@example.com/);
  await pnpm(["access", "set", "status=private", lib]);
  assert.match(await pnpm(["access", "get", "status", lib]), /restricted/);
  await pnpm(["access", "set", "status=public", lib]);
  assert.match(await pnpm(["access", "list", "packages", "joe"]), /@joe\/lib/);
  assert.match(await pnpm(["owner", "ls", lib]), /joe/);
  assert.match(
    await pnpm(["access", "list", "collaborators", lib]), /^joe <other@example.com>: read-write/m,
  );

  const users = async () => (await (await fetch(`${url}/@joe%2flib`)).json()).users ?? {};
  const bob = visitor();
  await bob.say("npm", ["adduser", "--auth-type=legacy"], [NAME("bob"), SECRET, EMAIL("bob")]);
  for (const [one, name] of [[joe, "joe"], [bob, "bob"]]) {
    await one.say("pnpm", ["star", lib]);
    assert.deepEqual(await users(), { [name]: true });
    assert.match(await one.say("pnpm", ["stars"]), /@joe\/lib/);
    assert.match(await pnpm(["stars", name]), /@joe\/lib/);
    await one.say("pnpm", ["unstar", lib]);
    assert.deepEqual(await users(), {});
    assert.doesNotMatch(await one.say("pnpm", ["stars"]), /@joe\/lib/);
  }

  await pnpm(["owner", "add", lib, "bob"]);
  assert.match(await pnpm(["owner", "ls", lib]), /bob <bob@example.com>/);
  await bob.say("pnpm", ["owner", "rm", lib, "joe"]);
  assert.doesNotMatch(await pnpm(["owner", "ls", lib]), /joe/);
  assert.match(await pnpm(["owner", "add", lib, "joe"], [], 1), /do not have permission/);
  assert.match(await bob.say("pnpm", ["owner", "rm", lib, "bob"], [], 1), /has to own/);
});
