// Whatever changes, in whatever order: what the lane has told the kernel and the ToRs is what the definition makes of the
// intent and the routes that are held then.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { routeKey } from "../../../edge-agent/bgp/route.ts";
import type { NetworkState } from "../../../edge-agent/dataplane/state.ts";
import type { MacTable } from "../../../edge-agent/evpn/mac-table.ts";
import { nextHopList } from "../../../edge-agent/evpn/policy.ts";
import { viewIntent } from "../../../edge-agent/intent/view.ts";
import { createTrust } from "../../../edge-agent/lane/trust.ts";
import { kernelDigest } from "../../../edge-agent/report/kernel-digest.ts";
import { buildOverlay, type Overlay } from "../../../edge-agent/overlay.ts";
import type { IpAddress } from "../../../shared/address/ip.ts";
import type { Prefix } from "../../../shared/address/prefix.ts";
import type { RouteTarget } from "../../../shared/address/rt.ts";
import type { Asn, Vni } from "../../../shared/address/vni.ts";
import { networkChannel } from "../../../shared/model/record.ts";
import { adRoute, ESI_A, HIGH, LOW, macOf, macRoute, OWN } from "../evpn/fabric-routes.ts";
import { networkWorld, toldState } from "./network-world.ts";

type World = ReturnType<typeof networkWorld>;
type Trust = ReturnType<typeof createTrust>;
type Step = { readonly name: string; readonly act: (world: World, trust: Trust) => void };

const FABRIC_VTEPS = ["192.0.2.0/29", `${HIGH}/32`] as Prefix[];
const FAR = "198.51.100.1" as IpAddress;
const OTHER_OWN = "192.0.2.6" as IpAddress;
const IPS = ["10.0.0.1", "10.0.0.2", "2001:db8::1"] as IpAddress[];

const network = fc.constantFrom("blue", "red");
const mac = fc.integer({ min: 1, max: 5 }).map(macOf);
const ips = fc.uniqueArray(fc.constantFrom(...IPS), { maxLength: 2 });
const hosts = fc.constantFrom("h1", "h2", "h3");
const rt = (...texts: string[]) => texts as RouteTarget[];
const targets = fc.constantFrom(rt("65001:100"), rt("65001:200"), rt("65002:100", "65001:200"), rt("65009:1"));

const endpoint = fc
  .record({
    network,
    id: fc.constantFrom("e1", "e2", "e3", "e4"),
    body: fc.option(
      fc.record({
        host: hosts,
        mac,
        ips,
        port: fc.constantFrom("tap1", "tap2"),
        mobility: fc.integer({ min: 0, max: 3 }),
      }),
      { nil: undefined },
    ),
  })
  .map(
    ({ network: id, id: key, body }): Step => ({
      name: `endpoint ${id} ${key} ${JSON.stringify(body)}`,
      act: (world) => world.put(networkChannel(id), `endpoint/${key}`, body),
    }),
  );

const member = fc
  .record({
    network,
    host: hosts,
    body: fc.option(fc.record({ address: fc.constantFrom(OWN, LOW, HIGH), asn: fc.constantFrom(65001, 65002) }), {
      nil: undefined,
    }),
  })
  .map(
    ({ network: id, host, body }): Step => ({
      name: `vtep ${id} ${host} ${JSON.stringify(body)}`,
      act: (world) =>
        world.put(
          networkChannel(id),
          `vtep/${host}`,
          body && { site: "ams", address: body.address, asns: [body.asn as Asn] },
        ),
    }),
  );

const definition = fc
  .record({
    network,
    exists: fc.boolean(),
    otherVni: fc.boolean(),
    mtuBytes: fc.constantFrom(undefined, 1400),
    routeTargets: fc.option(fc.record({ import: targets, export: targets }), { nil: undefined }),
  })
  .map(({ network: id, exists, otherVni, mtuBytes, routeTargets }): Step => {
    // The second VNI of the one has the low 16 bits of the first of the other: RDs shift.
    const vni = (id === "blue" ? (otherVni ? 65736 : 100) : otherVni ? 65636 : 200) as Vni;
    const body = { tenant: "acme", name: id, vni, subnets: [], mtuBytes, routeTargets };
    return {
      name: `network ${id} ${exists ? JSON.stringify(body) : "gone"}`,
      act: (world) => world.put(networkChannel(id), "network", exists ? body : undefined),
    };
  });

