// One rtnetlink socket: the npm package `netlink` as the transport (its raw layer only), with the options that keep it
// safe. Known of version 0.3.0: a receive overrun (ENOBUFS) or an exception in a listener aborts the process, so
// NETLINK_NO_ENOBUFS is set wherever koffi works, and no listener here lets an exception out.

// Its raw layer alone: the whole package has the tables of every family, which are 12 MiB of memory.
import { RawNetlinkSocket } from "netlink/dist/raw.js";
import * as k from "./constants.ts";
import { type Libc, openDescriptors, RECEIVE_BATCH } from "./libc.ts";
import { eachMessage, messageAt, type NetlinkMessage } from "./message.ts";

export type NetlinkSocket = {
  /** Port that the socket is bound to, which the kernel names as the cause of some notifications. */
  readonly port: number;
  /** True if a receive overrun cannot abort the process. */
  readonly guarded: boolean;
  send(octets: Buffer): Promise<void>;
  join(group: number): void;
  /** Reads all that is there now, without waiting; false if only the event loop can. */
  drain(): boolean;
  /** Messages lost so far for want of buffer; 0 where that cannot be known. */
  drops(): number;
  close(): void;
};

/** What a socket is opened with: the C library if it could be loaded, and a namespace if not the process's own. */
export type Place = {
  readonly libc: Libc | undefined;
  readonly netns: string | undefined;
  /** The netlink family; default NETLINK_ROUTE. */
  readonly protocol?: number;
};

/** Large answers, answers to single messages, or notifications. */
export type Purpose = "dumps" | "messages" | "events";

export type SocketListener = {
  readonly onMessage: (message: NetlinkMessage) => void;
  /** In the place of `onMessage`: a message by where it is, header included, which saves an object for each. */
  readonly onMessageAt?: (type: number, buffer: Buffer, at: number, end: number) => void;
  /** The socket is of no use any more, or what it received cannot be read. */
  readonly onError: (cause: Error) => void;
};

/** Of notifications it holds about 150,000; the kernel takes the memory only while they wait. */
const RECEIVE_BUFFER_BYTES = 128 * 1024 * 1024;
const DUMP_DATAGRAM_BYTES = 32_768;

/** Opens a socket, in the namespace `netns` if given (which needs koffi). */
export function openSocket(place: Place, purpose: Purpose, listener: SocketListener): NetlinkSocket {
  const { libc } = place;
  const before = openDescriptors();
  const construct = (): RawNetlinkSocket => constructSocket(purpose, place.protocol);
  const raw = inPlace(place, construct);
  const { port } = raw.address();
  // By what the descriptor refers to, since its number may have been another's a moment ago.
  const isNew = ([fd, target]: [number, string]): boolean => before.get(fd) !== target;
  const opened = [...openDescriptors()].filter(isNew).map(([each]) => each);
  const fd = libc && opened.find((each) => libc.netlinkPort(each) === port);
  const guarded = libc !== undefined && fd !== undefined && guard(libc, fd);
  const visit = listener.onMessageAt;
  const take = (buffer: Buffer, from: number, to: number): void => {
    try {
      if (to === 0) throw new Error("a netlink message was longer than the buffer");
      if (visit) eachMessage(buffer, from, to, (type, at, end) => visit(type, buffer, at, end));
      else eachMessage(buffer, from, to, (_, at, end) => listener.onMessage(messageAt(buffer, at, end)));
    } catch (cause) {
      listener.onError(asError(cause));
    }
  };
  const receiver = guarded && purpose === "events" ? libc.receiver() : undefined;
  let closed = false;
  const drain = (): boolean => {
    if (!receiver || fd === undefined || closed) return false;
    while (receiver.receive(fd, take) === RECEIVE_BATCH);
    return true;
  };
  raw.on("message", (datagram) => {
    take(datagram, 0, datagram.length);
    // The transport makes a buffer and a call for each datagram; the rest of a burst is read many at a time.
    if (receiver && fd !== undefined && !closed) receiver.receive(fd, take);
  });
  raw.on("truncatedMessage", () => listener.onError(new Error("a netlink message was longer than the buffer")));
  raw.on("error", (cause) => listener.onError(cause));
  return {
    port,
    guarded,
    send: (octets) =>
      new Promise((resolve, reject) => {
        raw.send(octets, {}, (cause) => (cause ? reject(cause) : resolve()));
      }),
    join: (group) => raw.addMembership(group),
    drain,
    drops: () => (libc && fd !== undefined ? libc.drops(fd) : 0),
    close: () => {
      closed = true;
      raw.close();
    },
  };
}

/**
 * The transport allocates its whole buffer for every datagram, unless it peeks at the length first. Dumps want the
 * buffer, which the kernel fills (peeking gets 4 KB a datagram); for the small messages it would be 32 KB each.
 */
function constructSocket(purpose: Purpose, protocol: number = k.NETLINK_ROUTE): RawNetlinkSocket {
  const size = 1024 * 1024;
  return new RawNetlinkSocket(protocol, {
    messagePeeking: purpose !== "dumps",
    msgBufferSize: DUMP_DATAGRAM_BYTES,
    recvBufferSize: size,
    sendBufferSize: size,
  });
}

/** Runs `body`, which must not await, in the namespace of the place. */
export function inPlace<T>({ libc, netns }: Place, body: () => T): T {
  if (netns === undefined) return body();
  if (!libc) throw new Error(`namespace ${netns}: koffi is needed to enter it`);
  return libc.inNamespace(netns, body);
}

/** False if the one option that matters could not be set; the others are comfort. */
export function guard(libc: Libc, fd: number): boolean {
  libc.setOption(fd, k.SOL_SOCKET, k.SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES);
  libc.setOption(fd, k.SOL_NETLINK, k.NETLINK_EXT_ACK, 1);
  libc.setOption(fd, k.SOL_NETLINK, k.NETLINK_CAP_ACK, 1);
  return libc.setOption(fd, k.SOL_NETLINK, k.NETLINK_NO_ENOBUFS, 1) === 0;
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause));
}
