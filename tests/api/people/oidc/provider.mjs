// A real OpenID provider: node-oidc-provider, which is certified by the OpenID Foundation, with its own
// pages to sign in and agree. `node provider.mjs CONFIG.json`:
// {modules, port, client, accounts: {login: claims}}; a login is its subject, and any password will do.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const config = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { Provider } = await import(pathToFileURL(join(config.modules, "oidc-provider/lib/index.js")));

const claimsOf = (login) => ({ sub: login, ...config.accounts[login] });
const provider = new Provider(`http://127.0.0.1:${config.port}`, {
  clients: [config.client],
  claims: {
    openid: ["sub"],
    profile: ["preferred_username", "name"],
    email: ["email", "email_verified"],
    groups: ["groups"],
  },
  scopes: ["openid", "profile", "email", "groups"],
  findAccount: (_, login) => config.accounts[login] && { accountId: login, claims: () => claimsOf(login) },
  pkce: { required: () => true },
  cookies: { keys: ["of a provider for tests"] },
});
provider.listen(config.port, "127.0.0.1");