const carried = fc.record({ network, as: fc.constantFrom({}, {}, { routed: true }, undefined) }).map(
  ({ network: id, as }): Step => ({
    name: `carried ${id} ${JSON.stringify(as)}`,
    act: (world) => world.put("host:h1", `network/${id}`, as),
  }),
);

const hostRecord = fc
  .record({ vtep: fc.constantFrom(OWN, OWN, OTHER_OWN), bgp: fc.boolean(), asn: fc.constantFrom(65001, 65002) })
  .map(
    ({ vtep, bgp, asn }): Step => ({
      name: `host ${vtep} ${bgp ? asn : "no bgp"}`,
      act: (world) =>
        world.put("host:h1", "host", { site: "ams", vtep, ...(bgp && { bgp: { asn: asn as Asn, peers: [] } }) }),
    }),
  );

const path = {
  routeTargets: fc.constantFrom(
    rt("65001:100"),
    rt("65001:200"),
    rt("65002:100"),
    rt("65001:100", "65001:200"),
    rt("65009:1"),
  ),
  peer: fc.constantFrom(...(["192.0.2.254", "192.0.2.253"] as IpAddress[])),
};
const anyRoute = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .record({
        ...path,
        n: fc.integer({ min: 1, max: 5 }),
        vtep: fc.constantFrom(LOW, HIGH, OWN, FAR),
        ip: fc.option(fc.constantFrom(...IPS), { nil: undefined }),
        sequence: fc.constantFrom(0, 0, 1, 2, 5),
        sticky: fc.constantFrom(false, false, false, true),
        defaultGateway: fc.constantFrom(false, false, false, true),
        immutable: fc.boolean(),
        esi: fc.constantFrom(undefined, undefined, ESI_A),
      })
      .map(({ n, vtep, ip, immutable, esi, ...extra }) =>
        macRoute(n, vtep, {
          ...extra,
          ...(ip !== undefined && { ip }),
          ...(esi !== undefined && { esi }),
          arpNd: { router: false, override: false, immutable },
        }),
      ),
  },
  fc
    .record({
      ...path,
      vtep: fc.constantFrom(LOW, HIGH),
      scope: fc.constantFrom("per-segment" as const, "per-evi" as const),
      singleActive: fc.boolean(),
    })
    .map(({ vtep, scope, singleActive, ...extra }) => ({
      ...adRoute(vtep, scope, singleActive),
      ...extra,
    })),
  fc.record({ ...path, vtep: fc.constantFrom(LOW, HIGH, OWN, FAR) }).map(({ vtep, ...extra }) => ({
    ...macRoute(0, vtep, extra),
    nlri: { type: "imet", rd: macRoute(0, vtep).nlri.rd, ethernetTag: 0, originator: vtep } as const,
  })),
);
const routes = fc.array(anyRoute, { minLength: 1, maxLength: 3 }).chain((list) =>
  fc.boolean().map(
    (announced): Step => ({
      name: `${announced ? "announce" : "withdraw"} ${list.map(({ nlri }) => routeKey(nlri)).join(" ")}`,
      act: (world) => (announced ? world.announce(...list) : world.withdraw(...list)),
    }),
  ),
);
const withdrawal = fc.array(fc.nat(), { minLength: 1, maxLength: 3 }).map(
  (picks): Step => ({
    name: `withdraw of those held ${picks.join(" ")}`,
    act: (world) => {
      const held = world.announced();
      if (held.length > 0) world.withdraw(...picks.flatMap((pick) => held[pick % held.length] ?? []));
    },
  }),
);
const cloud = fc.boolean().map(
  (current): Step => ({
    name: current ? "the cloud is heard" : "the cloud is away",
    act: (world, trust) => {
      world.heard(current);
      trust.heard(current, world.nowMs());
    },
  }),
);
const time = fc.constantFrom(0, 500, 1000, 40_000, 200_000, 600_000).map(
  (ms): Step => ({
    name: `wait ${ms}`,
    act: (world) => world.wait(ms),
  }),
);
const step = fc.oneof(
  { weight: 4, arbitrary: endpoint },
  member,
  definition,
  carried,
  { weight: 2, arbitrary: hostRecord },
  { weight: 6, arbitrary: routes },
  { weight: 2, arbitrary: withdrawal },
  { weight: 2, arbitrary: time },
  cloud,
);

