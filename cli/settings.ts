// Which API, and with what token: from options, the environment and ~/.config/overspan/config.json. A context's token goes
// to that context's API only. The token itself is never part of a message.

import { join } from "node:path";
import { parseIpv4 } from "../shared/address/ip.ts";
import type { Options } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import { Failure, usage } from "./failure.ts";
import type { World } from "./world.ts";

/** Of the config file. A token is in a file of its own, or what a program prints: never in here. */
export type Context = { api: string; tokenFile?: string; tokenCommand?: readonly string[] };
export type Config = { current?: string; contexts: Readonly<Record<string, Context>> };

export type Settings = {
  api: string;
  /** Undefined: none is sent. */
  token: string | undefined;
  /** Where the API's address is from, for messages. */
  from: string;
};

/** What `npm start` listens on. */
const DEFAULT_API = "http://127.0.0.1:8080";

/** Where the config file is: `OVERSPAN_CONFIG`, else in the user's folder for such (XDG). */
export function configPath(env: World["env"]): string {
  const given = env["OVERSPAN_CONFIG"];
  if (given) return given;
  return join(env["XDG_CONFIG_HOME"] || join(env["HOME"] ?? "/", ".config"), "overspan", "config.json");
}

/** The config file; an empty one if there is none. Refused if others may read it. */
export async function readConfig(world: World): Promise<Config> {
  const path = configPath(world.env);
  const text = await readOwn(world, path);
  if (text === undefined) return { contexts: {} };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Failure(
      EXIT.usage,
      `${path} is not JSON`,
      ["overspan config use-context makes a new one, once it is gone"],
      {
        cause,
      },
    );
  }
  return parseConfig(value, path);
}

export async function readSettings(options: Options, world: World): Promise<Settings> {
  const { env } = world;
  const explicit = options.text("api") ?? env["OVERSPAN_API"];
  const config = await readConfig(world);
  const name = options.text("context") ?? env["OVERSPAN_CONTEXT"] ?? (explicit ? undefined : config.current);
  const context = name === undefined ? undefined : config.contexts[name];
  if (name !== undefined && !context) {
    const known = Object.keys(config.contexts).join(", ") || "none";
    throw usage(`there is no context ${name} in ${configPath(env)}`, `there are: ${known}`);
  }
  const api = checkApi(explicit ?? context?.api ?? DEFAULT_API);
  const from = options.has("api") ? "--api" : explicit ? "OVERSPAN_API" : context ? `context ${name}` : "the default";
  const ofContext = context && checkApi(context.api) === api ? context : undefined;
  const token = await readToken(options, world, ofContext);
  if (token !== undefined && !mayCarryToken(api, env)) {
    throw usage(
      `${api} is neither https nor on this machine: the token would be readable on the way`,
      "use https, or say OVERSPAN_ALLOW_HTTP=1 if the way is safe",
    );
  }
  return { api, token, from };
}

async function readToken(options: Options, world: World, context: Context | undefined): Promise<string | undefined> {
  const { env } = world;
  const file = options.text("token-file");
  if (file !== undefined) return readTokenFile(world, file, "--token-file");
  if (env["OVERSPAN_TOKEN"]) return checkToken(env["OVERSPAN_TOKEN"], "OVERSPAN_TOKEN");
  if (env["OVERSPAN_TOKEN_FILE"]) return readTokenFile(world, env["OVERSPAN_TOKEN_FILE"], "OVERSPAN_TOKEN_FILE");
  if (context?.tokenFile !== undefined) return readTokenFile(world, context.tokenFile, "tokenFile of the context");
  if (context?.tokenCommand === undefined) return undefined;
  const [program = ""] = context.tokenCommand;
  try {
    return checkToken(await world.runProgram(context.tokenCommand), `what ${program} printed`);
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    // Its words and output may be secrets: they are not repeated.
    throw usage(`the context's tokenCommand failed: ${program}`, "run it by hand to see why");
  }
}

async function readTokenFile(world: World, path: string, name: string): Promise<string> {
  const text = await readOwn(world, path);
  if (text === undefined) throw usage(`${name} names a file that is not there: ${path}`);
  return checkToken(text, path);
}

/** A file with secrets: only its owner may read it. Undefined if it is not there. */
async function readOwn(world: World, path: string): Promise<string | undefined> {
  const held = await world.readHeld(path);
  if (!held) return undefined;
  if (held.isRegular && !held.isOwn)
    throw usage(`${path} belongs to somebody else`, `make it yours: chown "$USER" ${path}`);
  if (held.isRegular && (held.mode & 0o077) !== 0) {
    const mode = (held.mode & 0o777).toString(8);
    throw usage(`${path} can be read by others (mode ${mode})`, `make it yours alone: chmod 600 ${path}`);
  }
  return held.text;
}

/** What a header can carry, so that no error of the transport ever quotes it. */
function checkToken(text: string, name: string): string {
  const token = text.trim();
  if (/^[\x21-\x7e]{1,16384}$/.test(token)) return token;
  throw usage(`${name} holds no token`, "a token is one word of visible ASCII characters");
}

export function checkApi(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "" && url.search === "") {
    return url.href.replace(/\/+$/, "");
  }
  throw usage("the API's address must be such as https://overspan.example", "set it with OVERSPAN_API or --api");
}

function mayCarryToken(api: string, env: World["env"]): boolean {
  const { protocol, hostname } = new URL(api);
  const host = hostname.replace(/^\[|\]$/g, "");
  const isLocal = host === "localhost" || host === "::1" || (parseIpv4(host) !== undefined && host.startsWith("127."));
  return protocol === "https:" || isLocal || env["OVERSPAN_ALLOW_HTTP"] === "1";
}

function parseConfig(value: unknown, path: string): Config {
  const wrong = (what: string) => usage(`${path}: ${what}`, "docs/cli.md shows one");
  if (!isObject(value)) throw wrong("must be an object");
  const { current, contexts = {}, ...rest } = value;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw wrong(`"${unknown}" is not a known member`);
  if (current !== undefined && typeof current !== "string") throw wrong("current must be the name of a context");
  if (!isObject(contexts)) throw wrong("contexts must be an object");
  for (const [name, context] of Object.entries(contexts)) {
    if (!isContext(context)) {
      throw wrong(`contexts.${name} must have api, and may have tokenFile or tokenCommand (a list of words)`);
    }
  }
  return { ...(current === undefined ? {} : { current }), contexts: contexts as Record<string, Context> };
}

function isContext(value: unknown): value is Context {
  if (!isObject(value)) return false;
  const { api, tokenFile, tokenCommand, ...rest } = value;
  if (Object.keys(rest).length > 0 || typeof api !== "string") return false;
  if (tokenFile !== undefined && typeof tokenFile !== "string") return false;
  const isWords =
    Array.isArray(tokenCommand) && tokenCommand.length > 0 && tokenCommand.every((w) => typeof w === "string");
  return tokenCommand === undefined || isWords;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
