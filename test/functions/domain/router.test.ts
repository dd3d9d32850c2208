// Routers, their networks and static routes: what the book keeps true.

import { describe, expect, test } from "vitest";
import { changeNetwork, createNetwork, deleteNetwork } from "../../../functions/domain/network.ts";
import { changePrefix, createPrefix, deletePrefix } from "../../../functions/domain/prefix.ts";
import { createRouter, deleteRouter } from "../../../functions/domain/router.ts";
import type { RouterBook, Routing } from "../../../functions/domain/router-book.ts";
import { NetworkPatch, NewNetwork, NewPrefix, Router, RouterPrefix } from "../../../shared/model/resource.ts";
import { ABSENT, aNetwork, CONTEXT, live, NO_CHILDREN, planned, refused, sideWrites, tenant } from "./domain-facts.ts";

const STORED = { version: 1, createdAt: CONTEXT.at, updatedAt: CONTEXT.at, change: "c1" };
const router = Router.parse({ id: "core", tenant: "acme", name: "Core", vni: 500, ...STORED });

function routing(networks: Record<string, string[]> = {}, prefixes: object = {}, more: object = {}): Routing {
  return {
    router: live(Router.parse({ ...router, ...more })),
    book: { revision: 3, networks, prefixes } as unknown as RouterBook,
  };
}

const via = (prefix: string, nextHop: string) => NewPrefix.parse({ prefix, nextHop });

describe("router", () => {
  test("create: claims its VNI of the networks' space and opens a book, in its own channel", () => {
    const command = { id: "core", tenant: "acme", name: "Core", vni: router.vni };
    const plan = planned(createRouter({ router: ABSENT, tenant: live(tenant) }, command, CONTEXT));
    expect(sideWrites(plan.writes)).toEqual([
      "require tenant acme",
      'room of acme: take {"routers":1}',
      "claim vni 500 for router/core",
      "link tenant-router acme core",
      "book core 0 -> 1",
    ]);
    expect(plan.writes.at(-2)).toMatchObject({ change: { channels: ["rtr:core"], key: "router" } });
  });

  test("delete: networks and prefixes are in the way; without them, on the book that was read", () => {
    const full = routing({ web: [] }, { branch: via("172.16.0.0/16", "10.0.0.9") });
    expect(refused(deleteRouter(full, { id: "core" }, CONTEXT))).toMatchObject([
      {
        kind: "not-empty",
        blocking: [
          { kind: "network", id: "web" },
          { kind: "prefix", router: "core", id: "branch" },
        ],
      },
    ]);
    expect(sideWrites(planned(deleteRouter(routing(), { id: "core" }, CONTEXT)).writes)).toContain(
      "book core 3 -> gone",
    );
  });
});

describe("network on a router", () => {
  const attach = (subnets: string[], facts: Routing, more: object = {}, withoutVrf: string[] = []) =>
    changeNetwork(
      { network: live(aNetwork(subnets, more)), addresses: [], routers: { core: facts }, withoutVrf },
      { id: "web", patch: NetworkPatch.parse({ router: "core" }) },
      CONTEXT,
    );
  const GATEWAY = { gateways: ["10.0.0.1"] };

  test("attach: into the book, on the revision that was read", () => {
    const plan = planned(attach(["10.0.0.0/24"], routing({ db: ["10.1.0.0/24"] }), GATEWAY));
    expect(sideWrites(plan.writes)).toEqual(["require router core", "book core 3 -> 4"]);
    expect(plan.writes).toContainEqual(
      expect.objectContaining({
        book: { revision: 4, networks: { db: ["10.1.0.0/24"], web: ["10.0.0.0/24"] }, prefixes: {} },
      }),
    );
  });

  test("attach: refused without gateways, of another tenant, to a router that is not there", () => {
    expect(refused(attach(["10.0.0.0/24"], routing()))).toMatchObject([{ kind: "gateways-needed" }]);
    const foreign = routing({}, {}, { tenant: "other" });
    expect(refused(attach(["10.0.0.0/24"], foreign, GATEWAY))).toMatchObject([
      { kind: "other-tenant", field: "router" },
    ]);
    const none: Routing = { router: ABSENT, book: undefined };
    expect(refused(attach(["10.0.0.0/24"], none, GATEWAY))).toMatchObject([{ kind: "no-such", field: "router" }]);
  });

  test("attach: subnets that overlap another network's of the router -> refused with both", () => {
    const refusals = refused(attach(["10.0.0.0/24"], routing({ db: ["10.0.0.128/25"] }), GATEWAY));
    expect(refusals).toMatchObject([
      { kind: "subnets-overlap", field: "subnets.0", other: "10.0.0.128/25", network: "db" },
    ]);
  });

  test("attach: a host of the network reported no VRFs -> refused with the host", () => {
    const refusals = refused(attach(["10.0.0.0/24"], routing(), GATEWAY, ["h7"]));
    expect(refusals).toMatchObject([{ kind: "no-vrf", router: "core", hosts: ["h7"] }]);
  });

  test("detach, or deletion, with a next hop in its subnets -> refused; else out of the book", () => {
    const subnets = ["10.0.0.0/24"];
    const network = live(aNetwork(subnets, { ...GATEWAY, router: "core" }));
    const patch = NetworkPatch.parse({ router: null });
    const detach = (facts: Routing) =>
      changeNetwork(
        { network, addresses: [], routers: { core: facts }, withoutVrf: [] },
        { id: "web", patch },
        CONTEXT,
      );
    const needed = routing({ web: subnets }, { branch: via("172.16.0.0/16", "10.0.0.9") });
    expect(refused(detach(needed))).toMatchObject([{ kind: "next-hops-stranded", prefixes: [{ id: "branch" }] }]);
    const remove = (facts: Routing) =>
      deleteNetwork(
        { network, children: NO_CHILDREN, routers: { core: facts }, withoutVrf: [] },
        { id: "web" },
        CONTEXT,
      );
    expect(refused(remove(needed))).toMatchObject([{ kind: "next-hops-stranded" }]);
    expect(sideWrites(planned(detach(routing({ web: subnets }))).writes)).toEqual(["book core 3 -> 4"]);
    expect(sideWrites(planned(remove(routing({ web: subnets }))).writes)).toEqual([
      "release vni 100 for web",
      'room of acme: shift {"networks":-1}',
      "unlink tenant-network acme web",
      "release ip web 10.0.0.1 for #gateway",
      "book core 3 -> 4",
    ]);
  });
});

