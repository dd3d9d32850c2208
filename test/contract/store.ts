// What every Store must do, run against the one in memory and the one on DynamoDB alike.

import { beforeEach, describe, expect, test } from "vitest";
import type { ResourceRef } from "../../functions/domain/resource.ts";
import type { Expected, Write } from "../../functions/domain/write.ts";
import type { Store } from "../../functions/store/store.ts";
import { parsePrefix } from "../../shared/address/prefix.ts";
import { parseVni } from "../../shared/address/vni.ts";
import { Endpoint, Host, Network, Tenant } from "../../shared/model/resource.ts";

/** A fresh, empty store, and all its items as one text. */
export type StoreUnderTest = { store: Store; dump: () => Promise<string> };

// Far ahead: an engine that removes expired items must not remove the tombstones of these tests.
const STAMP = { version: 1, createdAt: "2100-01-01T00:00:00.000Z", updatedAt: "2100-01-01T00:00:00.000Z", change: "c" };
const SUBNETS = ["10.0.0.0/24", "2001:db8::/64"].map((text) => parsePrefix(text) ?? never());
/** Of the year 2100, as all here. */
const CHANGE = "03r9ntv2000000000000000000";
const VNI = parseVni(100) ?? never();

export function storeContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`store contract: ${name}`, () => {
    let store: Store;
    let dump: () => Promise<string>;
    beforeEach(async () => {
      ({ store, dump } = await open());
    });

    test("get: nothing written -> absent", async () => {
      expect(await store.get(ref("tenant", "t1"))).toEqual({ state: "absent" });
      expect(await store.change("none")).toBeUndefined();
    });

    test("get: written -> live, as written, absent members absent", async () => {
      await ok(put(endpoint("e1")));
      const held = await store.get(endpointRef("e1"));
      expect(held).toStrictEqual({ state: "live", resource: endpoint("e1"), deleting: false });
    });

    test("get: tombstone -> its version only, and no list shows it", async () => {
      await ok(put(tenant("t1")));
      await ok({ ...put(tenant("t1", 2), { state: "live", version: 1 }), deleted: true });
      expect(await store.get(ref("tenant", "t1"))).toEqual({ state: "deleted", version: 2 });
      expect(await store.list({ kind: "tenant" }, { limit: 10 })).toEqual({ items: [] });
    });

    test("commit: create over a live resource or a tombstone -> failed, the write is named", async () => {
      await ok(put(tenant("t1")));
      const again = put(tenant("t1"));
      expect(await store.commit([again])).toEqual({ kind: "failed", failed: [{ write: again }] });
      await ok({ ...put(tenant("t1", 2), { state: "live", version: 1 }), deleted: true });
      expect((await store.commit([again])).kind).toBe("failed");
      await ok(put(tenant("t1", 3), { state: "deleted", version: 2 }));
      expect(await store.get(ref("tenant", "t1"))).toMatchObject({ state: "live", resource: { version: 3 } });
    });

    test("commit: expected version is gone -> failed", async () => {
      await ok(put(tenant("t1")));
      await ok(put(tenant("t1", 2), { state: "live", version: 1 }));
      expect((await store.commit([put(tenant("t1", 2), { state: "live", version: 1 })])).kind).toBe("failed");
      expect((await store.commit([put(tenant("t2", 2), { state: "live", version: 1 })])).kind).toBe("failed");
    });

    test("commit: one of many conditions fails -> nothing is written, owner of the guard is told", async () => {
      await ok(claimVni("n1"));
      const before = await dump();
      const claim = claimVni("n2");
      const result = await store.commit([put(tenant("t1")), claim, put(network())]);
      expect(result).toEqual({ kind: "failed", failed: [{ write: claim, owner: "n1" }] });
      expect(await dump()).toBe(before);
    });

    test("commit: several conditions fail -> all are told", async () => {
      await ok(claimVni("n1"), put(tenant("t1")));
      const result = await store.commit([claimVni("n2"), put(tenant("t1"))]);
      expect(result.kind === "failed" && result.failed.map(({ write }) => write.write)).toEqual(["claim", "resource"]);
    });

    test("commit: release of another's guard -> failed; of one's own -> free again", async () => {
      await ok(claimVni("n1"));
      expect((await store.commit([{ ...claimVni("n2"), write: "release" }])).kind).toBe("failed");
      await ok({ ...claimVni("n1"), write: "release" });
      await ok(claimVni("n2"));
    });

    test("commit: 64 claims of one guard at once -> exactly one wins", async () => {
      const results = await Promise.all(
        Array.from({ length: 64 }, (_, i) => store.commit([claimVni(`n${i}`), put(tenant(`t${i}`))])),
      );
      expect(results.filter(({ kind }) => kind === "committed")).toHaveLength(1);
      expect((await store.list({ kind: "tenant" }, { limit: 100 })).items).toHaveLength(1);
    });

    test("require: parent absent, deleted or being deleted -> failed; live -> committed", async () => {
      const required: Write = { write: "require", ref: ref("network", "n1") };
      const tryIt = async (id: string) => (await store.commit([required, put(tenant(id))])).kind;
      expect(await tryIt("a")).toBe("failed");
      await ok(put(network()));
      expect(await tryIt("a")).toBe("committed");
      expect(await store.fence({ ref: required.ref, version: 1, why: { kind: "deleting" } }, "token")).toBe(true);
      expect(await tryIt("b")).toBe("failed");
      await store.unfence(required.ref, "token");
      expect(await tryIt("b")).toBe("committed");
      await ok({ ...put(network(2), { state: "live", version: 1 }), deleted: true });
      expect(await tryIt("c")).toBe("failed");
    });

    test("require: another tenant has the id since -> failed; the same tenant, whatever the version -> committed", async () => {
      const required = { write: "require", ref: ref("network", "n1"), tenant: "t1" } as const;
      const tryIt = async (id: string) => (await store.commit([required, put(tenant(id))])).kind;
      await ok(put(network()));
      expect(await tryIt("a")).toBe("committed");
      await ok({ ...put(network(2), { state: "live", version: 1 }), deleted: true });
      await ok(put({ ...network(3), tenant: "t2" }, { state: "deleted", version: 2 }));
      expect(await tryIt("b")).toBe("failed");
      await ok(put(network(4), { state: "live", version: 3 }));
      expect(await tryIt("b")).toBe("committed");
    });

    test("require: subnets changed, or a narrowing is under way that was not read -> failed", async () => {
      await ok(put(network()));
      const required = (subnets: Write & { write: "require" }) => store.commit([subnets, put(tenant("t1"))]);
      const asRead = { write: "require", ref: ref("network", "n1"), subnets: { subnets: SUBNETS } } as const;
      const narrowing = SUBNETS.slice(0, 1);
      expect((await required({ ...asRead, subnets: { subnets: narrowing } })).kind).toBe("failed");
      expect((await required({ ...asRead, subnets: { subnets: SUBNETS, narrowing } })).kind).toBe("failed");
      await store.fence({ ref: asRead.ref, version: 1, why: { kind: "narrowing", subnets: narrowing } }, "token");
      expect(await store.get(ref("network", "n1"))).toMatchObject({ state: "live", narrowing });
      expect((await required(asRead)).kind).toBe("failed");
      expect((await required({ ...asRead, subnets: { subnets: SUBNETS, narrowing } })).kind).toBe("committed");
    });

    test("fence: other version, tombstone, or a narrowing of what is being deleted -> refused", async () => {
      const target = ref("network", "n1");
      const narrowing = { ref: target, version: 1, why: { kind: "narrowing", subnets: [] } } as const;
      const deleting = { ref: target, version: 1, why: { kind: "deleting" } } as const;
      expect(await store.fence(deleting, "token")).toBe(false);
      expect(await store.get(target)).toEqual({ state: "absent" });
      await ok(put(network()));
      expect(await store.fence({ ...deleting, version: 2 }, "token")).toBe(false);
      expect(await store.fence(deleting, "token")).toBe(true);
      expect(await store.get(target)).toMatchObject({ state: "live", deleting: true, resource: { version: 1 } });
      expect(await store.fence(narrowing, "other")).toBe(false);
      await ok({ ...put(network(2), { state: "live", version: 1, fence: "token" }), deleted: true });
      expect(await store.fence({ ...deleting, version: 2 }, "token")).toBe(false);
    });

    test("fence: put up again by another -> the first can neither write behind it nor take it down", async () => {
      await ok(put(network()));
      const fence = { ref: ref("network", "n1"), version: 1, why: { kind: "deleting" } } as const;
      await store.fence(fence, "first");
      await store.fence(fence, "second");
      const behind = (token: string) => put(network(2), { state: "live", version: 1, fence: token });
      expect((await store.commit([behind("first")])).kind).toBe("failed");
      await store.unfence(fence.ref, "first");
      expect(await store.get(fence.ref)).toMatchObject({ deleting: true });
      expect((await store.commit([behind("second")])).kind).toBe("committed");
      expect(await store.get(fence.ref)).toMatchObject({ deleting: false });
    });

    test("list: pages of every size -> all live ones once, in order, and no empty last page", async () => {
      const ids = Array.from({ length: 12 }, (_, i) => `t${String(i).padStart(2, "0")}`);
      await ok(...ids.map((id) => put(tenant(id))));
      for (const id of ["t03", "t04", "t11"])
        await ok({ ...put(tenant(id, 2), { state: "live", version: 1 }), deleted: true });
      const live = ids.filter((id) => !["t03", "t04", "t11"].includes(id));
      for (const limit of [1, 2, 3, 8, 9, 10]) {
        const pages: string[][] = [];
        let next: string | undefined;
        do {
          const page = await store.list({ kind: "tenant" }, next === undefined ? { limit } : { limit, position: next });
          pages.push(page.items.map(({ id }) => id));
          next = page.next;
        } while (next !== undefined);
        expect(pages.flat()).toEqual(live);
        expect(pages).toHaveLength(Math.ceil(live.length / limit));
      }
    });

    test("list: endpoints of a network, of a host, of both -> through the index, other items not among them", async () => {
      const here = [endpoint("e1"), endpoint("e2"), { ...endpoint("e3"), host: "h2" }];
      const there = { ...endpoint("e1"), network: "n2" };
      await ok(...[...here, there].flatMap((one) => [put(one), linkHost(one)]));
      await ok({ write: "claim", guard: { kind: "mac", network: "n1", mac: endpoint("e1").mac }, owner: "e1" });
      const ids = async (list: Parameters<typeof store.list<"endpoint">>[0]) => {
        const { items } = await store.list<"endpoint">(list, { limit: 10 });
        return items.map(({ network, id }) => `${network}/${id}`);
      };
      expect(await ids({ kind: "endpoint", network: "n1" })).toEqual(["n1/e1", "n1/e2", "n1/e3"]);
      expect(await ids({ kind: "endpoint", host: "h1" })).toEqual(["n1/e1", "n1/e2", "n2/e1"]);
      expect(await ids({ kind: "endpoint", network: "n1", host: "h1" })).toEqual(["n1/e1", "n1/e2"]);
      expect(await ids({ kind: "endpoint", network: "n2", host: "h2" })).toEqual([]);
      await ok({ ...linkHost(there), write: "unlink" });
      expect(await ids({ kind: "endpoint", host: "h1" })).toEqual(["n1/e1", "n1/e2"]);
      const first = await store.list<"endpoint">({ kind: "endpoint", host: "h1" }, { limit: 1 });
      expect(first.next).toBeDefined();
      const second = await store.list<"endpoint">(
        { kind: "endpoint", host: "h1" },
        { limit: 1, position: first.next ?? "" },
      );
      expect(second.items.map(({ id }) => id)).toEqual(["e2"]);
      expect(second.next).toBeUndefined();
    });

    test("list: networks of a tenant, hosts of a site -> only those", async () => {
      await ok(
        put(network()),
        put(host("h1")),
        put({ ...host("h2"), site: "s2" }),
        { write: "link", index: { kind: "tenant-network", tenant: "t1", network: "n1" } },
        { write: "link", index: { kind: "site-host", site: "s1", host: "h1" } },
        { write: "link", index: { kind: "site-host", site: "s2", host: "h2" } },
      );
      const networks = await store.list<"network">({ kind: "network", tenant: "t1" }, { limit: 10 });
      expect(networks.items).toEqual([network()]);
      expect((await store.list<"network">({ kind: "network", tenant: "t2" }, { limit: 10 })).items).toEqual([]);
      const hosts = await store.list<"host">({ kind: "host", site: "s2" }, { limit: 10 });
      expect(hosts.items.map(({ id }) => id)).toEqual(["h2"]);
      expect((await store.list<"host">({ kind: "host" }, { limit: 10 })).items).toHaveLength(2);
    });

    test("list: more index entries than one batch can read -> all of them", async () => {
      const ids = Array.from({ length: 130 }, (_, i) => `e${String(i).padStart(3, "0")}`);
      for (let i = 0; i < ids.length; i += 40) {
        await ok(...ids.slice(i, i + 40).flatMap((id) => [put(endpoint(id)), linkHost(endpoint(id))]));
      }
      const { items } = await store.list<"endpoint">({ kind: "endpoint", host: "h1" }, { limit: 200 });
      expect(items.map(({ id }) => id)).toEqual(ids);
    });

    test("change: recorded -> read back; its id again -> failed", async () => {
      const change = {
        id: CHANGE,
        resource: endpointRef("e1"),
        action: "move",
        channels: ["net:n1"],
        key: "endpoint/e1",
        version: 3,
        at: STAMP.updatedAt,
      } as const;
      const audit = { outcome: "done", actor: "anonymous", action: "move", resource: change.resource } as const;
      const record: Write = { write: "record", change: { ...change, channels: [...change.channels] }, audit };
      await ok(record);
      expect(await store.change(CHANGE)).toStrictEqual(change);
      expect((await store.commit([record])).kind).toBe("failed");
    });

    async function ok(...writes: Write[]): Promise<void> {
      expect(await store.commit(writes)).toEqual({ kind: "committed" });
    }
  });
}

