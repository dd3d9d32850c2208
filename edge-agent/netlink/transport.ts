// How a request goes to the kernel and its answers come back: one exchange at a time. With koffi directly, since the kernel
// works a request off while it is sent and has the answer ready then: no event loop is needed, and a long table is read in
// pieces with turns for others in between. Without koffi by the netlink package, whose reader decides how much it reads.

import { closeSync } from "node:fs";
import { constants } from "node:os";
import { setImmediate } from "node:timers/promises";
import { createBreath } from "../dataplane/breath.ts";
import * as k from "./constants.ts";
import type { Libc } from "./libc.ts";
import { type NetlinkMessage, parseMessages } from "./message.ts";
import { guard, inPlace, openSocket, type Place } from "./socket.ts";

export type Transport = {
  readonly port: number;
  /** True if a receive overrun cannot abort the process. */
  readonly guarded: boolean;
  /** Sends, and hands over what comes back until `onMessage` says that it is complete. */
  readonly converse: (octets: Buffer, onMessage: (message: NetlinkMessage) => boolean) => Promise<void>;
  readonly close: () => void;
};

/** Without a word of the kernel for so long, it does not answer. */
const ANSWER_TIMEOUT_MS = 10_000;
/** The kernel fills at most 32 KB at a time; the rest is for the answers to a batch. */
const ROOM_BYTES = 64 * 1024;
const { EAGAIN, EINTR } = constants.errno;

export function openDirect(libc: Libc, place: Place): Transport {
  const fd = inPlace(place, () => libc.openNetlink(place.protocol ?? k.NETLINK_ROUTE));
  const guarded = guard(libc, fd);
  const room = Buffer.allocUnsafeSlow(ROOM_BYTES);
  let closed = false;

  /** The messages of the next datagram; undefined if none is there. */
  const receive = (): NetlinkMessage[] | undefined => {
    if (closed) throw new Error("the netlink connection is closed");
    const length = libc.receive(fd, room);
    if (length === -EAGAIN || length === -EINTR) return undefined;
    if (length < 0) throw new Error(`netlink receive failed: errno ${-length}`);
    if (length > room.length) throw new Error("a netlink message was longer than the buffer");
    return parseMessages(room.subarray(0, length));
  };

  return {
    port: libc.netlinkPort(fd) ?? 0,
    guarded,
    converse: async (octets, onMessage) => {
      // What an exchange that failed left behind is nobody's answer any more.
      while (receive());
      const errno = libc.send(fd, octets);
      if (errno !== 0) throw new Error(`netlink send failed: errno ${errno}`);
      const nowMs = () => performance.now();
      const breath = createBreath(nowMs, 1);
      for (let heardMs = nowMs(); ; ) {
        const messages = receive();
        if (messages) {
          heardMs = nowMs();
          for (const message of messages) if (onMessage(message)) return;
        } else if (nowMs() - heardMs > ANSWER_TIMEOUT_MS) {
          throw new Error(`the kernel did not answer within ${ANSWER_TIMEOUT_MS / 1000} s`);
        }
        if (!messages) await setImmediate();
        else if (breath.due()) await breath.rest();
      }
    },
    close: () => {
      if (closed) return;
      closed = true;
      closeSync(fd);
    },
  };
}

export function openEvented(place: Place, purpose: "dumps" | "messages"): Transport {
  let exchange: { onMessage: (message: NetlinkMessage) => boolean; settle: (cause?: Error) => void } | undefined;
  const socket = openSocket(place, purpose, {
    onMessage: (message) => {
      if (exchange?.onMessage(message)) exchange.settle();
    },
    onError: (cause) => exchange?.settle(cause),
  });
  return {
    port: socket.port,
    guarded: socket.guarded,
    converse: (octets, onMessage) =>
      new Promise((resolve, reject) => {
        const expire = () => settle(new Error(`the kernel did not answer within ${ANSWER_TIMEOUT_MS / 1000} s`));
        const timer = setTimeout(expire, ANSWER_TIMEOUT_MS);
        const settle = (cause?: Error): void => {
          clearTimeout(timer);
          exchange = undefined;
          if (cause) reject(cause);
          else resolve();
        };
        const heard = (message: NetlinkMessage): boolean => {
          timer.refresh();
          return onMessage(message);
        };
        exchange = { onMessage: heard, settle };
        socket.send(octets).catch((cause: unknown) => settle(new Error("netlink send failed", { cause })));
      }),
    close: () => {
      exchange?.settle(new Error("the netlink connection is closed"));
      socket.close();
    },
  };
}