/** Both forms with sorted lists: their order means nothing. */
function sorted(overlay: Overlay) {
  return {
    networks: by(overlay.networks, ({ id }) => id).map(({ id, rd, imports, table, state }) => ({
      id,
      rd,
      imports: [...imports].sort(),
      table: sortedTable(table),
      state: sortedState(state),
    })),
    exports: by(overlay.exports, ({ nlri }) => routeKey(nlri)),
    refused: overlay.refusedExports,
  };
}

function sortedTable({ entries, flood, conflicts }: MacTable) {
  const plain = entries.map((entry) => ({ ...entry, ips: entry.ips.toSorted() }));
  return {
    entries: by(plain, (it) => it.mac),
    flood: by(flood, (it) => it.vtep),
    conflicts: by(conflicts, (it) => it.mac),
  };
}

function sortedState(state: NetworkState) {
  return {
    ...state,
    bridgeMac: undefined,
    ports: by(state.ports, (it) => it.name),
    local: by(state.local, (it) => it.mac),
    remote: by(state.remote, (it) => it.mac),
    flood: state.flood.toSorted(),
    neighbours: by(state.neighbours, (it) => it.ip),
  };
}

function by<T>(list: readonly T[], key: (item: T) => string): T[] {
  return list.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

describe("networks lane", () => {
  it("networks lane: any sequence of changes -> the kernel and the ToRs were told what the definition says", () => {
    const then = fc.constantFrom("go on", "compare", "read back");
    fc.assert(
      fc.property(fc.array(fc.tuple(step, then), { maxLength: 40 }), fc.boolean(), (steps, defined) => {
        const world = networkWorld({ fabricVteps: FABRIC_VTEPS });
        world.put("host:h1", "host", { site: "ams", vtep: OWN, bgp: { asn: 65001 as Asn, peers: [] } });
        for (const [id, vni] of [
          ["blue", 100],
          ["red", 200],
        ] as const) {
          world.put("host:h1", `network/${id}`, {});
          const body = { tenant: "acme", name: id, vni: vni as Vni, subnets: [] };
          if (defined) world.put(networkChannel(id), "network", body);
        }
        const trust = createTrust(0);
        for (const [{ act }, next] of steps) {
          act(world, trust);
          if (next === "go on") continue;
          compare(world, trust);
          if (next === "compare") continue;
          world.readBack((each) => each === macOf(5));
          compare(world, trust);
        }
        compare(world, trust);
        world.readBack();
        compare(world, trust);
      }),
      { numRuns: 150 },
    );
  }, 60_000);
});

function compare(world: World, trust: Trust): void {
  world.rest();
  const intent = viewIntent(world.intent);
  const defined = intent
    ? buildOverlay(intent, world.fabric(), {
        mayUse: nextHopList(FABRIC_VTEPS),
        trust: trust.at(world.nowMs()),
        decisions: (id) => world.mobility.decisions(id),
      })
    : buildOverlay({ id: "h1", host: { site: "ams", vtep: OWN }, networks: [], pending: [] }, []);
  const wanted = sorted(defined);
  const kept = sorted(world.lane.overlay());
  expect(kept).toEqual(wanted);
  for (const { id, state, table } of defined.networks) {
    const { kernel } = world.lane.channel?.(networkChannel(id)) ?? {};
    if (world.proven()) expect(kernel).toBe(kernelDigest(world.kernel.get(state.vni), table));
  }
  const told = by(
    [...world.told.values()].flatMap((each) => toldState(each) ?? []),
    ({ vni }) => `${vni}`,
  );
  expect(told.map(sortedState)).toEqual(
    by(
      wanted.networks.map(({ state }) => state),
      ({ vni }) => `${vni}`,
    ),
  );
  expect(by([...world.exported.values()], ({ nlri }) => routeKey(nlri))).toEqual(wanted.exports);
}
