// Who is at the other end of a unix socket, by the kernel's word, and what he may ask. The credentials are those of the
// moment of the connection: SO_PEERCRED and SO_PEERGROUPS (unix(7), include/uapi/asm-generic/socket.h; the latter since
// Linux 4.13). koffi is loaded on demand: where it has no binary, nobody's credentials are known.

import { Buffer } from "node:buffer";
import { readFile } from "node:fs/promises";

/** A process at the other end: its effective user, and all of its groups. */
export type Peer = { readonly uid: number; readonly groups: readonly number[] };

/** The peer of a connected unix socket's descriptor; undefined if the kernel does not say. */
export type PeerOf = (fd: number) => Peer | undefined;

/** `act`: read as well. */
export type Rights = "act" | "read" | "none";

/** Root and the agent's own user may act, members of the readers' group may read, nobody else anything. */
export function rightsOf(
  peer: Peer | undefined,
  { ownUid, readers }: { ownUid: number; readers?: number | undefined },
): Rights {
  if (peer === undefined) return "none";
  if (peer.uid === 0 || peer.uid === ownUid) return "act";
  return readers !== undefined && peer.groups.includes(readers) ? "read" : "none";
}

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_PEERGROUPS = 59;
/** ucred: pid:4 | uid:4 | gid:4 */
const UCRED_OCTETS = 12;
/** NGROUPS_MAX of linux/limits.h. */
const MAX_GROUPS = 65_536;

/** Binds getsockopt; rejects with the reason when koffi or the C library cannot be loaded. */
export async function loadPeerCredentials(): Promise<PeerOf> {
  const { default: koffi } = await import("koffi");
  const library = koffi.load("libc.so.6");
  const getsockopt = library.func("int getsockopt(int fd, int level, int name, void *value, void *length)");

  function option(fd: number, name: number, room: Buffer): Buffer | undefined {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(room.length);
    return getsockopt(fd, SOL_SOCKET, name, room, length) === 0 ? room.subarray(0, length.readUInt32LE()) : undefined;
  }

  return (fd) => {
    const credentials = option(fd, SO_PEERCRED, Buffer.alloc(UCRED_OCTETS));
    if (credentials?.length !== UCRED_OCTETS) return undefined;
    const more = option(fd, SO_PEERGROUPS, Buffer.alloc(4 * MAX_GROUPS)) ?? Buffer.alloc(0);
    const groups = Array.from({ length: more.length / 4 }, (_, at) => more.readUInt32LE(at * 4));
    return { uid: credentials.readUInt32LE(4), groups: [credentials.readUInt32LE(8), ...groups] };
  };
}

/** The id of a group by its name (group(5)) or number; rejects if there is none. */
export async function groupId(name: string, file = "/etc/group"): Promise<number> {
  if (/^\d{1,10}$/.test(name)) return Number(name);
  const line = (await readFile(file, "utf8")).split("\n").find((each) => each.startsWith(`${name}:`));
  const id = line?.split(":")[2];
  if (id === undefined || !/^\d+$/.test(id)) throw new Error(`socketGroup: there is no group ${name}`);
  return Number(id);
}
