// Tenants, sites and hosts: create, change, delete.

import { describe, expect, test } from "vitest";
import { HostChange } from "../../../functions/domain/command.ts";
import { changeHost, createHost, deleteHost } from "../../../functions/domain/host.ts";
import { changeSite, createSite, deleteSite } from "../../../functions/domain/site.ts";
import { changeTenant, createTenant, deleteTenant } from "../../../functions/domain/tenant.ts";
import type { Prefix } from "../../../shared/address/prefix.ts";
import { HostPatch } from "../../../shared/model/resource.ts";
import {
  ABSENT,
  aHost,
  buried,
  CONTEXT,
  live,
  NO_CHILDREN,
  newHost,
  planned,
  refused,
  sideWrites,
  site,
  tenant,
} from "./domain-facts.ts";

describe("tenant and site", () => {
  test("create: id is new -> version 1, one resource and its change, in no channel", () => {
    const plan = planned(createTenant({ tenant: ABSENT }, { id: "acme", name: "Acme" }, CONTEXT));
    const { at } = CONTEXT;
    const resource = { id: "acme", name: "Acme", version: 1, createdAt: at, updatedAt: at, change: "c2" };
    const ref = { kind: "tenant", id: "acme" };
    const about = { resource: ref, tenant: "acme", action: "create" };
    const audit = { outcome: "done", actor: "user:jane", ...about, after: resource };
    expect(plan).toEqual({
      kind: "plan",
      effect: "create",
      resource,
      writes: [
        { write: "resource", ref, expected: { state: "absent" }, resource, deleted: false },
        { write: "room", tenant: "acme", mode: "open", rooms: { networks: 1000, routers: 100, endpoints: 100_000 } },
        { write: "record", change: { id: "c2", ...about, channels: [], version: 1, at }, audit },
        { write: "trail", ref, change: "c2", at },
      ],
    });
  });

  test("create: id was used and deleted -> the next version, if it is still that tombstone", () => {
    const plan = planned(createSite({ site: buried(7) }, { id: "fra", name: "Frankfurt" }, CONTEXT));
    expect(plan.resource.version).toBe(8);
    expect(plan.writes[0]).toMatchObject({ expected: { state: "deleted", version: 7 } });
  });

  test("create: id is in use -> refused", () => {
    const refusals = refused(createTenant({ tenant: live(tenant) }, { id: "acme", name: "Acme" }, CONTEXT));
    expect(refusals).toEqual([{ kind: "id-taken", ref: { kind: "tenant", id: "acme" } }]);
  });

  test("change: same name -> nothing to write; another -> next version, creation time kept", () => {
    expect(
      planned(changeTenant({ tenant: live(tenant) }, { id: "acme", patch: { name: "Acme" } }, CONTEXT)).writes,
    ).toEqual([]);
    expect(planned(changeSite({ site: live(site) }, { id: "fra", patch: {} }, CONTEXT)).writes).toEqual([]);
    const plan = planned(changeTenant({ tenant: live(tenant) }, { id: "acme", patch: { name: "New" } }, CONTEXT));
    expect(plan.resource).toEqual({ ...tenant, name: "New", version: 5, updatedAt: CONTEXT.at, change: "c2" });
    expect(plan.writes[0]).toMatchObject({ expected: { state: "live", version: 4 } });
  });

  test("change and delete: absent or deleted -> not found; being deleted -> no change", () => {
    const ref = { kind: "site", id: "fra" };
    const patch = { id: "fra", patch: { name: "x" } };
    expect(refused(changeSite({ site: ABSENT }, patch, CONTEXT))).toEqual([{ kind: "not-found", ref }]);
    expect(refused(changeSite({ site: buried(1) }, patch, CONTEXT))).toEqual([{ kind: "not-found", ref }]);
    expect(refused(changeSite({ site: live(site, { deleting: true }) }, patch, CONTEXT))).toEqual([
      { kind: "being-deleted", ref },
    ]);
    const gone = deleteSite({ site: buried(1), children: NO_CHILDREN }, { id: "fra" }, CONTEXT);
    expect(refused(gone)).toEqual([{ kind: "not-found", ref }]);
  });

  test("delete: empty -> tombstone behind a fence, also where an earlier deletion was interrupted", () => {
    for (const deleting of [false, true]) {
      const facts = { tenant: live(tenant, { deleting }), children: NO_CHILDREN };
      const plan = planned(deleteTenant(facts, { id: "acme" }, { ...CONTEXT, fence: "token" }));
      expect(plan.fence).toEqual({ ref: { kind: "tenant", id: "acme" }, version: 4, why: { kind: "deleting" } });
      expect(plan.writes[0]).toMatchObject({ deleted: true, expected: { state: "live", version: 4, fence: "token" } });
      expect(plan.resource.version).toBe(5);
    }
  });

  test("delete: children -> refused with what is in the way", () => {
    const children = { refs: [{ kind: "network", id: "web" } as const], more: true };
    const refusals = refused(deleteTenant({ tenant: live(tenant), children }, { id: "acme" }, CONTEXT));
    expect(refusals).toEqual([
      { kind: "not-empty", ref: { kind: "tenant", id: "acme" }, blocking: children.refs, more: true },
    ]);
  });
});

