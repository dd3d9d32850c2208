// A machine where koffi has no binary: the adapter says what it does without, and still reads the kernel.

import { expect, it, vi } from "vitest";
import { createNetlinkKernel } from "../../../edge-agent/netlink/kernel.ts";

vi.mock("koffi", () => {
  throw new Error("no binary for this platform");
});

it("koffi cannot be loaded -> told once with the reason, no events, dumps work", async () => {
  const logged: string[] = [];
  const kernel = await createNetlinkKernel({ log: (text) => logged.push(text) });
  expect(kernel.degraded).toContain("koffi cannot be loaded");
  expect(kernel.degraded).toContain("only periodic comparison");
  expect(logged).toEqual([kernel.degraded]);
  kernel.watch(() => expect.unreachable("no socket listens")).close();
  expect((await kernel.dump()).addresses.size).toBeGreaterThan(0);
  expect(await kernel.apply([])).toEqual([]);
  await kernel.close();
});

it("koffi cannot be loaded, another namespace wanted -> refused with the reason", async () => {
  const opening = createNetlinkKernel({ netns: "anywhere", log: () => undefined });
  await expect(opening).rejects.toThrow("koffi is needed");
});
