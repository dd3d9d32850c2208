// Every kind through its life on the command line, against the API in memory.

import { beforeAll, describe, expect, it } from "vitest";
import { KINDS } from "../../cli/resource/kind.ts";
import * as schemas from "../../shared/model/resource.ts";
import { BASICS, createCliUnderTest } from "./cli-under-test.ts";

describe("cli resources", () => {
  const SCHEMAS: Record<string, { shape: object }> = {
    tenant: schemas.NewTenant,
    site: schemas.NewSite,
    host: schemas.NewHost,
    "fabric-peer": schemas.NewFabricPeer,
    "vni-pool": schemas.NewVniPool,
    network: schemas.NewNetwork,
    router: schemas.NewRouter,
    prefix: schemas.NewPrefix,
    endpoint: schemas.NewEndpoint,
  };
  it.each(KINDS.filter(({ path }) => path))("cli: $name -> each field of the API's schema has a flag", (kind) => {
    const fields = Object.keys(SCHEMAS[kind.name]?.shape ?? {}).filter((name) => name !== "id");
    const reached = kind.fields.map(({ field }) => field.split(".")[0]);
    expect(new Set(reached)).toEqual(new Set(fields));
  });

  it("cli: one life of everything -> created, shown, edited and deleted", async () => {
    const { cli, all } = createCliUnderTest();
    const [, , , , tor, pool] = await all(
      ...BASICS.slice(0, 4),
      "create tor tor1 --site fra --asn 65100 --address 192.0.2.1,192.0.2.2",
      "create pool tenants --range 20000-20009,30000",
      "edit host h1 --asn 65101 --peer 192.0.2.1=65100",
      "create router core --tenant acme --name Core --vni-pool tenants",
    );
    expect(tor).toMatch(/^fabric-peer\/tor1 created {2}\(change \w{26}\)\n$/);
    expect(pool).toMatch(/^vni-pool\/tenants created/);
    const made = await cli(
      "create network web --tenant acme --name Web --vni-pool tenants --subnet 10.1.0.0/24 --gateway 10.1.0.1 --router core",
    );
    expect(made).toMatchObject({ exit: 0, err: "" });
    expect(made.out).toContain("VNI 20001");
    const [endpoint] = await all(
      "create endpoint web/vm1 --host h1 --mac 02-00-5E-10-00-01 --allocate ipv4 --port tap1 --label tier=web --isolated",
      "create prefix core/branch --prefix 172.16.0.0/16 --next-hop 10.1.0.254",
      "create subnet web/10.2.0.0/24 --gateway 10.2.0.1",
    );
    expect(endpoint).toContain("addresses 10.1.0.2");
    const shown = await all(
      "get endpoints",
      "get ep web/vm1 -o name",
      "get subnets -n web",
      "get routes --router core",
      "get tor tor1",
      "get pools",
      "get endpoints --host h1 -o name",
    );
    expect(shown.join("")).toBe(
      [
        "NETWORK  ID   HOST  MAC                IPS       PORT",
        "web      vm1  h1    02:00:5e:10:00:01  10.1.0.2  tap1",
        "endpoint/web/vm1",
        "NETWORK  SUBNET       GATEWAY",
        "web      10.1.0.0/24  10.1.0.1",
        "web      10.2.0.0/24  10.2.0.1",
        "ROUTER  ID      PREFIX         NEXT HOP",
        "core    branch  172.16.0.0/16  10.1.0.254",
        "ID    SITE  ASN    ADDRESSES",
        "tor1  fra   65100  192.0.2.1,192.0.2.2",
        "ID       RANGES",
        "tenants  20000-20009,30000-30000",
        "endpoint/web/vm1",
        "",
      ].join("\n"),
    );
    await all("edit endpoint web/vm1 --no-isolated --label env=prod --unset port");
    const { out } = await cli("get endpoint web/vm1 -o json");
    expect(JSON.parse(out)).toMatchObject({ isolated: false, labels: { tier: "web", env: "prod" } });
    expect(JSON.parse(out)).not.toHaveProperty("port");
    await all(
      "edit subnet web/10.2.0.0/24 --gateway 10.2.0.254",
      "edit endpoint web/vm1 --unset labels.tier",
      "delete subnet web/10.2.0.0/24",
      "delete prefix core/branch",
      "edit network web --unset router",
      "delete router core",
      "delete network web --cascade --yes",
    );
    expect((await cli("get endpoints")).out).toBe("no endpoints\n");
  });

  it("cli: a list of more than a page -> all of it, or as much as --limit says", async () => {
    const { cli, api } = createCliUnderTest();
    for (let i = 0; i < 205; i++) await api.put(`/v1/sites/s${i}`, { name: `S${i}` });
    expect((await cli("get sites -o name")).out.trim().split("\n")).toHaveLength(205);
    expect((await cli("get sites -o name --limit 203")).out.trim().split("\n")).toHaveLength(203);
  });

  it("cli: describe -> fields, convergence and what is inside", async () => {
    const { cli, all } = createCliUnderTest();
    await all(...BASICS);
    const { out } = await cli("describe network web");
    expect(out).toContain("network web\n  tenant: acme\n");
    expect(out).toContain("  convergence: live on 0 of 0 hosts\n");
    expect(out).toContain("  web      vm1  h1    02:00:5e:10:00:01  10.1.0.11  tap1\n");
    expect((await cli("describe tenant acme")).out).toMatch(/usage:\n {4}networks:\n {6}used: 1/);
    expect((await cli("describe host h1")).out).toContain("endpoints:\n");
  });
});

