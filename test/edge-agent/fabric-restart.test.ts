// What a restart does to the fabric's entries in the kernel, over overlay, reconciler and the kernel in memory. FRR 8.4.4
// flushes all of them when bgpd ends, and keeps those deleted meanwhile for ever when zebra and bgpd both do.

import { afterEach, describe, expect, it } from "vitest";
import type { ReceivedRoute } from "../../edge-agent/bgp/route.ts";
import { createMemoryKernel, type MemoryKernel } from "../../edge-agent/dataplane/memory-kernel.ts";
import { createReconciler, type Reconciler } from "../../edge-agent/dataplane/reconciler.ts";
import type { HostIntent } from "../../edge-agent/intent/view.ts";
import { buildOverlay } from "../../edge-agent/overlay.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Asn, Vni } from "../../shared/address/vni.ts";
import { createFakeClock } from "./dataplane/fake-clock.ts";
import { HIGH, LOW, macOf, macRoute, OWN } from "./evpn/fabric-routes.ts";

const intent: HostIntent = {
  id: "h1",
  host: { site: "ams", vtep: OWN, bgp: { asn: 65001 as Asn, peers: [] } },
  pending: [],
  networks: [
    {
      id: "blue",
      definition: { tenant: "acme", name: "blue", vni: 100 as Vni, subnets: [] },
      vteps: new Map([["h1", { site: "ams", address: OWN, asns: [] }]]),
      endpoints: [],
    },
  ],
};
const fabric = [macRoute(1, LOW), macRoute(2, HIGH)];

describe("the fabric's entries over a restart", () => {
  const open: Reconciler[] = [];
  afterEach(async () => {
    for (const reconciler of open.splice(0)) await reconciler.close();
  });

  /** One life of the agent, up to the kernel that it leaves behind. */
  function live(kernel: MemoryKernel) {
    const clock = createFakeClock();
    const reconciler = createReconciler({ kernel, clock, log: () => undefined });
    open.push(reconciler);
    return {
      end: () => reconciler.close(),
      async hears(routes: readonly ReceivedRoute[], mayDelete: boolean): Promise<readonly Mac[]> {
        reconciler.setDesired(buildOverlay(intent, routes).desired, { inSync: mayDelete });
        await clock.advance(0);
        const read = reconciler.latest()?.networks[0]?.verified;
        return (read?.remote ?? []).map(({ mac }) => mac).toSorted();
      },
    };
  }

  it("restart: the agent ends -> the kernel keeps all, and the next one adopts it (FRR: flushed at once)", async () => {
    const kernel = createMemoryKernel({ vtep: OWN });
    const first = live(kernel);
    expect(await first.hears(fabric, true)).toEqual([macOf(1), macOf(2)]);
    await first.end();
    const second = live(kernel);
    expect(await second.hears([], false)).toEqual([macOf(1), macOf(2)]);
    expect(await second.hears(fabric.slice(0, 1), false)).toEqual([macOf(1), macOf(2)]);
  });

  it("restart: withdrawn while the agent was away -> swept after End-of-RIB (FRR: stays for ever)", async () => {
    const kernel = createMemoryKernel({ vtep: OWN });
    const first = live(kernel);
    await first.hears(fabric, true);
    await first.end();
    const second = live(kernel);
    await second.hears(fabric.slice(0, 1), false);
    expect(await second.hears(fabric.slice(0, 1), true)).toEqual([macOf(1)]);
  });
});
