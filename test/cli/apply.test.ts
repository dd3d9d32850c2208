// Declared files against the API in memory: faults with their lines, the difference, the order, pruning.

import { describe, expect, it } from "vitest";
import { readDeclaration } from "../../cli/apply/document.ts";
import { createCliUnderTest } from "./cli-under-test.ts";

/** Children come first on purpose: the order is not the file's. */
const SHOP = `kind: endpoint
network: web
id: vm1
host: h1
mac: 02-00-5E-10-00-01
allocate: {ipv4: true}
port: tap1
---
kind: set
id: shop
---
kind: network
id: web
tenant: acme
name: Web
vniPool: tenants
subnets: [10.1.0.0/24]
labels: {tier: web}
---
kind: tenant
id: acme
name: Acme
---
{kind: site, id: fra, name: Frankfurt}
---
{kind: vni-pool, id: tenants, ranges: [{from: 20000, to: 20009}]}
---
{kind: host, id: h1, site: fra, vtep: 192.0.2.11}
`;

const apply = (text: string) => ({ files: { "shop.yaml": text } });

describe("cli apply", () => {
  it("apply: nothing is there -> all in the order of their references, with the set's label; again -> nothing", async () => {
    const { cli, requests } = createCliUnderTest();
    const first = await cli("apply -f shop.yaml --yes", apply(SHOP));
    expect(first.exit, first.err).toBe(0);
    expect(first.out).toBe(
      [
        "+ tenant/acme",
        "    + name: Acme",
        '    + labels: {"overspan/set":"shop"}',
        "+ site/fra",
        "    + name: Frankfurt",
        '    + labels: {"overspan/set":"shop"}',
        "+ vni-pool/tenants",
        '    + ranges: [{"from":20000,"to":20009}]',
        '    + labels: {"overspan/set":"shop"}',
        "+ host/h1",
        "    + site: fra",
        "    + vtep: 192.0.2.11",
        '    + labels: {"overspan/set":"shop"}',
        "+ network/web",
        "    + tenant: acme",
        "    + name: Web",
        "    + vniPool: tenants",
        '    + subnets: ["10.1.0.0/24"]',
        '    + labels: {"overspan/set":"shop","tier":"web"}',
        "+ endpoint/web/vm1",
        "    + host: h1",
        "    + mac: 02:00:5e:10:00:01",
        "    + ips: []",
        '    + allocate: {"ipv4":true}',
        "    + port: tap1",
        '    + labels: {"overspan/set":"shop"}',
        "6 to create, 0 to change, 0 to delete, 0 as declared",
        "",
      ].join("\n"),
    );
    expect(first.err).toContain("endpoint/web/vm1 created\n");
    const writes = requests.filter(({ method }) => method === "PUT").map(({ headers }) => headers.get("if-none-match"));
    expect(writes).toEqual(["*", "*", "*", "*", "*", "*"]);
    const again = await cli("apply -f shop.yaml", apply(SHOP));
    expect(again).toEqual({
      exit: 0,
      out: "0 to create, 0 to change, 0 to delete, 6 as declared\n",
      err: expect.stringContaining("read 6 of 6") as string,
    });
  });

  it("apply: a change -> field by field, in colours on a terminal, and at the version that was shown", async () => {
    const { cli, requests } = createCliUnderTest();
    await cli("apply -f shop.yaml --yes", apply(SHOP));
    const changed = SHOP.replace("name: Web", "name: Shop\nmtuBytes: 1400").replace("{tier: web}", "{env: prod}");
    const dry = await cli("apply -f shop.yaml --dry-run", apply(changed));
    expect(dry).toMatchObject({ exit: 0 });
    expect(dry.out).toBe(
      [
        "~ network/web",
        "    + labels.env: prod",
        "    - labels.tier: web",
        "    + mtuBytes: 1400",
        "    - name: Web",
        "    + name: Shop",
        "0 to create, 1 to change, 0 to delete, 5 as declared",
        "",
      ].join("\n"),
    );
    const coloured = await cli("apply -f shop.yaml --dry-run", { ...apply(changed), terminal: true });
    expect(coloured.out).toContain("\u001b[31m    - name: Web\n\u001b[39m");
    const plain = await cli("apply -f shop.yaml --dry-run", {
      ...apply(changed),
      terminal: true,
      env: { NO_COLOR: "1" },
    });
    expect(plain.out).toBe(dry.out);
    expect(requests.some(({ headers }) => headers.has("if-match"))).toBe(false);
    expect(await cli("apply -f shop.yaml", { ...apply(changed), answers: ["yes"] })).toMatchObject({ exit: 0 });
    expect(requests.filter(({ headers }) => headers.get("if-match") === '"1"')).toHaveLength(1);
  });

  it("apply: somebody changed it in between -> refused, exit status 4, and how far it came", async () => {
    const { cli, api } = createCliUnderTest();
    await cli("apply -f shop.yaml --yes", apply(SHOP));
    const fetch = async (request: Request) => {
      if (request.method === "PUT") await api.patch("/v1/tenants/acme", { name: "Other" });
      return api.app.fetch(request);
    };
    const ran = await cli("apply -f shop.yaml --yes", { ...apply(SHOP.replace("name: Acme", "name: New")), fetch });
    expect(ran.exit).toBe(4);
    expect(ran.err).toContain("0 of 1 written; tenant/acme was refused. Run it again: it goes on from there.");
  });

  it("apply --prune: only what carries the set's label goes, children first; without the flag nothing does", async () => {
    const { cli, all } = createCliUnderTest();
    await cli("apply -f shop.yaml --yes", apply(SHOP));
    await all("create endpoint web/other --host h1 --mac 02:00:5e:10:00:09", "create site spare --name Spare");
    const less = SHOP.slice(SHOP.indexOf("kind: set")).replace(/\{kind: host.*\n/, "{kind: site, id: ams, name: A}\n");
    expect((await cli("apply -f shop.yaml --dry-run", apply(less))).out).toContain("0 to delete");
    const pruned = await cli("apply -f shop.yaml --prune --dry-run", apply(less));
    expect(pruned.out.split("\n").filter((line) => line.startsWith("- "))).toEqual(["- endpoint/web/vm1", "- host/h1"]);
    expect(pruned.out).not.toMatch(/other|spare/);
    const unnamed = await cli("apply -f shop.yaml --prune", apply("kind: site\nid: x\nname: X\n"));
    expect(unnamed).toMatchObject({ exit: 2 });
    expect(unnamed.err).toContain("--prune needs to know the set");
  });

  it("apply: nobody to ask and no --yes -> exit status 2; no -> 1; nothing is written either way", async () => {
    const { cli, requests } = createCliUnderTest();
    expect(await cli("apply -f shop.yaml", apply(SHOP))).toMatchObject({ exit: 2 });
    expect(await cli("apply -f shop.yaml", { ...apply(SHOP), answers: ["n"] })).toMatchObject({ exit: 1 });
    expect(requests.filter(({ method }) => method !== "GET")).toEqual([]);
  });

  it("apply: a refusal of the API -> the line of the field", async () => {
    const { cli } = createCliUnderTest();
    const ran = await cli("apply -f shop.yaml --yes", apply(SHOP.replace("host: h1", "host: h7")));
    expect(ran.exit).toBe(1);
    expect(ran.err).toContain(
      "shop.yaml:4:1 host names a host that does not exist: h7\n  -> make it first: overspan create host h7",
    );
  });

  const faults: readonly [string, string, RegExp][] = [
    ["a MAC that is none", SHOP.replace("02-00-5E-10-00-01", "bad"), /shop\.yaml:5:1 mac must be a MAC address/],
    ["a field nobody knows", SHOP.replace("name: Web", "nmae: Web"), /shop\.yaml:15:1 nmae is not a known field/],
    [
      "a field that is missing",
      SHOP.replace("name: Web\n", ""),
      /shop\.yaml:12:1 name Invalid input|shop\.yaml:12:1 name/,
    ],
    [
      "an item of a list",
      SHOP.replace("[10.1.0.0/24]", "[10.1.0.0/24, x]"),
      /shop\.yaml:17:24 subnets\.1 must be a prefix/,
    ],
    ["an unknown kind", "kind: netwrok\nid: x\n", /shop\.yaml:1:1 kind must be one of tenant, .*not "netwrok"/],
    ["no id", "kind: site\nname: X\n", /shop\.yaml:1:1 id must be/],
    ["no parent", "kind: endpoint\nid: x\nhost: h1\n", /network must name the network that it is in/],
    ["declared twice", `${SHOP}---\n{kind: site, id: fra, name: F}\n`, /site\/fra is declared already at shop\.yaml:/],
    ["no YAML", "kind: [\n", /shop\.yaml:2:1 /],
    ["a key twice", "kind: site\nid: a\nid: b\n", /shop\.yaml:3:1 Map keys must be unique/],
    ["no map", "- a\n- b\n", /shop\.yaml:1:1 a document must be a map/],
    [
      "aliases that multiply",
      `a: &a [x,x,x,x,x,x,x,x]\n${Array.from("bcdefgh")
        .map((name, i) => `${name}: &${name} [${`*${"abcdefg"[i]},`.repeat(8)}]`)
        .join("\n")}\n`,
      /shop\.yaml:1:1 Excessive alias count/,
    ],
  ];
  it.each(faults)("apply: %s -> told with its line, and nothing is asked of the API", (_, text, message) => {
    expect(() => readDeclaration([{ path: "shop.yaml", text }])).toThrow(message);
  });
});
