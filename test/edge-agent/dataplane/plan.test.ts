// What the reconciler writes for a desired state: properties over random machines and histories on the kernel in memory,
// and the rules that have a reason of their own.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MacTarget } from "../../../edge-agent/dataplane/desired.ts";
import type { Op } from "../../../edge-agent/dataplane/kernel.ts";
import { createMemoryKernel, type MemoryKernel } from "../../../edge-agent/dataplane/memory-kernel.ts";
import type { NetworkState } from "../../../edge-agent/dataplane/state.ts";
import type { IpAddress } from "../../../shared/address/ip.ts";
import type { Mac } from "../../../shared/address/mac.ts";
import { ip, mac, vni } from "../../contract/kernel.ts";
import { desiredStates, disorders, HOST, machine, tamperings } from "./arbitrary.ts";
import { openRig, type Rig } from "./rig.ts";

const before = { inSync: false };
const DELETES = /^(delete|release|rebuild|flush)-/;
const forms = fc.constantFrom("nexthop" as const, "dst" as const);

describe("reconciler: properties", () => {
  it("any machine, any history, either form of tunnels: one pass -> it forwards as desired, and a second writes nothing", async () => {
    await fc.assert(
      fc.asyncProperty(
        disorders,
        desiredStates,
        desiredStates,
        tamperings,
        forms,
        async (disorder, first, second, hands, form) => {
          const kernel = machine(disorder, form);
          const rig = openRig(kernel);
          await rig.want(first.networks);
          for (const op of hands) kernel.tamper(op);
          await rig.want(second.networks);
          for (const network of second.networks) expectForwarding(network, rig);
          expect(rig.last().networks.filter((network) => network.remaining > 0)).toEqual([]);
          expect(await rig.want(second.networks)).toEqual([]);
          // What another process would read of the kernel is what this one has kept in mind.
          const fresh = openRig(kernel);
          expect(await fresh.want(second.networks, before)).toEqual([]);
          const states = (of: Rig) => of.last().networks.map((network) => network.verified);
          expect(states(rig)).toEqual(states(fresh));
        },
      ),
    );
  });

  it("changes by key, in any order and cut anywhere -> the same as the whole state", async () => {
    await fc.assert(
      fc.asyncProperty(disorders, desiredStates, desiredStates, fc.boolean(), async (disorder, first, second, cut) => {
        const [whole, byKey] = [openRig(machine(disorder)), openRig(machine(disorder))];
        await whole.want(first.networks);
        await whole.want(second.networks);
        const old = new Set(second.networks.map((network) => network.vni));
        await byKey.want(first.networks);
        for (const { vni: id } of first.networks) {
          if (!old.has(id)) byKey.reconciler.change([{ vni: id, remove: true }], { inSync: true });
        }
        for (const network of second.networks) {
          const was = first.networks.find((each) => each.vni === network.vni);
          const { local, remote, neighbours, ...frame } = network;
          const gone = <T>(keys: readonly T[] = []) => keys.map((key) => [key, undefined] as const);
          const macs = new Map<Mac, MacTarget | undefined>([
            ...gone([...(was?.local ?? []), ...(was?.remote ?? [])].map((each) => each.mac)),
            ...remote.map((each) => [each.mac, { kind: "remote", vteps: [each.vtep] }] as const),
            ...local.map((each) => [each.mac, { kind: "local", port: each.port }] as const),
          ]);
          const ips = new Map<IpAddress, Mac | undefined>([
            ...gone(was?.neighbours.map((each) => each.ip)),
            ...neighbours.map((each) => [each.ip, each.mac] as const),
          ]);
          byKey.reconciler.change([{ vni: network.vni, macs }], { inSync: true });
          if (cut) await byKey.clock.advance(0);
          byKey.reconciler.change([{ vni: network.vni, neighbours: ips, frame }], { inSync: true });
        }
        await byKey.clock.advance(0);
        const states = (of: Rig) => of.last().networks.map(({ verified, problems }) => ({ verified, problems }));
        expect(states(byKey)).toEqual(states(whole));
      }),
    );
  });

  it("the changes that reports tell -> sum up to what is verified", async () => {
    await fc.assert(
      fc.asyncProperty(
        disorders,
        fc.array(fc.tuple(desiredStates, tamperings), { maxLength: 4 }),
        async (disorder, steps) => {
          const kernel = machine(disorder);
          const rig = openRig(kernel);
          const kept = new Map<number, Map<string, string>>();
          const digest = (id: number) => {
            const now = rig.reconciler.verified(vni(id));
            const all = new Map<string, string>();
            for (const [key, target] of now?.macs() ?? []) all.set(key, JSON.stringify(target));
            for (const [key, value] of now?.neighbours() ?? []) all.set(key, value);
            return all;
          };
          rig.reconciler.onReport((report) => {
            for (const [id, change] of report.changed) {
              const now = rig.reconciler.verified(id);
              if (!now || change.whole) {
                kept.set(id, digest(id));
                continue;
              }
              const lines = kept.get(id) ?? new Map<string, string>();
              kept.set(id, lines);
              const put = (key: string, then: string | undefined, value: string | undefined) => {
                expect(lines.get(key)).toBe(then);
                if (value === undefined) lines.delete(key);
                else lines.set(key, value);
              };
              for (const [key, then] of change.macs) put(key, then && JSON.stringify(then), text(now.mac(key)));
              for (const [key, then] of change.neighbours) put(key, then, now.neighbour(key));
            }
          });
          for (const [desired, hands] of steps) {
            await rig.want(desired.networks);
            for (const op of hands) kernel.tamper(op);
            await rig.clock.advance(100);
          }
          for (const [id, lines] of kept) expect(lines).toEqual(digest(id));
        },
      ),
    );
  });

  it("never touches a device of others", async () => {
    await fc.assert(
      fc.asyncProperty(disorders, desiredStates, desiredStates, async (disorder, first, second) => {
        const kernel = machine(disorder);
        const rig = openRig(kernel);
        const { foreign } = await kernel.readHost();
        const taken = new Set(disorder.interfaces.filter((each) => each.master).map((each) => each.name));
        for (const networks of [first.networks, second.networks, []]) {
          for (const op of await rig.want(networks)) {
            expect(foreign.map((device) => device.name)).not.toContain("name" in op ? op.name : undefined);
            expect(taken.has("port" in op ? op.port : "name" in op ? op.name : "")).toBe(false);
          }
        }
        expect((await kernel.readHost()).foreign).toEqual(foreign);
      }),
    );
  });

  it("before it may delete: takes nothing away; once it may: ends where it would have ended", async () => {
    await fc.assert(
      fc.asyncProperty(disorders, desiredStates, desiredStates, async (disorder, first, second) => {
        const [patient, at] = [openRig(machine(disorder)), openRig(machine(disorder))];
        await patient.want(first.networks);
        await at.want(first.networks);
        const ops = await patient.want(second.networks, before);
        expect(ops.filter((op) => DELETES.test(op.kind))).toEqual([]);
        expect(await patient.want(second.networks, before)).toEqual([]);
        const waiting = patient.last().networks.some((network) => network.withheld > 0);
        const later = await patient.want(second.networks);
        // Groups of nexthops that nobody uses are nobody's entries: they are swept without being announced.
        if (waiting) expect(later).not.toEqual([]);
        else if (!unusable(patient)) expect(later.filter((op) => op.kind !== "delete-tunnel")).toEqual([]);
        await at.want(second.networks);
        const states = (of: Rig) => of.last().networks.map((network) => network.verified);
        expect(states(patient)).toEqual(states(at));
      }),
    );
  });

  it("a port that is the host's own link to a BGP peer -> stays off the bridge, and it is said; on it already -> it is taken off", async () => {
    const kernel = createMemoryKernel({ vtep: HOST });
    for (const port of ["eth0", "tap2"]) kernel.addInterface(port, { up: true });
    const [own, other] = [mac("02:00:00:00:00:01"), mac("02:00:00:00:00:02")];
    const network: NetworkState = {
      vni: vni(100),
      owner: "overspan net=blue tenant=acme",
      vtep: HOST,
      ports: [{ name: "eth0" }, { name: "tap2" }],
      local: [
        { mac: own, port: "eth0" },
        { mac: other, port: "tap2" },
      ],
      remote: [],
      flood: [],
      neighbours: [],
    };
    const rig = openRig(kernel);
    await rig.want([{ ...network, uplinks: ["eth0"] }]);
    expect(rig.report(100)?.problems).toEqual([{ kind: "port-uplink", vni: 100, port: "eth0" }]);
    expect(rig.report(100)?.verified?.ports).toEqual([{ name: "tap2" }]);
    await rig.want([network]);
    expect(rig.report(100)?.verified?.ports).toEqual([{ name: "eth0" }, { name: "tap2" }]);
    const ops = await rig.want([{ ...network, uplinks: ["eth0"] }]);
    expect(ops).toEqual([{ kind: "release-port", vni: 100, name: "eth0", bridge: "ovbr100" }]);
  });

  it("a VNI is another network's from now on -> its devices are made anew before a port comes on; not before it may delete", async () => {
    const kernel = createMemoryKernel({ vtep: HOST });
    for (const port of ["tap1", "tap2"]) kernel.addInterface(port, { up: true });
    const network = (name: string, port: string): NetworkState => ({
      vni: vni(100),
      owner: `overspan net=${name} tenant=${name}`,
      vtep: HOST,
      ports: [{ name: port }],
      local: [{ mac: mac("02:00:00:00:00:01"), port }],
      remote: [],
      flood: [],
      neighbours: [],
    });
    const [blue, red] = [network("blue", "tap1"), network("red", "tap2")];
    await openRig(kernel).want([blue]);
    // Another process, so that nothing is known but what the kernel has.
    const rig = openRig(kernel);
    expect(await rig.want([red], before)).toEqual([]);
    expect(rig.report(100)).toMatchObject({
      unfinished: true,
      problems: [{ device: "ovbr100", owner: "net=blue tenant=blue" }],
    });
    expect((await kernel.dump()).networks[0]?.ports.map(({ name }) => name)).toEqual(["tap1"]);
    const ops = await rig.want([red]);
    expect(ops.slice(0, 2).map(({ kind }) => kind)).toEqual(["delete-link", "delete-link"]);
    expect(ops.filter((op) => op.kind === "release-port")).toEqual([]);
    expectForwarding(red, rig);
    expect(rig.report(100)).toMatchObject({ unfinished: false, remaining: 0, problems: [] });
    // That another hand writes another's name on it is mended in place.
    kernel.tamper({ kind: "set-link", vni: vni(100), name: "ovbr100", owner: blue.owner });
    const mended = await rig.want([red]);
    expect(mended.map(({ kind }) => kind)).toEqual(["set-link"]);
  });

  it("nothing desired -> every device of ours is gone, and every group of nexthops", async () => {
    await fc.assert(
      fc.asyncProperty(disorders, desiredStates, async (disorder, desired) => {
        const kernel = machine(disorder);
        const rig = openRig(kernel);
        await rig.want(desired.networks);
        await rig.want([]);
        expect((await kernel.dump()).networks).toEqual([]);
        expect(kernel.tunnels()).toEqual([]);
      }),
    );
  });
});

