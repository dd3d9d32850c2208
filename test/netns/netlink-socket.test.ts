import { describe, expect, it } from "vitest";
import { createNetlinkKernel } from "../../edge-agent/netlink/kernel.ts";
import { requireKernel } from "./require-root.ts";

describe.runIf(requireKernel("root"))("netlink sockets", () => {
  it("netlink sockets: opened again and again -> each is guarded against overruns, whatever numbers its descriptors get", async () => {
    const said: string[] = [];
    for (let round = 0; round < 30; round++) {
      const kernel = await createNetlinkKernel({ log: (text) => void said.push(text) });
      said.push(...(kernel.degraded === undefined ? [] : [kernel.degraded]));
      await kernel.close();
    }
    expect(said).toEqual([]);
  });
});
