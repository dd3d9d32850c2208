// A clock and a network in memory, for a speaker whose peer is a script. Deliveries wait in a queue, as those of sockets
// do, and `settle` makes them.

import { type IpAddress, parseIp } from "../../../shared/address/ip.ts";
import type { Clock } from "../../../edge-agent/clock.ts";
import type { Connection, ConnectionHandlers, HopLimit, Transport } from "../../../edge-agent/bgp/ports.ts";
import { Framer } from "../../../edge-agent/bgp/wire/framer.ts";
import { decodeMessage, encodeMessage, type Message } from "../../../edge-agent/bgp/wire/message.ts";

export class FakeClock implements Clock {
  #now = 0;
  #timers: { atMs: number; callback: () => void }[] = [];
  readonly nowMs = (): number => this.#now;
  readonly wallMs = (): number => 1_700_000_000_000 + this.#now;
  readonly setTimer = (afterMs: number, callback: () => void): (() => void) => {
    // As setTimeout would do with a longer time.
    const timer = { atMs: this.#now + (afterMs > 2 ** 31 - 1 ? 1 : afterMs), callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((it) => it !== timer);
    };
  };

  get pending(): number {
    return this.#timers.length;
  }

  /** Runs what is due within `ms`, in order; `settle` runs after each. */
  advance(ms: number, settle: () => void): void {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.atMs - b.atMs)[0];
      if (!next || next.atMs > end) break;
      this.#timers = this.#timers.filter((it) => it !== next);
      this.#now = next.atMs;
      next.callback();
      settle();
    }
    this.#now = end;
    settle();
  }
}

/** The peer's end of a connection. */
export class FarEnd {
  /** What the speaker sent: `OPEN`, `KEEPALIVE`, `NOTIFICATION 6/2`, `UPDATE`, `ROUTE-REFRESH 25/70`. */
  readonly log: string[] = [];
  readonly updates: Uint8Array[] = [];
  readonly raw: Uint8Array[] = [];
  closed = false;
  /** The speaker's writes answer false until `drain`. */
  congested = false;
  readonly #network: FakeNetwork;
  readonly #framer = new Framer();
  handlers: ConnectionHandlers | undefined;

  constructor(network: FakeNetwork) {
    this.#network = network;
    this.#framer.maxOctets = 65535;
  }

  /** Sends whole messages, or raw octets. */
  send(...messages: (Message | Uint8Array)[]): void {
    for (const message of messages) {
      const octets = message instanceof Uint8Array ? message : encodeMessage(message);
      this.#network.later(() => !this.closed && this.handlers?.data(octets));
    }
    this.#network.settle();
  }

  drop(reason = "closed by the peer"): void {
    this.#network.later(() => !this.closed && this.handlers?.closed(reason));
    this.#network.settle();
  }

  drain(): void {
    this.congested = false;
    this.#network.later(() => this.handlers?.drained());
    this.#network.settle();
  }

  receive(octets: Uint8Array): void {
    this.#framer.push(
      octets,
      (whole) => {
        this.raw.push(whole.slice());
        const message = decodeMessage(whole.slice());
        if ("error" in message) throw new Error(`the speaker sent nonsense: ${message.reason}`);
        this.log.push(describe(message));
        if (message.type === "UPDATE") this.updates.push(message.body);
        return true;
      },
      ({ reason }) => {
        throw new Error(`the speaker sent nonsense: ${reason}`);
      },
    );
  }
}

export class FakeNetwork implements Transport {
  /** What becomes of the speaker's attempts to connect. */
  peer: "answers" | "refuses" | "is silent" = "answers";
  /** The far ends of the connections that the speaker opened, and those dialled to it. */
  readonly ends: FarEnd[] = [];
  attempts = 0;
  /** What was asked of connections, opened and accepted. */
  readonly hopLimits: HopLimit[] = [];
  readonly links: (string | undefined)[] = [];
  hopLimitFails = false;
  /** What the kernel knows of a silent peer. */
  hint: string | undefined;
  readonly localAddress: IpAddress;
  #queue: (() => void)[] = [];
  #accept: ((connection: Connection) => ConnectionHandlers | undefined) | undefined;

  constructor(localAddress: string) {
    this.localAddress = parseIp(localAddress) as IpAddress;
  }

  readonly connect: Transport["connect"] = ({ address, interface: link, hopLimit }, handlers) => {
    this.attempts++;
    this.links.push(link);
    if (hopLimit) this.hopLimits.push(hopLimit);
    const end = new FarEnd(this);
    if (this.peer === "answers") {
      end.handlers = handlers;
      this.ends.push(end);
      this.later(() => !end.closed && handlers.connected());
    } else if (this.peer === "refuses")
      this.later(() => !end.closed && handlers.closed(`connect ECONNREFUSED ${address}`));
    return this.#connection(end, address);
  };

  /** As `hint`, of peers that are to connect. */
  silent: string | undefined;

  readonly silence = (): (() => string | undefined) => () => this.silent;

  readonly listen: Transport["listen"] = (_, accept) => {
    this.#accept = accept;
    return { close: () => (this.#accept = undefined) };
  };

  /** The peer opens a connection to the speaker. */
  dial(from: string, link?: string): FarEnd {
    const end = new FarEnd(this);
    this.ends.push(end);
    end.handlers = this.#accept?.({ ...this.#connection(end, parseIp(from) as IpAddress), interface: link });
    if (!end.handlers) end.closed = true;
    this.settle();
    return end;
  }

  get last(): FarEnd {
    const end = this.ends.at(-1);
    if (!end) throw new Error("no connection");
    return end;
  }

  later(deliver: () => unknown): void {
    this.#queue.push(deliver);
  }

  readonly settle = (): void => {
    for (let deliver = this.#queue.shift(); deliver; deliver = this.#queue.shift()) deliver();
  };

  #connection(end: FarEnd, remoteAddress: IpAddress): Connection {
    return {
      remoteAddress,
      localAddress: this.localAddress,
      write(octets) {
        end.receive(octets);
        return !end.congested;
      },
      close() {
        end.closed = true;
      },
      limitHops: (limit) => {
        this.hopLimits.push(limit);
        return this.hopLimitFails ? "not permitted" : undefined;
      },
      hint: () => this.hint,
    };
  }
}

function describe(message: Message): string {
  if (message.type === "NOTIFICATION")
    return `NOTIFICATION ${message.notification.code}/${message.notification.subcode}`;
  if (message.type === "ROUTE-REFRESH") return `ROUTE-REFRESH ${message.afi}/${message.safi}`;
  return message.type;
}
