// Sends and sees whole Ethernet frames inside a namespace (packet(7), AF_PACKET), as an attacker would: libpcap's place in
// tests, without a tool that a machine may lack.

import { Buffer } from "node:buffer";
import { setTimeout as sleep } from "node:timers/promises";
import koffi from "koffi";
import { loadLibc } from "../../edge-agent/netlink/libc.ts";
import type { Namespace } from "./namespace.ts";

const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK = 3 | 0o4000;
const ETH_P_ALL_BE = 0x0300;
const SOL_PACKET = 263;
const PACKET_AUXDATA = 8;
const SO_RCVBUFFORCE = 33;
const PACKET_OUTGOING = 4;

const library = koffi.load("libc.so.6");
const openSocket = library.func("int socket(int family, int type, int protocol)");
const bindSocket = library.func("int bind(int fd, void *address, uint32_t length)");
const sendFrame = library.func("intptr_t send(int fd, void *octets, size_t length, int flags)");
const receive = library.func(
  "intptr_t recvfrom(int fd, _Out_ void *octets, size_t length, int flags, _Out_ void *from, _Inout_ uint32_t *size)",
);
const setOption = library.func("int setsockopt(int fd, int level, int name, void *value, uint32_t length)");
const closeSocket = library.func("int close(int fd)");

export type RawSocket = {
  /** Sends one frame, from destination to payload. */
  send(frame: Buffer): void;
  /** Frames that came in since the last call. */
  take(): Buffer[];
  /** Waits until a frame is as said, or the time is over; frames before it are forgotten. */
  sees(is: (frame: Buffer) => boolean, withinMs?: number): Promise<boolean>;
  close(): void;
};

/** Opens a socket on the device `name` of the namespace. */
export async function openRaw(namespace: Namespace, name: string): Promise<RawSocket> {
  const index = Number(namespace.run(`cat /sys/class/net/${name}/ifindex`));
  const libc = await loadLibc();
  const fd = libc.inNamespace(namespace.name, () => openSocket(AF_PACKET, SOCK_RAW_NONBLOCK, ETH_P_ALL_BE)) as number;
  if (fd < 0) throw new Error(`socket(AF_PACKET) failed with errno ${koffi.errno()}`);
  // sockaddr_ll: family:2 | protocol:2 (network order) | ifindex:4 | hatype:2 | pkttype:1 | halen:1 | address:8
  const address = Buffer.alloc(20);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16LE(ETH_P_ALL_BE, 2);
  address.writeInt32LE(index, 4);
  if (bindSocket(fd, address, address.length) !== 0) throw new Error(`bind failed with errno ${koffi.errno()}`);
  const value = Buffer.alloc(4);
  value.writeInt32LE(8 * 1024 * 1024);
  setOption(fd, 1, SO_RCVBUFFORCE, value, 4);
  value.writeInt32LE(0);
  setOption(fd, SOL_PACKET, PACKET_AUXDATA, value, 4);

  const take = (): Buffer[] => {
    const frames: Buffer[] = [];
    for (;;) {
      const octets = Buffer.alloc(2048);
      const from = Buffer.alloc(20);
      const length = Number(receive(fd, octets, octets.length, 0, from, [20]));
      if (length < 0) return frames;
      if (from.readUInt8(10) !== PACKET_OUTGOING) frames.push(octets.subarray(0, length));
    }
  };
  return {
    send: (frame) => {
      if (Number(sendFrame(fd, frame, frame.length, 0)) !== frame.length) {
        throw new Error(`send failed with errno ${koffi.errno()}`);
      }
    },
    take,
    sees: async (is, withinMs = 300) => {
      const until = performance.now() + withinMs;
      for (;;) {
        if (take().some(is)) return true;
        if (performance.now() > until) return false;
        await sleep(2);
      }
    },
    close: () => void closeSocket(fd),
  };
}
