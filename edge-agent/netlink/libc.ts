// The socket calls that the netlink package does not offer, through koffi: options of a netlink descriptor, and setns.
// Loaded on demand: where koffi has no binary (musl, an odd architecture) the caller gets the reason instead.

import { Buffer } from "node:buffer";
import { closeSync, openSync, readdirSync, readlinkSync } from "node:fs";
import * as k from "./constants.ts";

export type Libc = {
  /** Sets an integer option; returns the errno, 0 on success. */
  readonly setOption: (fd: number, level: number, option: number, value: number) => number;
  /** Messages that the kernel dropped for want of receive buffer, since the socket exists. */
  readonly drops: (fd: number) => number;
  /** The netlink port that the descriptor is bound to; undefined if it is not a netlink socket. */
  readonly netlinkPort: (fd: number) => number | undefined;
  /** Runs `body`, which must not await, in the namespace `/run/netns/<name>`. */
  readonly inNamespace: <T>(name: string, body: () => T) => T;
};

/** Binds the calls; rejects with the reason when koffi or the C library cannot be loaded. */
export async function loadLibc(): Promise<Libc> {
  const { default: koffi } = await import("koffi");
  const library = koffi.load("libc.so.6");
  const setsockopt = library.func("int setsockopt(int fd, int level, int name, void *value, uint32_t length)");
  const getsockopt = library.func("int getsockopt(int fd, int level, int name, void *value, void *length)");
  const getsockname = library.func("int getsockname(int fd, void *address, void *length)");
  const setns = library.func("int setns(int fd, int type)");

  const enter = (fd: number, name: string): void => {
    if (setns(fd, k.CLONE_NEWNET) !== 0) throw new Error(`setns to ${name} failed with errno ${koffi.errno()}`);
  };
  return {
    setOption: (fd, level, option, value) => {
      const octets = Buffer.alloc(4);
      octets.writeInt32LE(value);
      return setsockopt(fd, level, option, octets, octets.length) === 0 ? 0 : koffi.errno();
    },
    drops: (fd) => {
      const octets = Buffer.alloc(4 * k.SK_MEMINFO_VARS);
      const failed = getsockopt(fd, k.SOL_SOCKET, k.SO_MEMINFO, octets, uint32(octets.length)) !== 0;
      return failed ? 0 : octets.readUInt32LE(4 * k.SK_MEMINFO_DROPS);
    },
    netlinkPort: (fd) => {
      // sockaddr_nl: family:2 | pad:2 | port:4 | groups:4
      const address = Buffer.alloc(128);
      if (getsockname(fd, address, uint32(address.length)) !== 0) return undefined;
      return address.readUInt16LE(0) === k.AF_NETLINK ? address.readUInt32LE(4) : undefined;
    },
    inNamespace: (name, body) => {
      // The namespace belongs to the thread, so it must be the calling one's own that is come back to.
      const home = openSync("/proc/thread-self/ns/net", "r");
      try {
        const away = openSync(`/run/netns/${name}`, "r");
        try {
          enter(away, name);
          return body();
        } finally {
          enter(home, "the former namespace");
          closeSync(away);
        }
      } finally {
        closeSync(home);
      }
    },
  };
}

/** The descriptors that are open now. */
export function openDescriptors(): ReadonlyMap<number, string> {
  const open = new Map<number, string>();
  for (const name of readdirSync("/proc/self/fd")) {
    const target = targetOf(`/proc/self/fd/${name}`);
    if (target !== undefined) open.set(Number(name), target);
  }
  return open;
}

/** Undefined for the descriptor with which the folder itself was read: it is closed by now. */
function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function uint32(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32LE(value);
  return octets;
}
