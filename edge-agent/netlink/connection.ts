// Requests and dumps over one socket, one exchange at a time. Many requests go out with one send and only the last asks
// for an acknowledgement: errors of the others come back by sequence number all the same, and the kernel works in order.

import * as k from "./constants.ts";
import type { Request } from "./link-message.ts";
import { type ErrorReply, MessageWriter, type NetlinkMessage, parseErrorReply } from "./message.ts";
import type { Place } from "./socket.ts";
import { openDirect, openEvented } from "./transport.ts";

/** One message to be sent; `write` must use the request's type, flags and seq. */
export type WireRequest = {
  readonly type: number;
  readonly flags: number;
  /** Called as a method, so that 100,000 requests need no closure each. */
  write(writer: MessageWriter, request: Request): void;
};

export type Connection = {
  readonly port: number;
  readonly guarded: boolean;
  /**
   * Sends all, 1 to `MAX_BATCH`, at once; the answer at each index is the refusal of that request, or undefined.
   * Rejects if the kernel does not answer.
   */
  transact(requests: readonly WireRequest[]): Promise<readonly (ErrorReply | undefined)[]>;
  /** Sends a request for a table and hands over every entry, in order; returns when all are there. */
  dump(request: WireRequest, onEntry: (message: NetlinkMessage) => void): Promise<void>;
  /** Sends one request that is no dump and hands over its answers; returns the refusal, if it is one. */
  ask(request: WireRequest, onAnswer: (message: NetlinkMessage) => void): Promise<ErrorReply | undefined>;
  close(): void;
};

/** Messages a send: from 500 on the kernel's cost climbs, and this many answers fit the default receive buffer. */
export const MAX_BATCH = 128;

/** `purpose` matters only where koffi is missing. */
export function connect(place: Place, purpose: "dumps" | "messages"): Connection {
  let queue: Promise<unknown> = Promise.resolve();
  let seq = 0;
  let closed = false;
  const transport = place.libc ? openDirect(place.libc, place) : openEvented(place, purpose);
  const { converse } = transport;
  const writer = new MessageWriter();

  const serially = <T>(body: () => Promise<T>): Promise<T> => {
    const result = queue.then(() => {
      if (closed) throw new Error("the netlink connection is closed");
      return body();
    });
    queue = result.catch(() => undefined);
    return result;
  };

  const sendBatch = async (requests: readonly WireRequest[]): Promise<readonly (ErrorReply | undefined)[]> => {
    const answers: (ErrorReply | undefined)[] = Array.from({ length: requests.length });
    const first = seq + 1;
    const last = seq + requests.length;
    writer.clear();
    for (const request of requests) {
      seq++;
      const ack = seq === last ? k.NLM_F_ACK : 0;
      request.write(writer, { type: request.type, flags: request.flags | k.NLM_F_REQUEST | ack, seq });
    }
    await converse(writer.take(), (message) => {
      if (message.type !== k.NLMSG_ERROR || message.seq < first || message.seq > last) return false;
      const reply = parseErrorReply(message);
      if (reply.errno !== 0) answers[message.seq - first] = reply;
      return message.seq === last;
    });
    return answers;
  };

  return {
    port: transport.port,
    guarded: transport.guarded,
    transact: (requests) => serially(() => sendBatch(requests)),
    dump: (request, onEntry) =>
      serially(async () => {
        const mine = ++seq;
        let interrupted = false;
        let refusal: ErrorReply | undefined;
        const { type, flags } = request;
        writer.clear();
        request.write(writer, { type, flags: flags | k.NLM_F_REQUEST | k.NLM_F_DUMP, seq: mine });
        await converse(writer.take(), (message) => {
          if (message.seq !== mine) return false;
          interrupted ||= (message.flags & k.NLM_F_DUMP_INTR) !== 0;
          if (message.type === k.NLMSG_DONE || message.type === k.NLMSG_ERROR) {
            const reply = parseErrorReply(message);
            if (reply.errno !== 0) refusal = reply;
            return true;
          }
          onEntry(message);
          return false;
        });
        if (refusal) throw new Error(`netlink dump ${type} refused: errno ${refusal.errno} ${refusal.text ?? ""}`);
        if (interrupted) throw new InterruptedDump();
      }),
    ask: (request, onAnswer) =>
      serially(async () => {
        const mine = ++seq;
        let refusal: ErrorReply | undefined;
        const { type, flags } = request;
        writer.clear();
        request.write(writer, { type, flags: flags | k.NLM_F_REQUEST | k.NLM_F_ACK, seq: mine });
        await converse(writer.take(), (message) => {
          if (message.seq !== mine) return false;
          if (message.type !== k.NLMSG_ERROR) {
            onAnswer(message);
            return false;
          }
          const reply = parseErrorReply(message);
          if (reply.errno !== 0) refusal = reply;
          return true;
        });
        return refusal;
      }),
    close: () => {
      closed = true;
      transport.close();
    },
  };
}

/** The table changed while it was dumped (NLM_F_DUMP_INTR), so entries may be missing or doubled: dump again. */
export class InterruptedDump extends Error {
  constructor() {
    super("the kernel's table changed during the dump");
  }
}
