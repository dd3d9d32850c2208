// Endpoints: guards, addresses in subnets, moves.

import { describe, expect, test } from "vitest";
import { changeEndpoint, createEndpoint, deleteEndpoint } from "../../../functions/domain/endpoint.ts";
import { moveEndpoint } from "../../../functions/domain/endpoint-move.ts";
import { parsePrefix, type Prefix } from "../../../shared/address/prefix.ts";
import { EndpointPatch } from "../../../shared/model/resource.ts";
import {
  ABSENT,
  aHost,
  aNetwork,
  anEndpoint,
  buried,
  CONTEXT,
  live,
  newEndpoint,
  placed,
  planned,
  refused,
  sideWrites,
} from "./domain-facts.ts";

const SUBNETS = ["10.0.0.0/24", "2001:db8::/64"];
const prefixes = (...texts: string[]): Prefix[] => texts.flatMap((text) => parsePrefix(text) ?? []);
const facts = (more: object = {}) =>
  placed({ network: live(aNetwork(SUBNETS)), host: live(aHost()), endpoint: ABSENT, ...more });

describe("create", () => {
  test("claims MAC and addresses, requires network with its subnets and host, in the network's channel", () => {
    const plan = planned(createEndpoint(facts(), newEndpoint(["10.0.0.5", "2001:db8::5"]), CONTEXT));
    expect(plan.resource).toMatchObject({ network: "web", mobility: 0, version: 1 });
    expect(sideWrites(plan.writes)).toEqual([
      "require network web with its subnets",
      'room of acme: take {"endpoints":1}',
      "claim mac web 02:00:00:00:00:01 for vm1",
      "claim ip web 10.0.0.5 for vm1",
      "claim ip web 2001:db8::5 for vm1",
      "require host h1",
      "link host-endpoint h1 web vm1",
      "take-port h1 tap1",
    ]);
    expect(plan.writes.at(-2)).toMatchObject({
      audit: { actor: "user:jane", after: { id: "vm1" } },
      change: { channels: ["net:web"], key: "endpoint/vm1", action: "create" },
    });
  });

  test("without addresses -> the subnets may change meanwhile", () => {
    const plan = planned(createEndpoint(facts(), newEndpoint(), CONTEXT));
    expect(sideWrites(plan.writes)[0]).toBe("require network web");
  });

  test("no subnets -> any address", () => {
    planned(createEndpoint(facts({ network: live(aNetwork()) }), newEndpoint(["203.0.113.255"]), CONTEXT));
  });

  test("most addresses that an endpoint can have -> fits one transaction, also when all are exchanged", () => {
    const ips = (offset: number) => Array.from({ length: 16 }, (_, i) => `10.0.0.${offset + i}`);
    const endpoint = live(anEndpoint(ips(10)));
    const patch = EndpointPatch.parse({ ips: ips(100) });
    const plan = planned(changeEndpoint(facts({ endpoint }), { network: "web", id: "vm1", patch }, CONTEXT));
    expect(plan.writes.length).toBeLessThanOrEqual(100);
    expect(sideWrites(plan.writes)).toHaveLength(33);
  });

  test("network absent or being deleted -> refused as the resource of the path", () => {
    const ref = { kind: "network", id: "web" };
    expect(refused(createEndpoint(facts({ network: ABSENT }), newEndpoint(), CONTEXT))).toEqual([
      { kind: "not-found", ref },
    ]);
    const deleting = live(aNetwork(), { deleting: true });
    expect(refused(createEndpoint(facts({ network: deleting }), newEndpoint(), CONTEXT))).toEqual([
      { kind: "being-deleted", ref },
    ]);
  });

  test("host absent, addresses wrong in three ways -> all told, by their fields", () => {
    const ips = ["10.0.0.0", "10.0.0.255", "10.1.0.1", "10.1.0.1"];
    const refusals = refused(createEndpoint(facts({ host: buried(3) }), newEndpoint(ips), CONTEXT));
    expect(refusals).toMatchObject([
      { kind: "no-such", field: "host", ref: { kind: "host", id: "h1" } },
      { kind: "ip-reserved", field: "ips.0", role: "network" },
      { kind: "ip-reserved", field: "ips.1", role: "broadcast" },
      { kind: "ip-outside-subnets", field: "ips.2", subnets: SUBNETS },
      { kind: "duplicate", field: "ips.3" },
    ]);
  });

  test("a change of subnets is under way -> inside the coming ones too", () => {
    const network = live(aNetwork(SUBNETS), { narrowing: prefixes("10.0.0.0/25") });
    expect(refused(createEndpoint(facts({ network }), newEndpoint(["10.0.0.200"]), CONTEXT))).toMatchObject([
      { kind: "ip-outside-subnets", subnets: ["10.0.0.0/25"] },
    ]);
    const plan = planned(createEndpoint(facts({ network }), newEndpoint(["10.0.0.20"]), CONTEXT));
    expect(plan.writes).toContainEqual({
      write: "require",
      ref: { kind: "network", id: "web" },
      tenant: "acme",
      subnets: { subnets: SUBNETS, narrowing: ["10.0.0.0/25"] },
    });
  });
});

