// A host with two ToRs and a remote VTEP behind both, in namespaces, for the tests of the underlay:
//
//   host  to-tor1 192.0.2.2/30 ---- 192.0.2.1 tor1 10.1.1.1/30 ---- 10.1.1.2 to-tor1  remote
//         to-tor2 192.0.2.6/30 ---- 192.0.2.5 tor2 10.1.2.1/30 ---- 10.1.2.2 to-tor2
//
// IPv6 is 2001:db8:1:N::/64 on the host's links and fe80::a (ToR), fe80::2 (host) besides. The remote answers by the second
// ToR only, so that the first one's death is felt in one direction: that of the routes under test.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { PeerSummary } from "../../edge-agent/bgp/speaker.ts";
import type { UnderlayView } from "../../edge-agent/lane/underlay.ts";
import { eventually, Frr, hasEnded, inside, removeNamespaces, run } from "../edge-agent/bgp/namespace-lab.ts";
import type { Command } from "../edge-agent/underlay/underlay-process.ts";

export const VTEP = "10.99.0.1";
export const VTEP6 = "2001:db8:99::1";
/** Loopbacks of the remote; several, so that some flows go by each ToR. */
export const REMOTES = [11, 12, 13, 14, 15, 16, 17, 18].map((n) => `10.99.0.${n}`);
export const REMOTE6 = "2001:db8:99::11";
export const TORS = [
  { address: "192.0.2.1", address6: "2001:db8:1:1::1", asn: 65001, link: "to-tor1" },
  { address: "192.0.2.5", address6: "2001:db8:1:2::1", asn: 65002, link: "to-tor2" },
] as const;
/** The ToRs' link-local addresses, which differ since they name the peers. */
export const TOR_LINK_LOCAL = ["fe80::a1", "fe80::a2"] as const;
export const HOST_LINK_LOCAL = "fe80::2";
export const HOST_ASN = 65000;

export type Names = { readonly host: string; readonly tors: readonly [string, string]; readonly remote: string };

export function namesOf(test: string): Names {
  return { host: `uly-${test}-h`, tors: [`uly-${test}-t1`, `uly-${test}-t2`], remote: `uly-${test}-r` };
}