function ref<K extends "tenant" | "network">(kind: K, id: string) {
  return { kind, id };
}

function endpointRef(id: string) {
  return { kind: "endpoint", network: "n1", id } as const;
}

function tenant(id: string, version = 1): Tenant {
  return Tenant.parse({ id, name: "Acme", ...STAMP, version });
}

function network(version = 1): Network {
  return Network.parse({ id: "n1", tenant: "t1", name: "web", vni: VNI, subnets: SUBNETS, ...STAMP, version });
}

function host(id: string): Host {
  const bgp = { asn: 4200000001, peers: [{ address: "192.0.2.1", asn: 65000, holdTimeSec: 9 }] };
  return Host.parse({ id, site: "s1", vtep: "2001:db8::1", bgp, ...STAMP });
}

function endpoint(id: string): Endpoint {
  const ips = ["10.0.0.5", "2001:db8::5"];
  return Endpoint.parse({
    id,
    network: "n1",
    host: "h1",
    mac: "02-00-00-00-00-01",
    ips,
    port: "tap0",
    mobility: 0,
    ...STAMP,
  });
}

function put(
  resource: Tenant | Host | Network | Endpoint,
  expected: Expected = { state: "absent" },
): Write & { write: "resource" } {
  return { write: "resource", ref: refOf(resource), expected, resource, deleted: false };
}

function refOf(resource: Tenant | Host | Network | Endpoint): ResourceRef {
  if ("network" in resource) return { kind: "endpoint", network: resource.network, id: resource.id };
  if ("vni" in resource) return { kind: "network", id: resource.id };
  return { kind: "vtep" in resource ? "host" : "tenant", id: resource.id };
}

function claimVni(owner: string): Write & { write: "claim" | "release" } {
  return { write: "claim", guard: { kind: "vni", vni: VNI }, owner };
}

function linkHost({ host, network, id }: Endpoint): Write & { write: "link" | "unlink" } {
  return { write: "link", index: { kind: "host-endpoint", host, network, endpoint: id } };
}

function never(): never {
  throw new Error("a constant of this test does not parse");
}
