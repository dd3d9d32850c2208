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
  /** The same in a namespace of its own, which lasts as long as what `body` opens in it. */
  readonly inNewNamespace: <T>(body: () => T) => T;
  /** Opens a netlink socket of the calling thread's namespace, bound to a port of the kernel's choice; never blocks. */
  readonly openNetlink: (protocol: number) => number;
  /** Sends one datagram; returns the errno, 0 on success. The kernel has worked it off when this returns. */
  readonly send: (fd: number, octets: Buffer) => number;
  /** Receives one datagram that is there; returns its length, which may be more than there is room for, or minus the errno. */
  readonly receive: (fd: number, room: Buffer) => number;
  /** A reader of many datagrams at once; undefined on architectures whose structures it does not know. */
  readonly receiver: () => Receiver | undefined;
};

/** Takes datagrams out of a socket without waiting. */
export type Receiver = {
  /**
   * Hands over those that are there, at most `RECEIVE_BATCH`, each as the place in a buffer where it is until the next
   * call; `to` 0 stands for one that did not fit. Returns how many.
   */
  readonly receive: (fd: number, take: (buffer: Buffer, from: number, to: number) => void) => number;
};

/** Binds the calls; rejects with the reason when koffi or the C library cannot be loaded. */
export async function loadLibc(): Promise<Libc> {
  const { default: koffi } = await import("koffi");
  const library = koffi.load("libc.so.6");
  const setsockopt = library.func("int setsockopt(int fd, int level, int name, void *value, uint32_t length)");
  const getsockopt = library.func("int getsockopt(int fd, int level, int name, void *value, void *length)");
  const getsockname = library.func("int getsockname(int fd, void *address, void *length)");
  const setns = library.func("int setns(int fd, int type)");
  const unshare = library.func("int unshare(int flags)");
  const recvmmsg = library.func("int recvmmsg(int fd, void *messages, uint32_t count, int flags, void *timeout)");
  const socket = library.func("int socket(int family, int type, int protocol)");
  const bind = library.func("int bind(int fd, void *address, uint32_t length)");
  const send = library.func("int64_t send(int fd, void *octets, size_t length, int flags)");
  const recv = library.func("int64_t recv(int fd, void *room, size_t length, int flags)");
  const addressOf = library.func("uint64_t memmove(void *to, void *from, size_t octets)");

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
    inNamespace: (name, body) =>
      andBack(() => {
        const away = openSync(`/run/netns/${name}`, "r");
        try {
          enter(away, name);
        } finally {
          closeSync(away);
        }
        return body();
      }),
    inNewNamespace: (body) =>
      andBack(() => {
        if (unshare(k.CLONE_NEWNET) !== 0) throw new Error(`unshare failed with errno ${koffi.errno()}`);
        return body();
      }),
    openNetlink: (protocol) => {
      const fd = socket(k.AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol) as number;
      if (fd < 0) throw new Error(`a netlink socket cannot be opened: errno ${koffi.errno()}`);
      const address = Buffer.alloc(SOCKADDR_NL_BYTES);
      address.writeUInt16LE(k.AF_NETLINK, 0);
      if (bind(fd, address, address.length) !== 0) {
        const errno = koffi.errno();
        closeSync(fd);
        throw new Error(`a netlink socket cannot be bound: errno ${errno}`);
      }
      return fd;
    },
    send: (fd, octets) => (send(fd, octets, octets.length, 0) < 0 ? koffi.errno() : 0),
    receive: (fd, room) => {
      const length = Number(recv(fd, room, room.length, MSG_DONTWAIT | MSG_TRUNC));
      return length < 0 ? -koffi.errno() : length;
    },
    receiver: () => {
      if (process.arch !== "x64" && process.arch !== "arm64") return undefined;
      return createReceiver(
        (buffer) => BigInt(addressOf(buffer, buffer, 0) as number | bigint),
        (fd, messages) => recvmmsg(fd, messages, RECEIVE_BATCH, MSG_DONTWAIT | MSG_TRUNC, null) as number,
      );
    },
  };

  function andBack<T>(body: () => T): T {
    // The namespace belongs to the thread, so it must be the calling one's own that is come back to.
    const home = openSync("/proc/thread-self/ns/net", "r");
    try {
      return body();
    } finally {
      try {
        enter(home, "the former namespace");
      } finally {
        closeSync(home);
      }
    }
  }
}

/** Datagrams that one call may take. */
export const RECEIVE_BATCH = 64;
/** Room for each: a notification of a link with all its counters is about 2 KB. */
const DATAGRAM_BYTES = 8192;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOCKADDR_NL_BYTES = 12;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
// struct mmsghdr and struct iovec of 64-bit Linux.
const MMSGHDR_BYTES = 64;
const IOV_AT = 16;
const IOV_COUNT_AT = 24;
const FLAGS_AT = 48;
const LENGTH_AT = 56;
const IOVEC_BYTES = 16;

function createReceiver(
  addressOf: (buffer: Buffer) => bigint,
  call: (fd: number, messages: Buffer) => number,
): Receiver {
  // Not of the pool: the kernel is told their addresses once and for all.
  const room = Buffer.allocUnsafeSlow(RECEIVE_BATCH * DATAGRAM_BYTES);
  // In one piece, so that nobody frees the vectors while only the kernel knows where they are.
  const headers = Buffer.alloc(RECEIVE_BATCH * (MMSGHDR_BYTES + IOVEC_BYTES));
  const messages = headers.subarray(0, RECEIVE_BATCH * MMSGHDR_BYTES);
  const vectors = headers.subarray(RECEIVE_BATCH * MMSGHDR_BYTES);
  const [roomAt, vectorsAt] = [addressOf(room), addressOf(vectors)];
  for (let i = 0; i < RECEIVE_BATCH; i++) {
    vectors.writeBigUInt64LE(roomAt + BigInt(i * DATAGRAM_BYTES), i * IOVEC_BYTES);
    vectors.writeBigUInt64LE(BigInt(DATAGRAM_BYTES), i * IOVEC_BYTES + 8);
    messages.writeBigUInt64LE(vectorsAt + BigInt(i * IOVEC_BYTES), i * MMSGHDR_BYTES + IOV_AT);
    messages.writeBigUInt64LE(1n, i * MMSGHDR_BYTES + IOV_COUNT_AT);
  }
  return {
    receive: (fd, take) => {
      const count = call(fd, messages);
      for (let i = 0; i < count; i++) {
        const flags = messages.readInt32LE(i * MMSGHDR_BYTES + FLAGS_AT);
        const length = messages.readUInt32LE(i * MMSGHDR_BYTES + LENGTH_AT);
        const at = i * DATAGRAM_BYTES;
        take(room, at, flags & MSG_TRUNC || length > DATAGRAM_BYTES ? 0 : at + length);
      }
      return count;
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
