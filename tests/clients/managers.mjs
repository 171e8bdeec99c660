// The package managers: how each is set up for a registry, and its words for what all of them do.
// A manager that has no word for something lacks it; `why` tells more of that, where there is more.

import { writeFileSync } from "node:fs";
import { join } from "node:path";

const MODULES = join(import.meta.dirname, "node_modules");

const npmrc = (place, url, token) =>
  writeFileSync(
    join(place, ".npmrc"),
    `registry=${url}/\n${url.slice(url.indexOf(":") + 1)}/:_authToken=${token}\n` +
      "audit=false\nfund=false\nupdate-notifier=false\n",
  );

export const MANAGERS = {
  npm: {
    command: ["npm"],
    setUp: npmrc,
    lockfile: "package-lock.json",
    words: {
      ping: () => ["ping"],
      whoami: () => ["whoami"],
      publish: () => ["publish"],
      install: () => ["install"],
      frozen: () => ["ci"],
      view: (name) => ["view", name, "version"],
      tagAdd: (name, version, tag) => ["dist-tag", "add", `${name}@${version}`, tag],
      tagList: (name) => ["dist-tag", "ls", name],
      tagRemove: (name, tag) => ["dist-tag", "rm", name, tag],
      deprecate: (name, version, text) => ["deprecate", `${name}@${version}`, text],
      undeprecate: (name, version) => ["deprecate", `${name}@${version}`, ""],
      search: (text) => ["search", text, "--json"],
      audit: () => ["audit", "--json"],
      star: (name) => ["star", name],
      stars: (user) => ["stars", user],
      unstar: (name) => ["unstar", name],
      ownerAdd: (user, name) => ["owner", "add", user, name],
      ownerList: (name) => ["owner", "ls", name],
      ownerRemove: (user, name) => ["owner", "rm", user, name],
      collaborators: (name) => ["access", "list", "collaborators", name],
      unpublish: (spec) => ["unpublish", spec, "--force"],
    },
  },
  pnpm: {
    command: [join(MODULES, "@pnpm/exe.linux-x64/pnpm")],
    setUp(place, url, token) {
      npmrc(place, url, token);
      // It would rather have what is a day old.
      writeFileSync(join(place, "pnpm-workspace.yaml"), "minimumReleaseAge: 0\n");
    },
    lockfile: "pnpm-lock.yaml",
    words: {
      ping: () => ["ping"],
      whoami: () => ["whoami"],
      publish: () => ["publish", "--no-git-checks"],
      install: () => ["install", "--no-frozen-lockfile"],
      frozen: () => ["install", "--frozen-lockfile"],
      view: (name) => ["view", name, "version"],
      tagAdd: (name, version, tag) => ["dist-tag", "add", `${name}@${version}`, tag],
      tagList: (name) => ["dist-tag", "ls", name],
      tagRemove: (name, tag) => ["dist-tag", "rm", name, tag],
      deprecate: (name, version, text) => ["deprecate", `${name}@${version}`, text],
      undeprecate: (name, version) => ["undeprecate", `${name}@${version}`],
      search: (text) => ["search", text, "--json"],
      audit: () => ["audit", "--json"],
      star: (name) => ["star", name],
      stars: (user) => ["stars", user],
      unstar: (name) => ["unstar", name],
      ownerAdd: (user, name) => ["owner", "add", name, user],
      ownerList: (name) => ["owner", "ls", name],
      ownerRemove: (user, name) => ["owner", "rm", name, user],
      collaborators: (name) => ["access", "list", "collaborators", name],
      unpublish: (spec) => ["unpublish", spec, "--force"],
    },
  },
  "yarn 1": {
    command: [process.execPath, join(MODULES, "yarn/bin/yarn.js")],
    setUp: npmrc,
    lockfile: "yarn.lock",
    // Its audit posts to `https://registry.yarnpkg.com`, a constant of its program: neither
    // `registry` in `.npmrc` and `.yarnrc`, nor YARN_REGISTRY, npm_config_registry or --registry
    // changes that. Its `owner remove` fails with every registry (login.test.mjs tells how).
    why: {
      audit: "it asks registry.yarnpkg.com alone, whatever its settings say",
      ownerRemove: "its `owner remove` fails with every registry",
    },
    words: {
      publish: (version) => ["publish", "--non-interactive", "--new-version", version],
      install: () => ["install", "--non-interactive"],
      frozen: () => ["install", "--frozen-lockfile", "--non-interactive"],
      view: (name) => ["info", name, "version"],
      tagAdd: (name, version, tag) => ["tag", "add", `${name}@${version}`, tag],
      tagList: (name) => ["tag", "list", name],
      tagRemove: (name, tag) => ["tag", "remove", name, tag],
      ownerAdd: (user, name) => ["owner", "add", user, name, "--non-interactive"],
      ownerList: (name) => ["owner", "list", name],
    },
  },
  "yarn berry": {
    command: [process.execPath, join(MODULES, "@yarnpkg/cli-dist/bin/yarn.js")],
    setUp(place, url, token) {
      writeFileSync(
        join(place, ".yarnrc.yml"),
        `npmRegistryServer: "${url}"\nnpmAuthToken: "${token}"\nnpmMinimalAgeGate: 0\n` +
          'unsafeHttpWhitelist: ["127.0.0.1"]\nnodeLinker: node-modules\n' +
          "enableGlobalCache: false\nenableTelemetry: false\nenableImmutableInstalls: false\n",
      );
      // Without it the folder would belong to a project further up.
      writeFileSync(join(place, "yarn.lock"), "");
    },
    lockfile: "yarn.lock",
    // It publishes only what it has looked through.
    installsBeforePublish: true,
    words: {
      whoami: () => ["npm", "whoami"],
      publish: () => ["npm", "publish"],
      install: () => ["install"],
      frozen: () => ["install", "--immutable"],
      view: (name) => ["npm", "info", name, "--json"],
      tagAdd: (name, version, tag) => ["npm", "tag", "add", `${name}@${version}`, tag],
      tagList: (name) => ["npm", "tag", "list", name],
      tagRemove: (name, tag) => ["npm", "tag", "remove", name, tag],
      audit: () => ["npm", "audit", "--json"],
    },
  },
  bun: {
    command: [join(MODULES, "@oven/bun-linux-x64/bin/bun")],
    setUp: npmrc,
    lockfile: "bun.lock",
    words: {
      whoami: () => ["pm", "whoami"],
      publish: () => ["publish"],
      install: () => ["install"],
      frozen: () => ["install", "--frozen-lockfile"],
      view: (name) => ["info", name, "version"],
      audit: () => ["audit", "--json"],
    },
  },
};