describe("cli refusals", () => {
  const cases: readonly [string, number, RegExp][] = [
    ["get network none", 3, /there is no network none\n {2}-> overspan get KIND lists/i],
    [
      "create endpoint web/x --host h9 --mac 02:00:00:00:00:09",
      1,
      /--host names a host that does not exist: h9\n {2}-> make it first: overspan create host h9/,
    ],
    ["create endpoint web/x --host h1 --mac 01:00:5e:00:00:01", 1, /--mac must be a unicast MAC address/],
    ["create endpoint web/vm1 --host h1 --mac 02:00:00:00:00:09", 4, /the id is taken/],
    ["create endpoint web/x --host h1", 1, /--mac is required/],
    ["create endpoint x --host h1", 2, /say NETWORK\/ID/],
    ["create network n --vni ten --tenant acme", 2, /--vni takes a whole number, not "ten"/],
    ["edit host h1 --set bgp.asn=many", 1, /--asn must be a number, not a string/],
    ["edit host h1 --set bgp.peers=[{}]", 1, /--peer \(0\.asn\)/],
    ["edit host h1", 2, /nothing to change/],
    ["edit network web --if-match 7 --mtu 1400", 4, /at version 1\n {2}-> somebody changed it/],
    ["delete network web", 4, /in the way: endpoint\/web\/vm1\n.*--cascade/],
    ["delete network web --cascade", 2, /nobody is here to be asked.*\n {2}-> say --yes/],
    ["delete subnet web/10.9.0.0/24", 3, /has no subnet/],
    ["move web/vm1", 2, /needs --to HOST/],
    ["move web/vm1 --to h9", 1, /--to names a host that does not exist/],
    ["activate-move web/vm1", 4, /no move of endpoint vm1.*prepared\n {2}-> overspan prepare-move/i],
    ["receipt nonsense", 2, /"nonsense" is no change/],
    ["get endpoints -n web --wait live", 2, /overspan get endpoint has no option --wait/],
    ["delete site", 2, /needs ID/],
    ["get hsots", 2, /did you mean: overspan get host\?/],
    ["craete site x", 2, /did you mean: overspan create\?/],
    ["create site x --nmae y", 2, /did you mean --name\?/],
    ["get hosts -o xml", 2, /-o takes one of table, wide, json, yaml, name/],
    ["create site x --name", 2, /--name needs a value/],
  ];
  // Nothing that is refused changes anything: one API does for all.
  const { cli, all } = createCliUnderTest();
  beforeAll(() => all(...BASICS));
  it.each(cases)("cli: %s -> exit status %i, and what to do", async (line, exit, message) => {
    const ran = await cli(line);
    expect(ran.err).toMatch(message);
    expect(ran).toMatchObject({ exit, out: "" });
  });
});

describe("cli terms of a write", () => {
  it("cli: a write -> an Idempotency-Key of its own, or the one that is given; a version to match", async () => {
    const { all, requests } = createCliUnderTest();
    await all("create site a --name A", "edit site a --name B --if-match 1 --idempotency-key mine");
    expect(requests.map(({ headers }) => headers.get("idempotency-key"))).toEqual(["key-1", "mine"]);
    expect(requests[1]?.headers.get("if-match")).toBe('"1"');
  });

  it("cli: --wait live -> progress on the standard error, exit status 5 when it does not come", async () => {
    const { cli, api } = createCliUnderTest();
    api.receipts.states.splice(0, 1, "accepted", "published", "live");
    const live = await cli("create site a --name A --wait live");
    expect(live).toMatchObject({ exit: 0, err: "live\n" });
    api.receipts.states.splice(0, 3, "published");
    const late = await cli("create site b --name B --wait live --timeout 5");
    expect(late).toMatchObject({ exit: 5, err: "published\npublished\n" });
    expect(late.out).toContain("site/b created");
  });

  it("cli: delete --cascade at a terminal -> asked; anything but yes does nothing", async () => {
    const { cli, all } = createCliUnderTest();
    await all(...BASICS);
    const no = await cli("delete network web --cascade", { answers: [""] });
    expect(no).toMatchObject({ exit: 1, err: "delete network/web and everything in it? [y/N] nothing was done\n" });
    const yes = await cli("delete network web --cascade", { answers: ["y"] });
    expect(yes).toMatchObject({ exit: 0 });
    expect(yes.out).toMatch(/network\/web deleted.*\n {2}and 1 more with it\n/);
  });
});
