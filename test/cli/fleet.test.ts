// `fleet`: pages added up, and who needs a look.

import { describe, expect, it } from "vitest";
import { BASICS, createCliUnderTest } from "./cli-under-test.ts";

const well = {
  lastSeenAt: "2026-11-22T12:00:00.000Z",
  inSync: true,
  agent: { version: "1", startedAtMs: 1, kernel: "6.1" },
  bgp: [],
  state: "in-sync" as const,
  channels: [],
};

describe("cli fleet", () => {
  it("fleet: hosts that are well and one that is not -> counts of all, a row of the one; --check -> exit status 1", async () => {
    const { cli, api, all } = createCliUnderTest();
    await all(...BASICS, "create site ams --name A", "create host h3 --site ams --vtep 192.0.2.13");
    for (const id of ["h1", "h3"]) api.hosts.statuses[id] = well;
    const ran = await cli("fleet");
    expect(ran).toMatchObject({ exit: 0, err: "" });
    expect(ran.out).toMatch(
      /^3 hosts: 2 in sync, 1 never reported\nHOST +SITE +STATE +SINCE +LAST SEEN +WHY\nh2 +fra +unreported/,
    );
    expect(await cli("fleet --check -o name")).toMatchObject({ exit: 1, out: "host/h2\n" });
    expect(await cli("fleet --site ams --check")).toMatchObject({ exit: 0, out: "1 host: 1 in sync\n" });
    expect(JSON.parse((await cli("fleet -o json")).out)).toMatchObject({
      hosts: { total: 3, inSync: 2, unreported: 1 },
      items: [{ host: "h2" }],
    });
  });

  it("fleet: more hosts than a page -> the counts of all pages together", async () => {
    const { cli, api, all } = createCliUnderTest();
    await all("create site fra --name F");
    const fetch = async (request: Request) => {
      const url = new URL(request.url);
      if (url.pathname !== "/v1/fleet") return api.app.fetch(request);
      const counts = { total: 1000, inSync: 999, behind: 1, diverged: 0, kernel: 0, silent: 0, unreported: 0 };
      const host = url.searchParams.has("cursor") ? "h2" : "h1";
      const row = { host, site: "fra", state: "behind", channels: [], sessionsDown: [], conflicts: [], drift: [] };
      const channels = [{ channel: "net:web", state: "behind", behindBy: 3, since: well.lastSeenAt }];
      const sessionsDown = [{ peer: "192.0.2.1", state: "Idle", since: well.lastSeenAt }];
      const noted = [{ at: well.lastSeenAt, detail: "fdb entry came back" }];
      const item = host === "h1" ? { ...row, channels, sessionsDown, conflicts: noted, drift: noted } : row;
      const page = { hosts: counts, sessionsDown: 1, conflicts: 1, drift: 1, items: [item] };
      return Response.json(host === "h1" ? { ...page, next: "c" } : page);
    };
    const { out, err } = await cli("fleet", { fetch });
    expect(out).toMatch(/^2000 hosts: 1998 in sync, 2 behind; 2 BGP sessions down; 2 conflicts; 2 drift\n/);
    expect(out).toMatch(
      /h1 .* net:web behind by 3; BGP to 192\.0\.2\.1 is Idle; conflict: fdb entry came back; drift: fdb/,
    );
    expect(err).toBe("looked at 1000 hosts\n");
  });
});
