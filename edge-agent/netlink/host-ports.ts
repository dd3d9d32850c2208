// The HostPorts port on rtnetlink(7): every interface with its addresses and alias, and the flags of bridge ports. Sockets of
// its own, because what it listens to is rare and what it writes concerns no other part. if_link.h of Linux 6.18.

import { type Mac, macFromOctets } from "../../shared/address/mac.ts";
import type { HostPort, HostPorts, PortFlags } from "../dataplane/host-ports.ts";
import { isOwnerMark } from "../dataplane/state.ts";
import { connect, InterruptedDump, MAX_BATCH, type WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import { loadLibc } from "./libc.ts";
import { attributeText, parseAttributes } from "./message.ts";
import { flagsOf, setFlags } from "./port-flags-message.ts";
import { openSocket, type Place } from "./socket.ts";

const IFLA_PERM_ADDRESS = 54;
const IFINFOMSG_BYTES = 16;
const MAC_BYTES = 6;
const DUMP_ATTEMPTS = 5;
const POLL_MS = 1000;

export type NetlinkHostPortsOptions = {
  /** A namespace in /run/netns to work in; needs koffi. Default: that of the process. */
  readonly netns?: string;
  readonly log: (text: string) => void;
};

type RawLink = {
  readonly index: number;
  readonly name: string;
  readonly alias: string | undefined;
  readonly master: number | undefined;
  readonly kind: string;
  readonly loopback: boolean;
  readonly mac: Mac | undefined;
  readonly permanentMac: Mac | undefined;
  readonly flags: PortFlags | undefined;
};

/** Opens the sockets; rejects with the reason if this machine has no rtnetlink. */
export async function createNetlinkHostPorts({ netns, log }: NetlinkHostPortsOptions): Promise<HostPorts> {
  const libc = await loadLibc().catch(() => undefined);
  const place: Place = { libc, netns };
  const connection = connect(place, "messages");
  let indexes: ReadonlyMap<string, number> = new Map();

  async function dump(): Promise<RawLink[]> {
    for (let attempt = 1; ; attempt++) {
      const links: RawLink[] = [];
      try {
        await connection.dump(LINKS, ({ payload }) => links.push(parseRawLink(payload)));
        return links;
      } catch (cause) {
        if (!(cause instanceof InterruptedDump) || attempt === DUMP_ATTEMPTS) throw cause;
      }
    }
  }

  return {
    list: async () => {
      const links = await dump();
      indexes = new Map(links.map(({ name, index }) => [name, index]));
      const marked = new Set(links.flatMap(({ index, alias }) => (isOwnerMark(alias) ? [index] : [])));
      return links.map((link) => hostPort(link, marked));
    },
    set: async (flags) => {
      const refused = new Map<string, string>();
      const known = [...flags].flatMap(([name, wanted]) => {
        const index = indexes.get(name);
        if (index === undefined) refused.set(name, "no such interface");
        return index === undefined ? [] : [{ name, request: setFlags(index, wanted) }];
      });
      for (let at = 0; at < known.length; at += MAX_BATCH) {
        const batch = known.slice(at, at + MAX_BATCH);
        const answers = await connection.transact(batch.map(({ request }) => request));
        batch.forEach(({ name }, position) => {
          const answer = answers[position];
          if (answer) refused.set(name, answer.text ?? `errno ${answer.errno}`);
        });
      }
      return refused;
    },
    watch: (listener) => {
      if (!connection.guarded) {
        log("no events of interfaces, looking every second");
        const timer = setInterval(listener, POLL_MS);
        timer.unref();
        return { close: () => clearInterval(timer) };
      }
      return listen(place, listener);
    },
    close: async () => connection.close(),
  };
}

function listen(place: Place, listener: () => void): { close(): void } {
  const tell = (): void => queueMicrotask(listener);
  const socket = openSocket(place, "messages", { onMessage: tell, onError: tell });
  socket.join(k.RTNLGRP_LINK);
  let seen = socket.drops();
  const timer = setInterval(() => {
    const drops = socket.drops();
    if (drops !== seen) tell();
    seen = drops;
  }, POLL_MS);
  timer.unref();
  return {
    close: () => {
      clearInterval(timer);
      socket.close();
    },
  };
}

/** Reads the payload of RTM_NEWLINK, of any interface. */
export function parseRawLink(payload: Buffer): RawLink {
  const attributes = parseAttributes(payload, IFINFOMSG_BYTES);
  const nested = (value: Buffer | undefined): Map<number, Buffer> => (value ? parseAttributes(value) : new Map());
  const text = (value: Buffer | undefined): string | undefined => (value ? attributeText(value) : undefined);
  const info = nested(attributes.get(k.IFLA_LINKINFO));
  const onBridge = text(info.get(k.IFLA_INFO_SLAVE_KIND)) === "bridge";
  return {
    index: payload.readInt32LE(4),
    name: text(attributes.get(k.IFLA_IFNAME)) ?? "",
    alias: text(attributes.get(k.IFLA_IFALIAS)),
    master: attributes.get(k.IFLA_MASTER)?.readUInt32LE(0) || undefined,
    kind: text(info.get(k.IFLA_INFO_KIND)) ?? "",
    loopback: (payload.readUInt32LE(8) & k.IFF_LOOPBACK) !== 0,
    mac: macOf(attributes.get(k.IFLA_ADDRESS)),
    permanentMac: macOf(attributes.get(IFLA_PERM_ADDRESS)),
    flags: onBridge ? flagsOf(nested(info.get(k.IFLA_INFO_SLAVE_DATA))) : undefined,
  };
}

function hostPort(link: RawLink, marked: ReadonlySet<number>): HostPort {
  const { index, name, mac, permanentMac, alias, kind, loopback, master, flags } = link;
  const attached = master !== undefined && marked.has(master) ? flags : undefined;
  return { name, mac, permanentMac, alias, kind, loopback, ours: marked.has(index), attached };
}

/** A tunnel's or an InfiniBand port's address has another length. */
function macOf(octets: Buffer | undefined): Mac | undefined {
  return octets?.length === MAC_BYTES ? macFromOctets(octets) : undefined;
}

/** Without the counters, which are nine tenths of each link's message. */
const LINKS: WireRequest = {
  type: k.RTM_GETLINK,
  flags: 0,
  write: (writer, request) => {
    writer.begin(request.type, request.flags, request.seq);
    writer.fixed(IFINFOMSG_BYTES);
    writer.u32(k.IFLA_EXT_MASK, k.RTEXT_FILTER_SKIP_STATS);
    writer.end();
  },
};