describe("gateways", () => {
  const create = (subnets: string[], gateways: string[]) => {
    const command = { ...NewNetwork.parse({ tenant: "acme", name: "W", vni: 5, subnets, gateways }), id: "web" };
    const facts = { network: ABSENT, tenant: live(tenant), routers: {}, withoutVrf: [] };
    return createNetwork(facts, command, CONTEXT);
  };

  test("create: each is claimed as an endpoint's address would be", () => {
    expect(sideWrites(planned(create(["10.0.0.0/24", "2001:db8::/64"], ["10.0.0.1", "2001:db8::1"])).writes)).toEqual(
      expect.arrayContaining(["claim ip web 10.0.0.1 for #gateway", "claim ip web 2001:db8::1 for #gateway"]),
    );
  });

  test.each([
    ["outside every subnet", ["10.1.0.1"], "gateway-outside-subnets"],
    ["the broadcast address", ["10.0.0.255"], "ip-reserved"],
    ["a second one of a subnet", ["10.0.0.1", "10.0.0.2"], "second-gateway"],
  ])("create: %s -> refused", (_, gateways, kind) => {
    expect(refused(create(["10.0.0.0/24"], gateways))).toMatchObject([{ kind }]);
  });

  test("change: another address -> claimed and released", () => {
    const network = live(aNetwork(["10.0.0.0/24"], { gateways: ["10.0.0.1"] }));
    const patch = NetworkPatch.parse({ gateways: ["10.0.0.254"] });
    const facts = { network, addresses: [], routers: {}, withoutVrf: [] };
    expect(sideWrites(planned(changeNetwork(facts, { id: "web", patch }, CONTEXT)).writes)).toEqual([
      "claim ip web 10.0.0.254 for #gateway",
      "release ip web 10.0.0.1 for #gateway",
    ]);
  });
});

describe("prefix", () => {
  const book = { web: ["10.0.0.0/24"] };
  const create = (facts: Routing, prefix: string, nextHop: string) => {
    const command = { ...via(prefix, nextHop), router: "core", id: "p1" };
    return createPrefix({ routing: facts, prefix: ABSENT }, command, CONTEXT);
  };
  const held = live(
    RouterPrefix.parse({ id: "p1", router: "core", prefix: "172.16.0.0/16", nextHop: "10.0.0.9", ...STORED }),
  );

  test("create: in the router's channel and book", () => {
    const plan = planned(create(routing(book), "172.16.0.0/16", "10.0.0.9"));
    expect(sideWrites(plan.writes)).toEqual(["require router core", "book core 3 -> 4"]);
    expect(plan.writes.at(-2)).toMatchObject({ change: { channels: ["rtr:core"], key: "prefix/p1" } });
  });

  test.each([
    ["next hop in none of the networks", "172.16.0.0/16", "10.9.0.1", "next-hop-unreachable"],
    ["next hop of the other family", "172.16.0.0/16", "2001:db8::1", "next-hop-family"],
    ["the same route again", "172.17.0.0/16", "10.0.0.7", "prefix-taken"],
    ["a subnet of a network", "10.0.0.0/24", "10.0.0.9", "prefix-is-connected"],
  ])("create: %s -> refused", (_, prefix, nextHop, kind) => {
    const facts = routing(book, { other: via("172.17.0.0/16", "10.0.0.7") });
    expect(refused(create(facts, prefix, nextHop))).toMatchObject([{ kind }]);
  });

  test("create: a second next hop of one prefix -> planned", () => {
    planned(create(routing(book, { other: via("172.16.0.0/16", "10.0.0.7") }), "172.16.0.0/16", "10.0.0.9"));
  });

  test("change of the next hop, deletion -> the book follows; labels alone do not touch it", () => {
    const facts = { routing: routing(book, { p1: via("172.16.0.0/16", "10.0.0.9") }), prefix: held };
    const { nextHop } = via("0.0.0.0/0", "10.0.0.10");
    const id = { router: "core", id: "p1" };
    expect(sideWrites(planned(changePrefix(facts, { ...id, patch: { nextHop } }, CONTEXT)).writes)).toEqual([
      "book core 3 -> 4",
    ]);
    expect(sideWrites(planned(changePrefix(facts, { ...id, patch: { labels: { a: "b" } } }, CONTEXT)).writes)).toEqual(
      [],
    );
    expect(sideWrites(planned(deletePrefix(facts, id, CONTEXT)).writes)).toEqual(["book core 3 -> 4"]);
  });
});
