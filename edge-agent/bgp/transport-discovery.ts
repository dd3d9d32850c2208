// The adapter of the `Discovery` port: raw ICMPv6 sockets through koffi, one for each link with a peer to be found. Asks for
// routers, listens to them, and says that this host is there, as FRR's `neighbor IFACE interface` does at the other end.
// Node has no raw sockets and could not wait for one, so it is looked at from time to time.

import { networkInterfaces } from "node:os";
import { type IpAddress, ipFromOctets, isLinkLocal, parseIp } from "../../shared/address/ip.ts";
import { type Mac, parseMac } from "../../shared/address/mac.ts";
import type { Clock } from "../clock.ts";
import type { Discovery } from "./ports.ts";
import {
  isRouterAdvertisement,
  isRouterSolicitation,
  routerAdvertisement,
  routerSolicitation,
} from "./router-advertisement.ts";
import type { SocketCalls } from "./transport-socket.ts";

/** How often a socket is looked at: a session should be up soon after the router is heard. */
const LOOK_EVERY_MS = 200;
/** As FRR advertises on the links of such peers. */
const ADVERTISE_EVERY_MS = 10_000;
/** While nobody was heard (RFC 4861 10: RTR_SOLICITATION_INTERVAL is 4 s; a ToR that boots should not be missed for so long). */
const SOLICIT_EVERY_MS = 1000;
const ALL_NODES = parseIp("ff02::1") as IpAddress;
const ALL_ROUTERS = parseIp("ff02::2") as IpAddress;

type Link = { readonly index: number; readonly address: IpAddress; readonly mac: Mac };

/** Finds routers on links of this host. */
export function createDiscovery(calls: SocketCalls, clock: Pick<Clock, "nowMs" | "setTimer">): Discovery {
  return {
    watch(name, on) {
      let fd: number | undefined;
      let opened: Link | undefined;
      let isUp = true;
      let heard = false;
      let advertiseAtMs = 0;
      let solicitAtMs = 0;
      let said: string | undefined;
      let cancel = () => {};

      function look(): void {
        try {
          const link = linkOf(name);
          if (link) lookAt(link);
          else if (isUp) lost();
          said = undefined;
        } catch (cause) {
          close();
          const reason = (cause as Error).message;
          if (reason !== said) on.failed(reason);
          said = reason;
        }
        cancel = clock.setTimer(LOOK_EVERY_MS, look);
      }

      function lost(): void {
        isUp = false;
        close();
        on.down();
      }

      function lookAt(link: Link): void {
        isUp = true;
        // A link that went and came back is another one, and the socket is bound to the old one.
        if (opened && (opened.index !== link.index || opened.address !== link.address)) close();
        if (fd === undefined) {
          fd = calls.openNeighbourDiscovery(name, link.index);
          opened = link;
        }
        const nowMs = clock.nowMs();
        if (nowMs >= advertiseAtMs) {
          calls.sendTo(fd, routerAdvertisement(link.mac), ALL_NODES, link.index);
          advertiseAtMs = nowMs + ADVERTISE_EVERY_MS;
        }
        if (!heard && nowMs >= solicitAtMs) {
          calls.sendTo(fd, routerSolicitation(link.mac), ALL_ROUTERS, link.index);
          solicitAtMs = nowMs + SOLICIT_EVERY_MS;
        }
        for (let packet = calls.receiveFrom(fd); packet; packet = calls.receiveFrom(fd)) {
          const from = ipFromOctets(packet.from);
          if (!isLinkLocal(from) || from === link.address) continue;
          // Who looks for routers is told at once that we are here.
          if (isRouterSolicitation(packet.octets)) advertiseAtMs = 0;
          else if (isRouterAdvertisement(packet.octets)) {
            heard = true;
            on.found(from);
          }
        }
      }

      function close(): void {
        if (fd !== undefined) calls.close(fd);
        fd = undefined;
        opened = undefined;
        heard = false;
        advertiseAtMs = 0;
        solicitAtMs = 0;
      }

      look();
      return {
        close() {
          cancel();
          close();
        },
      };
    },
  };
}

/** Undefined for a link that is not there, or has no carrier; throws if it lacks its link-local address. */
function linkOf(name: string): Link | undefined {
  const addresses = networkInterfaces()[name];
  if (!addresses) return undefined;
  for (const { family, address, scopeid, mac: text } of addresses) {
    const ip = family === "IPv6" ? parseIp(address) : undefined;
    const mac = parseMac(text);
    if (ip && mac && scopeid && isLinkLocal(ip)) return { index: scopeid, address: ip, mac };
  }
  throw new Error("the interface has no IPv6 link-local address");
}
