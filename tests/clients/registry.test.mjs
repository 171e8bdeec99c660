// Every package manager with Thirteen as its only registry: one list of steps, one table of words.

import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { folder, run } from "./command.mjs";
import { MANAGERS } from "./managers.mjs";
import { startServer } from "./server.mjs";
import { serveShelf } from "./shelf.mjs";

/** A server whose only upstream has these packages. */
async function behind(t, packages) {
  const shelf = await serveShelf(packages);
  t.after(shelf.end);
  const upstream = { url: shelf.url, hash: 0, allowPrivate: true, timeoutMs: 10_000 };
  const env = { ...LIMITS, UPSTREAMS: JSON.stringify([upstream]) };
  return { shelf, server: await startServer(t, { env }) };
}

/** An account made as npm's own login makes it, and its token. */
async function signUp(server, name) {
  const reply = await fetch(`${server.registry}/-/user/org.couchdb.user:${name}`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      _id: `org.couchdb.user:${name}`, name, password: "a-Long-Secret-13", type: "user",
      roles: [], email: `${name}@example.com`,
    }),
  });
  assert.equal(reply.status, 201);
  return (await reply.json()).token;
}

/** As who published it sees it: yarn berry makes what is scoped private. */
async function packument({ server, token }, name) {
  const path = name.replace("/", "%2f");
  const headers = { authorization: `Bearer ${token}` };
  const reply = await fetch(`${server.registry}/${path}`, { headers });
  return { status: reply.status, body: await reply.json() };
}

/** A manager, signed in, with a name for its packages that no other has. */
async function enter(t, server, name) {
  const manager = MANAGERS[name];
  const id = name.replace(" ", "-");
  const user = `user-${id}`;
  const token = await signUp(server, user);
  const world = {
    server, manager, user, token, lib: `lib-${id}`, scoped: `@team-${id}/lib`,
    place(files) {
      const place = folder(t, files);
      manager.setUp(place, server.registry, token);
      return place;
    },
    async say(word, args = [], place = this.place({ "package.json": "{}" })) {
      const words = manager.words[word](...args);
      const [command, ...first] = manager.command;
      const done = await run(command, [...first, ...words], place, { CI: "1" });
      const all = `${done.stdout}${done.stderr}`;
      assert.equal(done.code, 0, `${name} ${words.join(" ")}: ${all.slice(-1500)}`);
      return all;
    },
    async publish(package_, version) {
      const manifest = { name: package_, version, main: "index.js" };
      const place = this.place({
        "package.json": JSON.stringify(manifest),
        "index.js": `module.exports = "${package_} ${version}";\n`,
        "README.md": `# ${package_}`,
      });
      if (manager.installsBeforePublish) await this.say("install", [], place);
      await this.say("publish", [version], place);
      const { body } = await packument(this, package_);
      assert.equal(body["dist-tags"].latest, version);
      assert.ok(body.versions[version], version);
    },
  };
  return world;
}

const held = (place, name) =>
  JSON.parse(readFileSync(join(place, "node_modules", name, "package.json"), "utf8"));