function text(target: unknown): string | undefined {
  return target === undefined ? undefined : JSON.stringify(target);
}

function unusable(rig: Rig): boolean {
  return (
    rig.reports.at(-2)?.networks.some((network) => network.problems.some((each) => each.kind === "device-unusable")) ??
    false
  );
}

/** What is read back is what was desired, less what a reported problem explains. */
function expectForwarding(desired: NetworkState, rig: Rig): void {
  const report = rig.report(desired.vni);
  const verified = report?.verified;
  if (!verified) return expect(report?.problems.length).toBeGreaterThan(0);
  const here = new Set(desired.local.map((entry) => entry.mac));
  const ports = new Set(verified.ports.map((port) => port.name));
  expect(new Set(verified.flood)).toEqual(new Set(desired.flood));
  expect(new Set(verified.neighbours)).toEqual(new Set(desired.neighbours));
  expect(new Set(verified.remote)).toEqual(new Set(desired.remote.filter((entry) => !here.has(entry.mac))));
  expect(new Set(verified.local)).toEqual(new Set(desired.local.filter((entry) => ports.has(entry.port))));
  expect(verified).toMatchObject({ vtep: desired.vtep, owner: desired.owner, mtuBytes: desired.mtuBytes ?? 1450 });
}

const ONE = mac("02:00:00:00:00:01");
const TWO = mac("02:00:00:00:00:02");
const BLUE: NetworkState = {
  vni: vni(100),
  owner: "overspan net=blue tenant=acme",
  vtep: HOST,
  mtuBytes: 1400,
  ports: [{ name: "tap1" }],
  local: [{ mac: ONE, port: "tap1" }],
  remote: [{ mac: TWO, vtep: ip("192.0.2.2") }],
  flood: [ip("192.0.2.2")],
  neighbours: [],
};

