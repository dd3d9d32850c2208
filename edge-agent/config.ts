// The agent's config file: who this host is and where the broker is. Everything else (networks, peers, endpoints) comes
// from the cloud, so that there is nothing else to keep equal on a fleet.

import { open } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { type IpAddress, parseIp } from "../shared/address/ip.ts";
import { IpField, PrefixField, Slug } from "../shared/model/fields.ts";
import { MAX_MD5_KEY_OCTETS } from "./bgp/transport-socket.ts";
import { DEFAULT_SOCKET } from "./local/socket.ts";

const AgentConfig = z.strictObject({
  /** This host's id, as the API knows it; also the MQTT client id. */
  host: Slug,
  broker: z.strictObject({
    url: z.string().regex(/^mqtts:\/\//, "must begin with mqtts://: the broker takes mutual TLS only"),
  }),
  /** Where the replica and the host's identity (`overspan-agent join`) are kept. */
  stateDir: z.string().default("/var/lib/overspan"),
  /** Fetch snapshots over plain HTTP too, as the local runtime offers them; never on a network that others use. */
  allowPlainSnapshots: z.boolean().default(false),
  /** The unix socket of `overspan-agent show`. */
  socket: z.string().default(DEFAULT_SOCKET),
  /** A group whose members may ask the socket to show; absent: only root and the agent's own user. */
  socketGroup: z
    .string()
    .regex(/^[a-z_0-9][a-z0-9_.-]{0,31}$/, "must be the name or the number of a group")
    .optional(),
  /** A full comparison with the kernel at least this often. */
  compareEverySec: z.number().min(1).max(3600).default(30),
  /** How long the fabric's routes are kept after a ToR session is lost (RFC 4724 4.2), 0 to 4095. */
  staleRoutesSec: z.number().int().min(0).max(4095).default(120),
  /** Routes of the fabric are used only if their VTEP is in one of these prefixes; absent: any VTEP. */
  fabricVteps: z.array(PrefixField).min(1).optional(),
  bgp: z
    .strictObject({
      /** Accept sessions that ToRs open, on this port; absent: the agent only connects. */
      listenPort: z.number().int().min(1).max(65535).optional(),
      /**
       * TCP MD5 (RFC 2385): a file with the key alone for each peer's address, readable by the agent only;
       * `credential:NAME` is one that systemd decrypted for the agent (systemd.exec(5), LoadCredentialEncrypted).
       */
      md5KeyFiles: z.record(z.string(), z.string().min(1)).default({}),
    })
    .default({ md5KeyFiles: {} }),
  /** A BMP collector (RFC 7854), which is shown every BGP session; absent: none. */
  bmp: z.strictObject({ host: IpField, port: z.number().int().min(1).max(65535) }).optional(),
});
export type AgentConfig = z.infer<typeof AgentConfig> & {
  /** By peer address. */
  readonly md5Keys: ReadonlyMap<IpAddress, string>;
};

/**
 * Reads the file and the keys; throws an Error that names the file, the field and the reason. `credentials`: where systemd
 * puts the agent's credentials (CREDENTIALS_DIRECTORY); undefined without systemd.
 */
export async function readConfig(path: string, credentials?: string): Promise<AgentConfig> {
  const text = await readText(path, "config file", { ...OPEN_TO_OTHERS, why: "it is the agent's alone" });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error(`config file ${path} is not JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = AgentConfig.safeParse(value);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join(".") || "file"}: ${issue.message}`);
    throw new Error(`config file ${path}: ${faults.join("; ")}`);
  }
  return { ...parsed.data, md5Keys: await readMd5Keys(parsed.data.bgp.md5KeyFiles, credentials) };
}

async function readMd5Keys(
  files: Readonly<Record<string, string>>,
  credentials: string | undefined,
): Promise<Map<IpAddress, string>> {
  const keys = new Map<IpAddress, string>();
  for (const [text, named] of Object.entries(files)) {
    const what = `bgp.md5KeyFiles.${text}`;
    const address = parseIp(text);
    if (!address) throw new Error(`${what}: must be the address of a peer`);
    const path = keyPath(named, what, credentials);
    const forbidden = named.startsWith(CREDENTIAL) ? OPEN_CREDENTIAL : OPEN_TO_OTHERS;
    const key = (await readText(path, what, forbidden)).trim();
    const octets = Buffer.byteLength(key);
    if (octets < 1 || octets > MAX_MD5_KEY_OCTETS) {
      throw new Error(`${what}: ${path} must hold a key of 1 to ${MAX_MD5_KEY_OCTETS} octets`);
    }
    keys.set(address, key);
  }
  return keys;
}

const CREDENTIAL = "credential:";

/** Where a key is: the file itself, or that of systemd's credential. */
function keyPath(named: string, what: string, credentials: string | undefined): string {
  if (!named.startsWith(CREDENTIAL)) return named;
  const name = named.slice(CREDENTIAL.length);
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,200}$/.test(name)) throw new Error(`${what}: ${named} names no credential`);
  if (credentials === undefined) {
    throw new Error(`${what}: ${named}: systemd gave no credentials; has the unit LoadCredentialEncrypted=${name}?`);
  }
  return join(credentials, name);
}

/** Bits of a file's mode that it must not have, and why. */
type Forbidden = { readonly bits: number; readonly why: string; readonly mend: string };
/** systemd gives a credential to the unit's user by an access list, whose mask shows as the group's right to read. */
const OPEN_CREDENTIAL: Forbidden = { bits: 0o037, why: "it is a secret that others can reach", mend: "chmod 440" };
const OPEN_TO_OTHERS: Forbidden = { bits: 0o077, why: "it is a secret that others can reach", mend: "chmod 600" };

/** The mode is that of the file that is read, whatever its name comes to mean meanwhile. */
async function readText(path: string, what: string, forbidden: Forbidden): Promise<string> {
  const file = await open(path, "r").catch((cause: Error) => {
    throw new Error(`cannot read ${what} ${path}: ${cause.message}`, { cause });
  });
  try {
    const { mode } = await file.stat();
    if ((mode & forbidden.bits) !== 0) {
      const octal = (mode & 0o7777).toString(8).padStart(4, "0");
      throw new Error(`${what}: ${path} has mode ${octal}: ${forbidden.why}; ${forbidden.mend} ${path}`);
    }
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}