describe("change", () => {
  const change = (patch: object, more: object = {}) =>
    changeEndpoint(
      facts({ endpoint: live(anEndpoint(["10.0.0.5", "10.0.0.6"])), ...more }),
      { network: "web", id: "vm1", patch: EndpointPatch.parse(patch) },
      CONTEXT,
    );

  test("addresses: new ones claimed, old ones given back, kept ones left alone", () => {
    const plan = planned(change({ ips: ["10.0.0.6", "10.0.0.7"] }));
    expect(sideWrites(plan.writes)).toEqual([
      "require network web with its subnets",
      "claim ip web 10.0.0.7 for vm1",
      "release ip web 10.0.0.5 for vm1",
    ]);
    expect(plan.resource).toMatchObject({ mobility: 2, version: 5 });
  });

  test("order of the addresses -> a change without claims", () => {
    expect(sideWrites(planned(change({ ips: ["10.0.0.6", "10.0.0.5"] })).writes)).toEqual(["require network web"]);
  });

  test("an address kept that a change of subnets is about to trip over -> not this request's fault", () => {
    const network = live(aNetwork(SUBNETS), { narrowing: prefixes("10.0.1.0/24") });
    planned(change({ port: "tap9" }, { network }));
    expect(refused(change({ ips: ["10.0.0.5", "10.0.0.8"] }, { network }))).toMatchObject([{ field: "ips.1" }]);
  });

  test("nothing different -> nothing to write", () => {
    expect(planned(change({ port: "tap1", ips: ["10.0.0.5", "10.0.0.6"] })).writes).toEqual([]);
  });
});

describe("move", () => {
  const move = (command: { host: string; port?: string }, host: unknown = live(aHost({ id: "h2" }))) =>
    moveEndpoint(
      facts({ endpoint: live(anEndpoint(["10.0.0.5"])), host }),
      { network: "web", id: "vm1", ...command },
      CONTEXT,
    );

  test("to another host -> mobility + 1 (RFC 7432 section 15), index follows, guards stay", () => {
    const plan = planned(move({ host: "h2" }));
    expect(plan.resource).toMatchObject({ host: "h2", port: "tap1", mobility: 3, version: 5 });
    expect(sideWrites(plan.writes)).toEqual([
      "require host h2",
      "link host-endpoint h2 web vm1",
      "unlink host-endpoint h1 web vm1",
      "take-port h2 tap1",
      "leave-port h1 tap1",
    ]);
    expect(plan.writes.at(-2)).toMatchObject({ change: { action: "move", channels: ["net:web"] } });
  });

  test("to the same host -> nothing, or the port alone without mobility", () => {
    expect(planned(move({ host: "h1" }, live(aHost()))).writes).toEqual([]);
    const plan = planned(move({ host: "h1", port: "eth1" }, live(aHost())));
    expect(plan.resource).toMatchObject({ port: "eth1", mobility: 2, version: 5 });
    expect(plan.writes.at(-2)).toMatchObject({ change: { action: "change" } });
  });

  test("to a host that is absent or being deleted -> refused by the field", () => {
    expect(refused(move({ host: "h2" }, ABSENT))).toMatchObject([{ kind: "no-such", field: "host" }]);
    const deleting = live(aHost({ id: "h2" }), { deleting: true });
    expect(refused(move({ host: "h2" }, deleting))).toMatchObject([{ kind: "being-deleted", field: "host" }]);
  });
});

test("delete: gives everything back, without a fence", () => {
  const plan = planned(
    deleteEndpoint(facts({ endpoint: live(anEndpoint(["10.0.0.5"])) }), { network: "web", id: "vm1" }, CONTEXT),
  );
  expect(sideWrites(plan.writes)).toEqual([
    "release mac web 02:00:00:00:00:01 for vm1",
    "release ip web 10.0.0.5 for vm1",
    "unlink host-endpoint h1 web vm1",
    "leave-port h1 tap1",
    'room of acme: shift {"endpoints":-1}',
  ]);
  expect(plan.fence).toBeUndefined();
  expect(plan.writes[0]).toMatchObject({ deleted: true, resource: { version: 5, change: "c2" } });
});
