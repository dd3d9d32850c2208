// Hears from the kernel when a transaction of another process changed the tables of ours (nfnetlink, group NFTABLES). Reads
// of the messages only what it needs for that: whose table, and who wrote. Source: linux/netfilter/nf_tables.h, 6.18.
//
//   NEWRULE, DELSET, ... (one for each thing of the transaction, attribute 1: the table), then NEWGEN (the writer's pid)

import { loadLibc } from "../netlink/libc.ts";
import { attributeText, type NetlinkMessage, parseAttributes } from "../netlink/message.ts";
import { openSocket } from "../netlink/socket.ts";

const NETLINK_NETFILTER = 12;
const NFNLGRP_NFTABLES = 7;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWGEN = 15;
const NFTA_TABLE = 1;
const NFTA_GEN_PROC_PID = 2;
/** nfgenmsg: family:1 | version:1 | resource:2 */
const NFGENMSG_BYTES = 4;
const DROPS_EVERY_MS = 1000;

/** Reads a stream of notifications; true for the one that ends a transaction of another process on `table`. */
export function createTransactionReader(
  table: string,
  ownPids: ReadonlySet<number>,
): (message: NetlinkMessage) => boolean {
  let touched = false;
  return ({ type, payload }) => {
    if (type >> 8 !== NFNL_SUBSYS_NFTABLES) return false;
    const attributes = parseAttributes(payload, NFGENMSG_BYTES);
    if ((type & 0xff) !== NFT_MSG_NEWGEN) {
      const name = attributes.get(NFTA_TABLE);
      touched ||= name !== undefined && attributeText(name) === table;
      return false;
    }
    const pid = attributes.get(NFTA_GEN_PROC_PID)?.readUInt32BE(0);
    const told = touched && !(pid !== undefined && ownPids.has(pid));
    touched = false;
    return told;
  };
}

/** Watches until closed; rejects with the reason where events cannot be had without danger to the process. */
export async function watchTransactions(
  place: { readonly netns: string | undefined },
  table: string,
  ownPids: ReadonlySet<number>,
  listener: () => void,
): Promise<{ close(): void }> {
  const libc = await loadLibc();
  const read = createTransactionReader(table, ownPids);
  const socket = openSocket({ libc, netns: place.netns, protocol: NETLINK_NETFILTER }, "messages", {
    onMessage: (message) => {
      if (read(message)) queueMicrotask(listener);
    },
    onError: () => queueMicrotask(listener),
  });
  if (!socket.guarded) {
    socket.close();
    throw new Error("an overrun of the socket would end the process");
  }
  socket.join(NFNLGRP_NFTABLES);
  let seen = socket.drops();
  const timer = setInterval(() => {
    const drops = socket.drops();
    if (drops !== seen) listener();
    seen = drops;
  }, DROPS_EVERY_MS);
  timer.unref();
  return {
    close: () => {
      clearInterval(timer);
      socket.close();
    },
  };
}
