// Commands for yarn berry that it lacks and `@verdaccio/e2e-cli` fetches as plugins from the
// registry (`npm pack @verdaccio/yarn-plugin-…`). They are stand-ins: the published plugins are not
// in the tests' lockfile. Each sends the requests that the published one sends.

const HEAD = `
const { BaseCommand } = require("@yarnpkg/cli");
const { Configuration } = require("@yarnpkg/core");
const { npmConfigUtils, npmHttpUtils } = require("@yarnpkg/plugin-npm");
const { Option } = require("clipanion");
const world = async (command) => {
  const configuration = await Configuration.find(command.context.cwd, command.context.plugins);
  const registry = npmConfigUtils.getDefaultRegistry({ configuration });
  return { configuration, registry, jsonResponse: true };
};
`;

const PING = `
class Ping extends BaseCommand {
  static paths = [["npm", "ping"]];
  async execute() {
    await npmHttpUtils.get("/-/ping", await world(this));
    this.context.stdout.write("pong\\n");
  }
}
return { commands: [Ping] };
`;

// All versions where none is named.
const DEPRECATE = `
const { structUtils } = require("@yarnpkg/core");
class Deprecate extends BaseCommand {
  static paths = [["npm", "deprecate"]];
  package = Option.String();
  message = Option.String();
  async execute() {
    const at = this.package.lastIndexOf("@");
    const [name, version] =
      at > 0 ? [this.package.slice(0, at), this.package.slice(at + 1)] : [this.package];
    const ident = structUtils.parseIdent(name);
    const options = { ...(await world(this)), ident };
    const path = npmHttpUtils.getIdentUrl(ident);
    const document = await npmHttpUtils.get(path + "?write=true", options);
    for (const one of version ? [version] : Object.keys(document.versions))
      document.versions[one].deprecated = this.message;
    await npmHttpUtils.put(path, document, options);
  }
}
return { commands: [Deprecate] };
`;

const LOGIN = `
class Login extends BaseCommand {
  static paths = [["npm", "login"]];
  authType = Option.String("--auth-type", { required: true });
  user = Option.String("--user", { required: true });
  password = Option.String("--password", { required: true });
  email = Option.String("--email", { required: true });
  async execute() {
    const options = await world(this);
    const id = "org.couchdb.user:" + this.user;
    const body = {
      _id: id, name: this.user, password: this.password, email: this.email, type: "user",
      roles: [], date: new Date().toISOString(),
    };
    const authType = npmHttpUtils.AuthType.NO_AUTH;
    const path = "/-/user/" + encodeURIComponent(id);
    const { token } = await npmHttpUtils.put(path, body, { ...options, authType });
    await Configuration.updateHomeConfiguration({
      npmRegistries: (known = {}) => ({
        ...known, [options.registry]: { ...known[options.registry], npmAuthToken: token },
      }),
    });
    this.context.stdout.write("Logged in\\n");
  }
}
return { commands: [Login] };
`;

/** Packages that a shelf serves, each with a plugin where `@verdaccio/e2e-cli` looks for it. */
export const YARN_PLUGINS = Object.entries({
  "npm-ping": PING, "npm-deprecate": DEPRECATE, "npm-login": LOGIN,
}).map(([name, body]) => ({
  name: `@verdaccio/yarn-plugin-${name}`,
  version: "1.0.0",
  files: {
    [`bundles/@yarnpkg/plugin-${name}.js`]:
      `module.exports = { name: "@yarnpkg/plugin-${name}", factory(require) {${HEAD}${body}} };\n`,
  },
}));
