// Networks: the VNI, and changes of subnets under living endpoints.

import { expect, test } from "vitest";
import {
  changeNetwork,
  createNetwork,
  deleteNetwork,
  narrowsSubnets,
  NO_ROUTING,
} from "../../../functions/domain/network.ts";
import { parseIp } from "../../../shared/address/ip.ts";
import { NetworkPatch } from "../../../shared/model/resource.ts";
import {
  ABSENT,
  aNetwork,
  CONTEXT,
  live,
  NO_CHILDREN,
  newNetwork,
  planned,
  refused,
  sideWrites,
  tenant,
} from "./domain-facts.ts";

const inUse = (id: string, ip: string) => {
  const parsed = parseIp(ip);
  if (!parsed) throw new Error(ip);
  return { ref: { kind: "endpoint", network: "web", id } as const, ip: parsed };
};

function change(before: string[], patch: object, addresses: ReturnType<typeof inUse>[] = []) {
  const network = live(aNetwork(before));
  const command = { id: "web", patch: NetworkPatch.parse(patch) };
  return {
    decision: changeNetwork({ network, addresses, ...NO_ROUTING }, command, CONTEXT),
    narrows: narrowsSubnets(network, command),
  };
}

test("create: claims its VNI, in its own channel", () => {
  const plan = planned(
    createNetwork({ network: ABSENT, tenant: live(tenant), ...NO_ROUTING }, newNetwork(["10.0.0.0/24"]), CONTEXT),
  );
  expect(sideWrites(plan.writes)).toEqual([
    "require tenant acme",
    'room of acme: take {"networks":1}',
    "claim vni 100 for web",
    "link tenant-network acme web",
  ]);
  expect(plan.writes.at(-2)).toMatchObject({ change: { channels: ["net:web"], key: "network" } });
});

test("create: tenant absent and subnets overlapping -> both told", () => {
  const facts = { network: ABSENT, tenant: ABSENT, ...NO_ROUTING };
  const refusals = refused(createNetwork(facts, newNetwork(["10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/8"]), CONTEXT));
  expect(refusals.map(({ kind }) => kind)).toEqual(["no-such", "subnets-overlap", "subnets-overlap"]);
});

test("change: wider subnets -> no fence, and no addresses need to be read", () => {
  for (const [before, after] of [
    [["10.0.0.0/24"], ["10.0.0.0/16"]],
    [["10.0.0.0/24"], ["10.0.0.0/24", "10.1.0.0/24"]],
    [["10.0.0.0/24"], []],
    [["2001:db8::/64"], ["2001:db8::/32"]],
  ] as const) {
    const { decision, narrows } = change([...before], { subnets: after });
    expect(narrows).toBe(false);
    expect(planned(decision).fence).toBeUndefined();
  }
});

test("change: subnets that may leave an address out -> behind a fence that tells the new ones", () => {
  for (const [before, after] of [
    [[], ["10.0.0.0/24"]],
    [["10.0.0.0/16"], ["10.0.0.0/24"]],
    [["10.0.0.0/24"], ["10.0.0.0/25", "10.0.0.128/25"]],
    [["10.0.0.0/31"], ["10.0.0.0/24"]],
    [["10.0.0.0/24", "2001:db8::/64"], ["10.0.0.0/24"]],
  ] as const) {
    const { decision, narrows } = change([...before], { subnets: after });
    expect(narrows).toBe(true);
    expect(planned(decision).fence).toMatchObject({ version: 4, why: { kind: "narrowing", subnets: after } });
  }
});

test("change: an address would be outside, or the broadcast address -> refused with the endpoint", () => {
  const addresses = [inUse("a", "10.0.0.5"), inUse("b", "10.0.0.127"), inUse("c", "10.0.0.200")];
  const { decision } = change(["10.0.0.0/24"], { subnets: ["10.0.0.0/25"] }, addresses);
  expect(refused(decision)).toEqual([
    { kind: "subnet-change-strands-endpoints", stranded: addresses.slice(1), more: false },
  ]);
});

test("change: many stranded -> the first 20, and that there are more", () => {
  const addresses = Array.from({ length: 30 }, (_, i) => inUse(`e${i}`, `10.0.0.${i + 130}`));
  const { decision } = change(["10.0.0.0/24"], { subnets: ["10.0.0.0/25"] }, addresses);
  expect(refused(decision)).toMatchObject([{ stranded: addresses.slice(0, 20), more: true }]);
});

test("change: what is not of subnets -> no fence; equal values -> nothing to write", () => {
  expect(change(["10.0.0.0/24"], { name: "x", mtuBytes: 1400 }).narrows).toBe(false);
  expect(planned(change(["10.0.0.0/24"], { name: "x" }).decision).fence).toBeUndefined();
  expect(planned(change(["10.0.0.0/24"], { name: "Web", subnets: ["10.0.0.0/24"] }).decision).writes).toEqual([]);
});

test("delete: gives its VNI back, behind a fence", () => {
  const plan = planned(
    deleteNetwork({ network: live(aNetwork()), children: NO_CHILDREN, ...NO_ROUTING }, { id: "web" }, CONTEXT),
  );
  expect(sideWrites(plan.writes)).toEqual([
    "release vni 100 for web",
    'room of acme: shift {"networks":-1}',
    "unlink tenant-network acme web",
  ]);
  expect(plan.fence?.why).toEqual({ kind: "deleting" });
});
