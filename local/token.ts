// `npm run token`: prints a token of the runtime that `npm start` runs, for its API.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { TOKEN_KEY_FILE } from "./data-folder.ts";
import { StartFailure } from "./start-failure.ts";
import { mintFromFile, type TokenOrder } from "./token-issuer.ts";

const HELP = `A token for the API that npm start runs, by the key that is there while it runs.

  npm run --silent token -- [options]

  --scope S      read, write or admin, each with the ones before   (admin)
  --tenant T     binds it to a tenant: its own is all there is
  --role R       network-engineer: sees all and changes nothing
  --subject S    who it is of, as the audit will say               (developer)
  --life SEC     how long it holds                                 (43200)
  --data DIR     the data folder of npm start                      (.overspan)
  --key FILE     its key file instead, as npm start -- --memory says
  --help         this text
`;

const DEFAULT_DATA_DIR = fileURLToPath(new URL("../.overspan", import.meta.url));
const SCOPES = ["read", "write", "admin"] as const;

async function main(args: string[]): Promise<string> {
  const given = read(args);
  if (given.help) return HELP;
  const { scope, role, tenant, subject, life } = given;
  const order: TokenOrder = {
    ...(scope === undefined ? {} : { scope: oneOf("--scope", SCOPES, scope) }),
    ...(role === undefined ? {} : { role: oneOf("--role", ["network-engineer"], role) }),
    ...(tenant === undefined ? {} : { tenant }),
    ...(subject === undefined ? {} : { subject }),
    ...(life === undefined ? {} : { lifeSec: seconds(life) }),
  };
  const keyFile = given.key ?? join(given.data ?? DEFAULT_DATA_DIR, TOKEN_KEY_FILE);
  return `${await mintFromFile(keyFile, order, Date.now())}\n`;
}

function read(args: string[]) {
  const text = { type: "string" } as const;
  const options = { scope: text, tenant: text, role: text, subject: text, life: text, data: text, key: text };
  try {
    return parseArgs({ args, options: { ...options, help: { type: "boolean", default: false } } }).values;
  } catch (cause) {
    throw new StartFailure(`${(cause as Error).message} See npm run token -- --help.`, { cause });
  }
}

function oneOf<T extends string>(option: string, among: readonly T[], text: string): T {
  const found = among.find((each) => each === text);
  if (found === undefined) throw new StartFailure(`${option} must be one of ${among.join(", ")}, not "${text}".`);
  return found;
}

function seconds(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new StartFailure(`--life must be a whole number of seconds, not "${text}".`);
}

try {
  process.stdout.write(await main(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(error instanceof StartFailure ? `${error.message}\n` : `${(error as Error).stack}\n`);
  process.exitCode = 1;
}
