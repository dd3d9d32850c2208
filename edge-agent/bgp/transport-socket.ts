// The socket calls of Linux that node:net does not offer, through koffi: TCP MD5 signatures (RFC 2385), the TTL of what is
// sent and the least TTL of what is accepted (GTSM, RFC 5082), and raw ICMPv6 sockets for router advertisements. Loaded on demand: where koffi has no binary (musl, an odd
// architecture) the caller gets the reason. No TCP-AO (RFC 5925): kernels have it from 6.7 on, and as a build option.

import { Buffer } from "node:buffer";
import { closeSync } from "node:fs";
import { getSystemErrorName } from "node:util";
import { type IpAddress, ipToOctets, isIpv4 } from "../../shared/address/ip.ts";
import type { HopLimit } from "./ports.ts";

/** Each throws an Error that names the call and the errno. */
export type SocketCalls = {
  /** A TCP socket of the address's family, not connected and not blocking. */
  open(family: IpAddress): number;
  bind(fd: number, address: IpAddress, port: number): void;
  close(fd: number): void;
  /** Signs what goes to `peer`, and drops what comes from it without the signature. `key` has 1 to 80 octets; none: no more. */
  setMd5Key(fd: number, family: IpAddress, peer: IpAddress, key: string): void;
  setHopLimit(fd: number, family: IpAddress, limit: HopLimit): void;
  reuseAddress(fd: number): void;
  /** A raw ICMPv6 socket of one link that takes router solicitations and advertisements (RFC 3542); not blocking. */
  openNeighbourDiscovery(link: string, linkIndex: number): number;
  /** Sends a packet to an address on the link of that index. */
  sendTo(fd: number, octets: Uint8Array, address: IpAddress, linkIndex: number): void;
  /** The next packet that is there, with the 16 octets of its source; undefined if there is none. */
  receiveFrom(fd: number): { readonly octets: Uint8Array; readonly from: Uint8Array } | undefined;
};

/** The longest key that the kernel takes (TCP_MD5SIG_MAXKEYLEN of linux/tcp.h). */
export const MAX_MD5_KEY_OCTETS = 80;

// asm-generic/socket.h, linux/in.h, linux/in6.h, linux/tcp.h; the same on x64 and arm64.
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM_NONBLOCK_CLOEXEC = 0o1 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IP = 0;
const IP_TTL = 2;
const IP_MINTTL = 21;
const IPPROTO_TCP = 6;
const TCP_MD5SIG = 14;
const IPPROTO_IPV6 = 41;
const IPV6_UNICAST_HOPS = 16;
const IPV6_MINHOPCOUNT = 73;
const IPV6_MULTICAST_IF = 17;
const IPV6_MULTICAST_HOPS = 18;
const IPV6_MULTICAST_LOOP = 19;
const IPV6_JOIN_GROUP = 20;
const SOCK_RAW_NONBLOCK_CLOEXEC = 0o3 | 0o4000 | 0o2000000;
const SO_BINDTODEVICE = 25;
const IPPROTO_ICMPV6 = 58;
/** linux/icmpv6.h: 256 bits, one for each type; a set bit keeps that type out. */
const ICMPV6_FILTER = 1;
const ICMPV6_FILTER_OCTETS = 32;
const ROUTER_TYPES = [133, 134];
/** What neighbour discovery is sent with, and only counts with (RFC 4861 6.1). */
const MAX_HOPS = 255;
const MAX_PACKET_OCTETS = 1500;
const SOCKADDR_IN6_OCTETS = 28;
/** ff02::2 */
const ALL_ROUTERS = Uint8Array.of(0xff, 2, ...Array.from({ length: 13 }, () => 0), 2);
const EAGAIN = 11;
/** sockaddr_storage:128 | flags:1 | prefixlen:1 | keylen:2 | ifindex:4 | key:80 */
const MD5SIG_OCTETS = 216;