export function makeLab({ host, tors, remote }: Names): void {
  removeNamespaces(host, ...tors, remote);
  for (const name of [host, ...tors, remote]) {
    run("ip", "netns", "add", name);
    inside(name, "sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0");
    inside(name, "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0");
    // A link that goes down for a moment keeps its addresses, as those of IPv4 do.
    inside(name, "sysctl -qw net.ipv6.conf.all.keep_addr_on_down=1 net.ipv6.conf.default.keep_addr_on_down=1");
    inside(name, "ip link set lo up");
  }
  tors.forEach((tor, i) => {
    const n = i + 1;
    inside(tor, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
    for (const [end, port] of [
      [host, "to-host"],
      [remote, "to-remote"],
    ] as const) {
      run(
        "ip",
        ..."link add name".split(" "),
        port,
        "netns",
        tor,
        ..."type veth peer name".split(" "),
        `to-tor${n}`,
        "netns",
        end,
      );
      inside(tor, `ip link set ${port} addrgenmode none`);
      inside(end, `ip link set to-tor${n} addrgenmode none`);
      inside(tor, `ip link set ${port} up`);
      inside(end, `ip link set to-tor${n} up`);
    }
    inside(tor, `ip addr add 192.0.2.${4 * i + 1}/30 dev to-host`);
    inside(tor, `ip addr add 2001:db8:1:${n}::1/64 dev to-host nodad`);
    inside(tor, `ip addr add ${TOR_LINK_LOCAL[i]}/64 dev to-host nodad`);
    inside(tor, `ip addr add 10.1.${n}.1/30 dev to-remote`);
    inside(tor, `ip addr add 2001:db8:2:${n}::1/64 dev to-remote nodad`);
    // Neighbours are asked for from a link-local address.
    inside(tor, "ip addr add fe80::b/64 dev to-remote nodad");
    inside(remote, `ip addr add fe80::c/64 dev to-tor${n} nodad`);
    inside(host, `ip addr add 192.0.2.${4 * i + 2}/30 dev to-tor${n}`);
    inside(host, `ip addr add 2001:db8:1:${n}::2/64 dev to-tor${n} nodad`);
    inside(host, `ip addr add ${HOST_LINK_LOCAL}/64 dev to-tor${n} nodad`);
    inside(remote, `ip addr add 10.1.${n}.2/30 dev to-tor${n}`);
    inside(remote, `ip addr add 2001:db8:2:${n}::2/64 dev to-tor${n} nodad`);
    for (const address of REMOTES) inside(tor, `ip route add ${address}/32 via 10.1.${n}.2`);
    inside(tor, `ip -6 route add ${REMOTE6}/128 via 2001:db8:2:${n}::2`);
  });
  inside(host, `ip addr add ${VTEP}/32 dev lo`);
  inside(host, `ip addr add ${VTEP6}/128 dev lo nodad`);
  for (const address of REMOTES) inside(remote, `ip addr add ${address}/32 dev lo`);
  inside(remote, `ip addr add ${REMOTE6}/128 dev lo nodad`);
  inside(remote, `ip route add ${VTEP}/32 via 10.1.2.1`);
  inside(remote, `ip -6 route add ${VTEP6}/128 via 2001:db8:2:2::1`);
}

/** A ToR that announces the remote's loopbacks, and one prefix that only it has. `link`: `neighbour` is one, whoever is there. */
export function startTor(
  { tors }: Names,
  i: 0 | 1,
  neighbour: string,
  more: { lines?: string[]; link?: boolean } = {},
): Frr {
  const { asn } = TORS[i];
  const { lines = [], link = false } = more;
  const families = ["ipv4", "ipv6"];
  const networks = {
    ipv4: [...REMOTES.map((address) => `${address}/32`), `172.16.${i + 1}.0/24`],
    ipv6: [`${REMOTE6}/128`],
  };
  inside(tors[i], `ip route add blackhole 172.16.${i + 1}.0/24`);
  return new Frr(
    tors[i],
    [
      `hostname tor${i + 1}`,
      `router bgp ${asn}`,
      ` bgp router-id ${TORS[i].address}`,
      " no bgp default ipv4-unicast",
      " no bgp ebgp-requires-policy",
      ` neighbor ${neighbour} ${link ? "interface remote-as external" : `remote-as ${HOST_ASN}`}`,
      ` neighbor ${neighbour} timers connect 1`,
      ...lines.map((line) => ` ${line}`),
      ...families.flatMap((family) => [
        ` address-family ${family} unicast`,
        ...networks[family as keyof typeof networks].map((prefix) => `  network ${prefix}`),
        `  neighbor ${neighbour} activate`,
        " exit-address-family",
      ]),
      "exit",
      "",
    ].join("\n"),
  );
}

export type Answer = Omit<UnderlayView, "told"> & {
  readonly id: number;
  readonly summary: readonly PeerSummary[];
  readonly told: readonly (readonly [string, readonly string[]])[];
  readonly updates: readonly { readonly peer: string; readonly hex: string }[];
};

/** The underlay of an agent, in the host's namespace. */
export class HostInNamespace {
  readonly #child: ChildProcess;
  readonly #answers: Answer[] = [];
  #queries = 0;

  constructor({ host }: Pick<Names, "host">) {
    const script = new URL("../edge-agent/underlay/underlay-process.ts", import.meta.url).pathname;
    const args = ["netns", "exec", host, process.execPath, "--import", "tsx", script];
    this.#child = spawn("ip", args, { stdio: ["pipe", "pipe", "inherit"] });
    if (!this.#child.stdout) throw new Error("the host has no standard output");
    createInterface({ input: this.#child.stdout }).on("line", (line) => this.#answers.push(JSON.parse(line)));
  }

  tell(command: Command): void {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  async ask(): Promise<Answer> {
    const id = ++this.#queries;
    this.tell({ type: "query", id });
    return await eventually("an answer", () => this.#answers.find((answer) => answer.id === id));
  }

  /** Ends as for a restart: without a word to peers with graceful restart. */
  async stop(): Promise<void> {
    this.tell({ type: "close" });
    await hasEnded(this.#child);
  }

  /** Ends as a crash would. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await hasEnded(this.#child);
  }
}