describe("reconciler: rules", () => {
  const kinds = (ops: readonly Op[]): string[] => ops.map((op) => op.kind);
  const blank = (options: Parameters<typeof createMemoryKernel>[0] = {}): MemoryKernel => {
    const kernel = createMemoryKernel({ vtep: HOST, ...options });
    kernel.addInterface("tap1");
    return kernel;
  };
  const prepared = async (kernel = blank()): Promise<Rig> => {
    const rig = openRig(kernel);
    await rig.want([BLUE]);
    return rig;
  };
  const change = (rig: Rig, network: Partial<NetworkState>, options = { inSync: true }) =>
    rig.want([{ ...BLUE, ...network }], options);

  it("a network -> devices, ports, entries, neighbours, in this order", async () => {
    const rig = openRig(blank());
    const ops = await rig.want([{ ...BLUE, neighbours: [{ ip: ip("10.0.0.1"), mac: ONE }] }]);
    expect(kinds(ops)).toEqual([
      "add-bridge",
      "add-vxlan",
      "attach-port",
      "attach-port",
      "add-flood",
      "replace-remote-entry",
      "replace-bridge-entry",
      "replace-neighbour",
    ]);
  });

  it("an endpoint moves away -> one replace of both halves, then its port is released", async () => {
    const moved = { mac: ONE, vtep: ip("192.0.2.3") };
    const ops = await change(await prepared(), { local: [], ports: [], remote: [...BLUE.remote, moved] });
    expect(kinds(ops)).toEqual(["replace-remote-entry", "release-port"]);
  });

  it("an endpoint arrives -> the bridge entry is replaced before the tunnel entry goes", async () => {
    const arrived = { mac: TWO, port: "tap1" };
    const ops = await change(await prepared(), { local: [...BLUE.local, arrived], remote: [] });
    expect(kinds(ops)).toEqual(["replace-bridge-entry", "delete-tunnel"]);
  });

  it("an endpoint arrives before deletions are allowed -> it is local all the same, the rest waits", async () => {
    const arrived = { mac: TWO, port: "tap1" };
    const rig = await prepared();
    const ops = await change(rig, { local: [...BLUE.local, arrived], remote: [] }, before);
    expect(kinds(ops)).toEqual(["replace-bridge-entry"]);
    expect(rig.report(100)).toMatchObject({ withheld: 1, remaining: 0 });
  });

  it("a VTEP is withdrawn -> one op for all its tunnels, then the bridge's halves; no flood entry is hit", async () => {
    const many = Array.from({ length: 50 }, (_, i) => mac(`02:00:00:00:01:${(16 + i).toString(16)}`));
    const remote = many.map((each) => ({ mac: each, vtep: ip("192.0.2.3") }));
    const flood = [ip("192.0.2.2"), ip("192.0.2.3")];
    for (const [tunnelForm, first] of [
      ["nexthop", "delete-tunnel"],
      ["dst", "flush-vtep"],
    ] as const) {
      const rig = await prepared(blank({ tunnelForm }));
      await change(rig, { remote: [...BLUE.remote, ...remote], flood });
      const ops = await change(rig, { flood });
      expect([ops[0]?.kind, ops.filter((op) => op.kind === "delete-bridge-entry").length]).toEqual([first, 50]);
      expect(rig.report(100)?.verified).toMatchObject({ remote: BLUE.remote, flood });
      expect(rig.last().counters.drift).toBe(0);
    }
  });

  it("a VTEP is withdrawn but for what it knows by another VNI -> one by one, and that stays", async () => {
    const many = Array.from({ length: 50 }, (_, i) => mac(`02:00:00:00:01:${(16 + i).toString(16)}`));
    const remote = many.map((each) => ({ mac: each, vtep: ip("192.0.2.3") }));
    const other = { mac: TWO, vtep: ip("192.0.2.3"), vni: vni(7000) };
    const rig = await prepared(blank({ tunnelForm: "dst" }));
    await change(rig, { remote: [...remote, other] });
    const ops = await change(rig, { remote: [other] });
    expect(ops.some((op) => op.kind === "flush-vtep")).toBe(false);
    expect(rig.report(100)?.verified?.remote).toEqual([other]);
  });

  it("a multihomed segment -> all its VTEPs; without nexthops the first", async () => {
    const remote = [{ mac: TWO, vtep: ip("192.0.2.2"), vteps: [ip("192.0.2.2"), ip("192.0.2.3")] }];
    const rig = await prepared();
    await change(rig, { remote });
    expect(rig.report(100)?.verified?.remote).toEqual(remote);
    expect(rig.kernel.tunnels().map((tunnel) => tunnel.vteps)).toEqual([["192.0.2.2", "192.0.2.3"]]);
    const plain = await prepared(blank({ tunnelForm: "dst" }));
    await change(plain, { remote });
    expect(plain.report(100)?.verified?.remote).toEqual([{ mac: TWO, vtep: "192.0.2.2" }]);
  });

  it("a VNI of the other side's -> a plain destination with it; one that is our own -> none", async () => {
    const rig = await prepared();
    const [op] = await change(rig, { remote: [{ mac: TWO, vtep: ip("192.0.2.2"), vni: vni(7000) }] });
    expect(op).toMatchObject({ tunnel: { form: "dst", vteps: ["192.0.2.2"], vni: 7000 } });
    expect(rig.report(100)?.verified?.remote).toEqual([{ mac: TWO, vtep: "192.0.2.2", vni: 7000 }]);
    await change(rig, { remote: [{ mac: TWO, vtep: ip("192.0.2.2"), vni: vni(100) }] });
    expect(rig.report(100)?.verified?.remote).toEqual(BLUE.remote);
  });

  it("entries of an agent without nexthops -> turned one by one, the rest adopted", async () => {
    const old = await prepared(blank({ tunnelForm: "dst" }));
    const rig = openRig({ ...old.kernel, tunnelForm: "nexthop" });
    expect(await rig.want([BLUE], before)).toMatchObject([
      { kind: "replace-vxlan-entry", before: { form: "dst" }, tunnel: { form: "nexthop" } },
    ]);
  });

  it("a port is not there yet -> a problem, no op; when it is there -> attach and entry", async () => {
    const rig = await prepared();
    const wanted = { local: [...BLUE.local, { mac: mac("02:00:00:00:00:07"), port: "tap7" }] };
    expect(await change(rig, wanted)).toEqual([]);
    expect(rig.report(100)?.problems).toEqual([{ kind: "port-missing", vni: 100, port: "tap7" }]);
    rig.kernel.addInterface("tap7");
    expect(kinds(await change(rig, wanted))).toEqual(["attach-port", "replace-bridge-entry"]);
  });

  it("what the bridge learned stays, unless it is a declared MAC on the wrong port", async () => {
    const rig = await prepared();
    rig.kernel.learn("ovbr100", mac("02:00:00:00:00:55"), "tap1");
    expect(await change(rig, {})).toEqual([]);
    rig.kernel.learn("ovbr100", TWO, "tap1");
    expect(kinds(await change(rig, {}))).toEqual(["replace-bridge-entry"]);
  });

  it("a device of others has the VNI -> that network waits, others go on", async () => {
    const kernel = blank();
    kernel.addForeign({ name: "theirs", kind: "vxlan", vni: vni(200), udpPort: 4789 });
    const rig = openRig(kernel);
    await rig.want([BLUE, { ...BLUE, vni: vni(200), ports: [], local: [] }]);
    expect(rig.report(200)).toMatchObject({
      problems: [{ kind: "foreign-device", vni: 200, device: "theirs", clash: "vni" }],
      remaining: 0,
    });
    expect(rig.report(100)?.verified).toEqual(BLUE);
  });

  it("two networks want one port -> the lower VNI has it", async () => {
    const rig = openRig(blank());
    await rig.want([{ ...BLUE, vni: vni(200) }, BLUE]);
    expect(rig.report(200)?.problems).toEqual([{ kind: "port-claimed-twice", vni: 200, port: "tap1", holder: 100 }]);
    expect((await rig.kernel.readHost()).interfaces).toMatchObject([{ name: "tap1", master: "ovbr100" }]);
  });

  it.each([
    [{ master: "docker0" }, { kind: "port-taken", vni: 100, port: "tap1", master: "docker0" }],
    [{ addressed: true }, { kind: "port-addressed", vni: 100, port: "tap1" }],
  ])("a port with %j -> left there, and told", async (options, problem) => {
    const kernel = createMemoryKernel({ vtep: HOST });
    kernel.addInterface("tap1", options);
    const rig = openRig(kernel);
    const ops = await rig.want([BLUE]);
    expect(rig.report(100)?.problems).toEqual([problem]);
    expect(ops.some((op) => ("port" in op && op.port === "tap1") || ("name" in op && op.name === "tap1"))).toBe(false);
  });

  it("a port changes its network -> attached to the other bridge in one step", async () => {
    const rig = await prepared();
    const green = { ...BLUE, vni: vni(200) };
    const emptied = { ...BLUE, ports: [], local: [] };
    await rig.want([emptied, green]);
    expect((await rig.kernel.readHost()).interfaces).toMatchObject([{ name: "tap1", master: "ovbr200" }]);
    expect(await rig.want([emptied, green])).toEqual([]);
  });

  it("the own VTEP among the remote ones -> nothing is tunnelled to ourselves", async () => {
    const toOurselves = { mac: mac("02:00:00:00:00:09"), vtep: HOST };
    const rig = await prepared();
    expect(await change(rig, { flood: [...BLUE.flood, HOST], remote: [...BLUE.remote, toOurselves] })).toEqual([]);
    const both = { mac: TWO, vtep: HOST, vteps: [HOST, ip("192.0.2.2")] };
    expect(await change(rig, { remote: [both] })).toEqual([]);
  });

  it("a bridge's MAC of the network's own -> set at creation, and changed in place", async () => {
    const anycast = mac("00:00:5e:00:01:01");
    const rig = openRig(blank());
    await rig.want([{ ...BLUE, bridgeMac: anycast }]);
    expect((await rig.kernel.readHost()).networks[0]?.bridge?.mac).toBe(anycast);
    expect(await change(rig, {})).toMatchObject([{ kind: "set-link", name: "ovbr100", mac: "06:6f:00:00:64:01" }]);
  });

  it("source ports -> at creation; a device with other ones is rebuilt once it may", async () => {
    const rig = await prepared();
    const sourcePorts = { low: 50_000, high: 60_000 };
    expect(await change(rig, { sourcePorts }, before)).toEqual([]);
    expect(rig.report(100)?.problems).toEqual([{ kind: "device-unusable", vni: 100, device: "ovx100" }]);
    expect(kinds(await change(rig, { sourcePorts }))).toContain("rebuild-vxlan");
    expect(await change(rig, { sourcePorts })).toEqual([]);
    expect(rig.report(100)?.verified).toEqual(BLUE);
  });

  it("source ports: no longer asked for -> the device is rebuilt without them once it may", async () => {
    const rig = openRig(blank());
    await rig.want([{ ...BLUE, sourcePorts: { low: 50_000, high: 60_000 } }]);
    expect(await change(rig, {}, before)).toEqual([]);
    expect(rig.report(100)?.problems).toEqual([{ kind: "device-unusable", vni: 100, device: "ovx100" }]);
    expect(kinds(await change(rig, {}))).toContain("rebuild-vxlan");
    expect((await rig.kernel.readHost()).networks[0]?.vxlan?.sourcePorts).toBeUndefined();
    expect(await change(rig, {})).toEqual([]);
    expect(rig.report(100)?.verified).toEqual(BLUE);
  });

  it("MTU: absent -> the underlay's less 50 (IPv4) or 70 (IPv6); too large -> clamped and told", async () => {
    const six = ip("2001:db8::1");
    const mtuOf = async (network: Partial<NetworkState>, prepare: (kernel: MemoryKernel) => void = () => undefined) => {
      const kernel = createMemoryKernel({ vtep: HOST });
      kernel.setAddress(six, 9000);
      prepare(kernel);
      const rig = openRig(kernel);
      await rig.want([{ ...BLUE, ports: [], local: [], ...network }]);
      return [rig.report(100)?.verified?.mtuBytes, rig.report(100)?.problems];
    };
    expect(await mtuOf({ mtuBytes: undefined })).toEqual([1450, []]);
    expect(await mtuOf({ mtuBytes: undefined, vtep: six })).toEqual([8930, []]);
    const clamped = [{ kind: "mtu-too-large", vni: 100, wantedBytes: 1500, possibleBytes: 1450 }];
    expect(await mtuOf({ mtuBytes: 1500 })).toEqual([1450, clamped]);
    const missing = ip("192.0.2.77");
    expect(await mtuOf({ mtuBytes: 1500, vtep: missing })).toEqual([
      1500,
      [{ kind: "vtep-missing", vni: 100, vtep: missing }],
    ]);
    // On a loopback the ways to the other VTEPs count; as long as there are none, the usual is assumed.
    const onLoopback = (mtu?: number) => (kernel: MemoryKernel) => {
      kernel.setAddress(HOST, undefined);
      if (mtu !== undefined) kernel.setPathMtu(ip("192.0.2.2"), mtu);
    };
    expect(await mtuOf({ mtuBytes: undefined }, onLoopback())).toEqual([1450, []]);
    expect(await mtuOf({ mtuBytes: undefined }, onLoopback(9100))).toEqual([9050, []]);
    expect(await mtuOf({ mtuBytes: 1500 }, onLoopback(1500))).toEqual([1450, clamped]);
  });

  it("the VTEP changes its family -> the network waits until it may delete, then the device is rebuilt", async () => {
    const rig = await prepared();
    const six = ip("2001:db8::1");
    rig.kernel.setAddress(six, 1500);
    expect(await change(rig, { vtep: six }, before)).toEqual([]);
    expect(rig.report(100)?.problems).toEqual([{ kind: "device-unusable", vni: 100, device: "ovx100" }]);
    await change(rig, { vtep: six });
    expect(await change(rig, { vtep: six })).toEqual([]);
    expect(rig.report(100)?.verified?.remote).toEqual(BLUE.remote);
  });

  it("a VNI desired twice -> the first counts, and it is told", async () => {
    const rig = await prepared();
    expect(await rig.want([BLUE, { ...BLUE, remote: [] }])).toEqual([]);
    expect(rig.report(100)?.problems).toEqual([{ kind: "vni-claimed-twice", vni: 100 }]);
  });
});
