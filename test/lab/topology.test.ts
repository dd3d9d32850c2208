import { describe, expect, test } from "vitest";
import { bgpdConfig } from "../../lab/frr-config.ts";
import { batches } from "../../lab/netns.ts";
import { fabricSteps, machineSteps, moveSteps, type Step } from "../../lab/steps.ts";
import {
  buildMachine,
  buildTopology,
  DEFAULT_MACHINES,
  DEFAULT_TOPOLOGY,
  fabricNamespaces,
} from "../../lab/topology.ts";

const topology = buildTopology(DEFAULT_TOPOLOGY);
const hosts = topology.sites.flatMap((site) => site.hosts);

describe("topology", () => {
  test("topology: defaults -> two sites, four hosts, iBGP in one and an AS per host in the other", () => {
    expect(topology.sites.map(({ id, peering, tor }) => [id, peering, tor.asn])).toEqual([
      ["s1", "ibgp", 65001],
      ["s2", "ebgp", 65002],
    ]);
    expect(hosts.map(({ id, asn, torAsn }) => [id, asn, torAsn])).toEqual([
      ["s1-h1", 65001, 65001],
      ["s1-h2", 65001, 65001],
      ["s2-h1", 65021, 65002],
      ["s2-h2", 65022, 65002],
    ]);
  });

  test("topology: every address is there once", () => {
    const addresses = [
      ...hosts.flatMap((host) => [host.vtep, host.underlayAddress, host.torAddress, host.mgmt]),
      ...topology.sites.flatMap(({ tor, bareMetal }) => [tor.loopback, tor.wanAddress, tor.wanGateway, bareMetal.ip]),
      ...DEFAULT_MACHINES.map(({ ip }) => ip),
      topology.management.rootAddress,
    ];
    expect(new Set(addresses).size).toBe(addresses.length);
    expect(addresses.length).toBe(4 * 4 + 2 * 4 + 5 + 1);
  });

  test.each(["", "ovl", "-", "Ovl-", "ovl lab-", "toolong-", "../-"])("topology: prefix %j -> refused", (prefix) => {
    expect(() => buildTopology({ ...DEFAULT_TOPOLOGY, prefix })).toThrow(/prefix/);
  });

  test.each(["", "a b", "../x", "twelve-chars", "UP"])("machine: name %j -> refused", (name) => {
    const spec = { name, host: "s1-h1", ip: "10.100.0.9", mac: "02:00:00:00:00:09" };
    expect(() => buildMachine(DEFAULT_TOPOLOGY, spec)).toThrow(/machine's name/);
  });

  test("machine: longest name -> its tap is a valid interface name", () => {
    const spec = { name: "eleven-char", host: "s1-h1", ip: "10.100.0.9", mac: "02:00:00:00:00:09" };
    expect(buildMachine(DEFAULT_TOPOLOGY, spec).tap).toHaveLength(15);
  });
});

describe("steps", () => {
  const machines = DEFAULT_MACHINES.map((spec) => buildMachine(DEFAULT_TOPOLOGY, spec));
  const namespaceOf = (id: string) => hosts.find((host) => host.id === id)?.namespace as string;
  const all = [
    ...fabricSteps(topology),
    ...machines.flatMap((machine) => machineSteps(machine, namespaceOf(machine.host))),
  ];

  test("steps: all of them -> every namespace bears the prefix and is made before it is used", () => {
    const made = new Set<string>();
    for (const step of all) {
      if (step.kind === "ip" && step.args[0] === "netns") made.add(step.args[2] as string);
      const peer = step.kind === "ip" ? step.args.indexOf("netns") : -1;
      const used = [step.namespace, step.kind === "ip" && peer > 0 ? step.args[peer + 1] : undefined];
      for (const name of used) if (name !== undefined) expect(made).toContain(name);
    }
    expect([...made].every((name) => name.startsWith("ovl-"))).toBe(true);
    expect([...made].sort()).toEqual([...fabricNamespaces(topology), ...machines.map((m) => m.namespace)].sort());
  });

  test("steps: in the root namespace -> only namespaces and the one management link are touched", () => {
    const inRoot = all.flatMap((step) => (step.kind === "ip" && step.namespace === undefined ? [step] : []));
    const touched = inRoot.filter(({ args }) => args[0] !== "netns").map(({ args }) => args.join(" "));
    expect(touched.length).toBeGreaterThan(3);
    for (const command of touched) expect(command).toMatch(/ (name|dev) ovl-mgmt( |$)/);
  });

  test("steps: every link -> its name fits the kernel's 15 characters, also with the largest VNI", () => {
    const vni = 16777215 as typeof DEFAULT_TOPOLOGY.vni;
    const steps = fabricSteps(buildTopology({ ...DEFAULT_TOPOLOGY, prefix: "ovltt-", vni }));
    const names = steps.flatMap((step) => (step.kind === "ip" ? linkNames(step.args) : []));
    expect(names.length).toBeGreaterThan(20);
    for (const name of names) expect(name.length).toBeLessThanOrEqual(15);
  });

  test("steps: overlay links -> addrgenmode none before they are up, since ND would add MACs", () => {
    const commands = all.map((step) => (step.kind === "ip" ? step.args.join(" ") : ""));
    const ups = commands.filter((command) => command.endsWith(" up") && !command.startsWith("link set lo"));
    const apart = ups.filter((command) => !command.includes("addrgenmode none"));
    for (const command of apart) {
      const device = /dev (\S+)/.exec(command)?.[1] as string;
      const set = commands.findIndex((other) => other.includes(`dev ${device} `) && other.includes("addrgenmode none"));
      expect(set).toBeGreaterThanOrEqual(0);
      expect(set).toBeLessThan(commands.indexOf(command));
    }
  });

  test("steps: move -> the tap leaves first, and is up again at the other host", () => {
    expect(moveSteps("tap-m1", "ovl-s1-h1", "ovl-s2-h1").map((step) => [step.namespace, text(step)])).toEqual([
      ["ovl-s1-h1", "link set dev tap-m1 netns ovl-s2-h1"],
      ["ovl-s2-h1", "link set dev tap-m1 addrgenmode none up"],
    ]);
  });

  test("batches: runs of one namespace together, sysctls alone, order kept", () => {
    const ip = (namespace: string | undefined, name: string): Step => ({ kind: "ip", namespace, args: [name] });
    const sysctl: Step = { kind: "sysctl", namespace: "a", key: "k", value: "1" };
    const steps = [ip("a", "1"), ip("a", "2"), sysctl, ip("a", "3"), ip(undefined, "4"), ip(undefined, "5")];
    expect(batches(steps).map((batch) => batch.length)).toEqual([2, 1, 1, 2]);
    expect(batches(steps).flat()).toEqual(steps);
  });
});

describe("frr-config", () => {
  const [s1, s2] = topology.sites.map((site) => bgpdConfig(topology, site));

  test("frr-config: iBGP site -> reflector for its hosts, session to the other ToR", () => {
    expect(s1).toContain("neighbor 198.18.1.131 remote-as 65001\n");
    expect(s1).toContain("  neighbor 198.18.1.131 route-reflector-client\n");
    expect(s1).toContain("neighbor 198.18.2.1 remote-as 65002\n");
    expect(s1).not.toContain("neighbor 198.18.2.1 route-reflector-client");
  });

  test("frr-config: eBGP site -> no policy demanded, no reflection (RFC 8212, 4456)", () => {
    expect(s2).toContain(" no bgp ebgp-requires-policy\n");
    expect(s2).toContain("neighbor 198.18.2.131 remote-as 65021\n");
    expect(s2).toContain("neighbor 198.18.2.133 remote-as 65022\n");
    expect(s2).not.toMatch(/route-reflector-client|cluster-id/);
  });
});

function text(step: Step): string {
  return step.kind === "ip" ? step.args.join(" ") : step.key;
}

function linkNames(args: readonly string[]): string[] {
  if (args[0] !== "link" || args[1] !== "add") return [];
  return args.filter((_, index) => args[index - 1] === "name");
}