/** Binds the calls; rejects with the reason when koffi or the C library cannot be loaded. */
export async function loadSocketCalls(): Promise<SocketCalls> {
  const { default: koffi } = await import("koffi");
  const library = koffi.load("libc.so.6");
  const socket = library.func("int socket(int domain, int type, int protocol)");
  const bind = library.func("int bind(int fd, void *address, uint32_t length)");
  const sendto = library.func(
    "long sendto(int fd, void *octets, size_t length, int flags, void *address, uint32_t addressLength)",
  );
  const recvfrom = library.func(
    "long recvfrom(int fd, void *octets, size_t length, int flags, void *address, void *addressLength)",
  );
  const setsockopt = library.func("int setsockopt(int fd, int level, int name, void *value, uint32_t length)");

  const checked = (call: string, result: number): number => {
    if (result < 0) throw new Error(`${call}: ${getSystemErrorName(-koffi.errno())}`);
    return result;
  };
  const setInt = (what: string, fd: number, [level, name]: readonly [number, number], value: number): void => {
    const octets = Buffer.alloc(4);
    octets.writeInt32LE(value);
    checked(what, setsockopt(fd, level, name, octets, octets.length));
  };
  return {
    open: (family) => checked("socket", socket(isIpv4(family) ? AF_INET : AF_INET6, SOCK_STREAM_NONBLOCK_CLOEXEC, 0)),
    bind(fd, address, port) {
      const octets = socketAddress(address, port);
      checked("bind", bind(fd, octets, octets.length));
    },
    close: (fd) => closeSync(fd),
    setMd5Key(fd, family, peer, key) {
      const octets = Buffer.alloc(MD5SIG_OCTETS);
      // A socket of IPv6 knows an IPv4 peer by its mapped address.
      socketAddress(peer, 0, isIpv4(family)).copy(octets);
      const keyOctets = Buffer.from(key);
      octets.writeUInt16LE(keyOctets.length, 130);
      keyOctets.copy(octets, 136);
      checked("TCP_MD5SIG", setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, octets, octets.length));
    },
    setHopLimit(fd, family, { ttl, minTtl }) {
      if (!isIpv4(family)) {
        if (ttl !== undefined) setInt("IPV6_UNICAST_HOPS", fd, [IPPROTO_IPV6, IPV6_UNICAST_HOPS], ttl);
        if (minTtl !== undefined) setInt("IPV6_MINHOPCOUNT", fd, [IPPROTO_IPV6, IPV6_MINHOPCOUNT], minTtl);
      }
      // Also on a dual-stack socket, for the IPv4 that it speaks; one bound to IPv6 takes them without effect.
      if (ttl !== undefined) setInt("IP_TTL", fd, [IPPROTO_IP, IP_TTL], ttl);
      if (minTtl !== undefined) setInt("IP_MINTTL", fd, [IPPROTO_IP, IP_MINTTL], minTtl);
    },
    reuseAddress: (fd) => setInt("SO_REUSEADDR", fd, [SOL_SOCKET, SO_REUSEADDR], 1),
    openNeighbourDiscovery(link, linkIndex) {
      const fd = checked("socket", socket(AF_INET6, SOCK_RAW_NONBLOCK_CLOEXEC, IPPROTO_ICMPV6));
      try {
        const name = Buffer.from(`${link}\0`);
        checked("SO_BINDTODEVICE", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length));
        const filter = Buffer.alloc(ICMPV6_FILTER_OCTETS, 0xff);
        for (const type of ROUTER_TYPES) filter[type >> 3] = (filter[type >> 3] as number) & ~(1 << (type & 7));
        checked("ICMPV6_FILTER", setsockopt(fd, IPPROTO_ICMPV6, ICMPV6_FILTER, filter, filter.length));
        // ipv6_mreq: address:16 | interface:4. Everybody is in the group of all nodes; solicitations go to that of all routers.
        const group = Buffer.alloc(20);
        group.set(ALL_ROUTERS);
        group.writeUInt32LE(linkIndex, 16);
        checked("IPV6_JOIN_GROUP", setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, group, group.length));
        setInt("IPV6_MULTICAST_IF", fd, [IPPROTO_IPV6, IPV6_MULTICAST_IF], linkIndex);
        setInt("IPV6_MULTICAST_HOPS", fd, [IPPROTO_IPV6, IPV6_MULTICAST_HOPS], MAX_HOPS);
        setInt("IPV6_UNICAST_HOPS", fd, [IPPROTO_IPV6, IPV6_UNICAST_HOPS], MAX_HOPS);
        setInt("IPV6_MULTICAST_LOOP", fd, [IPPROTO_IPV6, IPV6_MULTICAST_LOOP], 0);
        return fd;
      } catch (cause) {
        closeSync(fd);
        throw cause;
      }
    },
    sendTo(fd, octets, address, linkIndex) {
      const to = socketAddress(address, 0, false);
      to.writeUInt32LE(linkIndex, 24);
      checked("sendto", sendto(fd, Buffer.from(octets), octets.length, 0, to, to.length));
    },
    receiveFrom(fd) {
      const octets = Buffer.alloc(MAX_PACKET_OCTETS);
      const from = Buffer.alloc(SOCKADDR_IN6_OCTETS);
      const fromLength = Buffer.alloc(4);
      fromLength.writeUInt32LE(from.length);
      const length = Number(recvfrom(fd, octets, octets.length, 0, from, fromLength));
      if (length < 0 && koffi.errno() === EAGAIN) return undefined;
      checked("recvfrom", length);
      return { octets: octets.subarray(0, length), from: from.subarray(8, 24) };
    },
  };
}

/** sockaddr_in (family:2 | port:2 | address:4) or sockaddr_in6 (family:2 | port:2 | flow:4 | address:16 | scope:4). */
function socketAddress(address: IpAddress, port: number, ipv4Socket = isIpv4(address)): Buffer {
  const octets = Buffer.alloc(ipv4Socket ? 16 : 28);
  octets.writeUInt16LE(ipv4Socket ? AF_INET : AF_INET6);
  octets.writeUInt16BE(port, 2);
  if (ipv4Socket) octets.set(ipToOctets(address), 4);
  else if (isIpv4(address)) octets.set([0xff, 0xff, ...ipToOctets(address)], 18);
  else octets.set(ipToOctets(address), 8);
  return octets;
}