// In this order: each goes on from what those before it left. `needs` are words of the manager.
const STEPS = [
  { name: "ping", needs: ["ping"], run: (world) => world.say("ping") },
  {
    name: "whoami",
    needs: ["whoami"],
    run: async (world) => assert.match(await world.say("whoami"), new RegExp(world.user)),
  },
  {
    name: "publish, scoped and not",
    needs: ["publish"],
    async run(world) {
      await world.publish(world.lib, "1.0.0");
      await world.publish(world.lib, "1.1.0");
      await world.publish(world.scoped, "2.0.0");
    },
  },
  {
    name: "publish of a version that is there is refused",
    needs: ["publish"],
    run: (world) => assert.rejects(world.publish(world.lib, "1.1.0")),
  },
  {
    name: "view",
    needs: ["view"],
    run: async (world) => assert.match(await world.say("view", [world.lib]), /1\.1\.0/),
  },
  {
    name: "install, and install from the lockfile",
    needs: ["install", "frozen"],
    async run(world) {
      const dependencies = { [world.lib]: "^1.0.0", [world.scoped]: "2" };
      const app = { name: "app", version: "1.0.0", private: true, dependencies };
      const place = world.place({ "package.json": JSON.stringify(app) });
      await world.say("install", [], place);
      const check = () => {
        assert.equal(held(place, world.lib).version, "1.1.0");
        assert.equal(held(place, world.scoped).version, "2.0.0");
      };
      check();
      const lockfile = join(place, world.manager.lockfile);
      const locked = readFileSync(lockfile, "utf8");
      await world.publish(world.lib, "1.2.0");
      rmSync(join(place, "node_modules"), { recursive: true });
      await world.say("frozen", [], place);
      check();
      assert.equal(readFileSync(lockfile, "utf8"), locked);
    },
  },
  {
    name: "dist-tag add, ls, rm",
    needs: ["tagAdd", "tagList", "tagRemove"],
    async run(world) {
      for (const [name, version] of [[world.lib, "1.0.0"], [world.scoped, "2.0.0"]]) {
        await world.say("tagAdd", [name, version, "stable"]);
        assert.equal((await packument(world, name)).body["dist-tags"].stable, version);
        assert.match(await world.say("tagList", [name]), /stable/);
        await world.say("tagRemove", [name, "stable"]);
        assert.equal((await packument(world, name)).body["dist-tags"].stable, undefined);
      }
    },
  },
  {
    name: "deprecate and undo",
    needs: ["deprecate", "undeprecate"],
    async run(world) {
      const deprecated = async () =>
        (await packument(world, world.lib)).body.versions["1.0.0"].deprecated;
      await world.say("deprecate", [world.lib, "1.0.0", "use another"]);
      assert.equal(await deprecated(), "use another");
      await world.say("undeprecate", [world.lib, "1.0.0"]);
      assert.ok(!(await deprecated()));
    },
  },
  {
    name: "search",
    needs: ["search"],
    run: async (world) =>
      assert.match(await world.say("search", [world.lib]), new RegExp(world.lib)),
  },
  {
    name: "audit",
    needs: ["audit", "install"],
    async run(world) {
      const app = { name: "app", version: "1.0.0", dependencies: { [world.lib]: "1" } };
      const place = world.place({ "package.json": JSON.stringify(app) });
      await world.say("install", [], place);
      await world.say("audit", [], place);
    },
  },
  {
    name: "star and unstar",
    needs: ["star", "stars", "unstar"],
    async run(world) {
      const users = async () => (await packument(world, world.lib)).body.users ?? {};
      await world.say("star", [world.lib]);
      assert.equal((await users())[world.user], true);
      assert.match(await world.say("stars", [world.user]), new RegExp(world.lib));
      await world.say("unstar", [world.lib]);
      assert.deepEqual(await users(), {});
    },
  },
  {
    name: "owner add, ls",
    needs: ["ownerAdd", "ownerList"],
    async run(world) {
      const other = `other-${world.user}`;
      await signUp(world.server, other);
      await world.say("ownerAdd", [other, world.lib]);
      const owners = await world.say("ownerList", [world.lib]);
      for (const user of [world.user, other]) assert.match(owners, new RegExp(`\\b${user}\\b`));
    },
  },
  {
    name: "access list collaborators, owner rm",
    needs: ["collaborators", "ownerRemove"],
    async run(world) {
      const other = `other-${world.user}`;
      const writers = () => world.say("collaborators", [world.lib]);
      const writes = new RegExp(`^${other}( <.*>)?: read-write`, "m");
      assert.match(await writers(), writes);
      await world.say("ownerRemove", [other, world.lib]);
      assert.doesNotMatch(await writers(), writes);
    },
  },
  {
    name: "unpublish of a version and of all",
    needs: ["unpublish"],
    async run(world) {
      for (const [name, version] of [[world.lib, "1.0.0"], [world.scoped, null]]) {
        if (version) {
          await world.say("unpublish", [`${name}@${version}`]);
          const { body } = await packument(world, name);
          assert.equal(body.versions[version], undefined);
          assert.equal(body["dist-tags"].latest, "1.2.0");
        }
        await world.say("unpublish", [name]);
        // As the public registry does: the name stays taken, and says when it was given up.
        const { body } = await packument(world, name);
        assert.deepEqual(body.versions, {});
        assert.ok(body.time.unpublished);
      }
    },
  },
];

for (const name of Object.keys(MANAGERS)) {
  test(`${name} with hosted packages`, async (t) => {
    const { server } = await behind(t, []);
    const world = await enter(t, server, name);
    for (const step of STEPS) {
      const lacks = step.needs.filter((word) => !world.manager.words[word]);
      const why = lacks.map((word) => world.manager.why?.[word] ?? `it has no ${word}`);
      const skip = lacks.length > 0 && why.join(", ");
      await t.test(step.name, { skip }, () => step.run(world));
    }
  });

  test(`${name} through an upstream`, async (t) => {
    const dependencies = { "up-b": "^1.0.0", "@up/scoped": "latest" };
    const { server, shelf } = await behind(t, [
      { name: "up-a", version: "1.0.0", dependencies },
      { name: "up-b", version: "1.0.0" },
      { name: "up-b", version: "1.3.0" },
      { name: "@up/scoped", version: "0.1.0", bin: "x.js", files: { "x.js": "#!/bin/sh\n" } },
    ]);
    const world = await enter(t, server, name);
    const app = { name: "app", version: "1.0.0", private: true, dependencies: { "up-a": "1" } };
    const place = world.place({ "package.json": JSON.stringify(app) });
    await world.say("install", [], place);
    assert.equal(held(place, "up-a").version, "1.0.0");
    // The upstream goes away: what was installed once can be again, from an empty cache.
    shelf.end();
    rmSync(join(place, "node_modules"), { recursive: true });
    await world.say("frozen", [], place);
    assert.equal(held(place, "up-a").version, "1.0.0");
    const { body } = await packument(world, "up-b");
    assert.deepEqual(Object.keys(body.versions).sort(), ["1.0.0", "1.3.0"]);
    assert.ok(body.versions["1.3.0"].dist.tarball.startsWith(server.registry), "it points at us");
  });
}

// Each manager signs in and publishes more often than a person does.
const LIMITS = {
  THIRTEEN_RATE_AUTH_PER_15S: "0",
  THIRTEEN_RATE_PUBLISHES_PER_MINUTE: "0",
};