describe("host", () => {
  test("create: claims its VTEP address, in its own channel", () => {
    const plan = planned(createHost({ host: ABSENT, site: live(site), fabric: [] }, newHost(), CONTEXT));
    expect(sideWrites(plan.writes)).toEqual([
      "require site fra",
      "claim vtep 192.0.2.1 for h1",
      "link site-host fra h1",
    ]);
    expect(plan.writes.at(-2)).toMatchObject({ change: { channels: ["host:h1"], key: "host", action: "create" } });
  });

  test("create: site absent, or being deleted -> refused by the field", () => {
    const ref = { kind: "site", id: "fra" };
    expect(refused(createHost({ host: ABSENT, site: ABSENT, fabric: [] }, newHost(), CONTEXT))).toEqual([
      { kind: "no-such", field: "site", ref },
    ]);
    const deleting = createHost({ host: ABSENT, site: live(site, { deleting: true }), fabric: [] }, newHost(), CONTEXT);
    expect(refused(deleting)).toEqual([{ kind: "being-deleted", field: "site", ref }]);
  });

  test("create: several faults -> all of them", () => {
    const peers = [1, 1].map(() => ({ address: "192.0.2.250", asn: 65000 }));
    const host = newHost({ vtep: "2001:db8::1", bgp: { asn: 65001, peers } });
    const kinds = refused(createHost({ host: ABSENT, site: ABSENT, fabric: [] }, host, CONTEXT)).map(
      ({ kind }) => kind,
    );
    expect(kinds).toEqual(["no-such", "router-id-needed", "duplicate"]);
  });

  test("create: IPv6 VTEP with a router id, or without BGP -> planned", () => {
    const facts = { host: ABSENT, site: live(site), fabric: [] };
    planned(
      createHost(facts, newHost({ vtep: "2001:db8::1", bgp: { asn: 65001, routerId: "1.1.1.1", peers: [] } }), CONTEXT),
    );
    planned(createHost(facts, newHost({ vtep: "2001:db8::1" }), CONTEXT));
  });

  test("change: merged as RFC 7396 says; incomplete BGP is refused by the field", () => {
    const host = live(aHost({ bgp: { asn: 65001, peers: [] }, name: "one" }));
    const change = (patch: object) => changeHost({ host, fabric: [] }, { id: "h1", patch }, CONTEXT);
    expect(planned(change(HostPatch.parse({ name: null }))).resource).not.toHaveProperty("name");
    expect(planned(change({ bgp: { asn: 65002 } })).resource.bgp).toEqual({ asn: 65002, peers: [] });
    expect(planned(change({ bgp: { asn: 65001 } })).writes).toEqual([]);
    expect(planned(change({ bgp: null })).resource).not.toHaveProperty("bgp");
    const bare = changeHost({ host: live(aHost()), fabric: [] }, { id: "h1", patch: { bgp: { peers: [] } } }, CONTEXT);
    expect(refused(bare)).toEqual([{ kind: "required", field: "bgp.asn" }]);
  });

  test("change: the underlay of a host -> merged field by field, and taken away by null", () => {
    const accept = [{ prefix: "10.0.0.0/16" as Prefix, ge: 32 }];
    const bgp = { asn: 65001, peers: [], underlay: { announceVtep: true, accept } };
    const host = live(aHost({ bgp }));
    const change = (underlay: object | null) =>
      planned(changeHost({ host, fabric: [] }, { id: "h1", patch: HostChange.parse({ bgp: { underlay } }) }, CONTEXT))
        .resource.bgp;
    expect(change({ multipathRelax: true })).toEqual({ ...bgp, underlay: { ...bgp.underlay, multipathRelax: true } });
    expect(change({ accept: null })).toEqual({ ...bgp, underlay: { announceVtep: true } });
    expect(change(null)).toEqual({ asn: 65001, peers: [] });
  });

  test("delete: empty -> gives its VTEP address back", () => {
    const plan = planned(deleteHost({ host: live(aHost()), children: NO_CHILDREN }, { id: "h1" }, CONTEXT));
    expect(sideWrites(plan.writes)).toEqual(["release vtep 192.0.2.1 for h1", "unlink site-host fra h1"]);
    expect(plan.writes[0]).toMatchObject({ deleted: true });
  });
});
