import { expect, it } from "vitest";
import { once } from "../../../functions/api/once.ts";

it("once: asked for several times -> loaded once, the same for all", async () => {
  let loads = 0;
  const get = once(async () => ({ load: ++loads }));
  const [first, second] = await Promise.all([get(), get()]);
  expect(second).toBe(first);
  expect(await get()).toBe(first);
  expect(loads).toBe(1);
});

it("once: a load that fails -> told to all who waited for it, and tried again by the next", async () => {
  let loads = 0;
  const get = once(async () => {
    loads++;
    if (loads === 1) throw new Error("away");
    return loads;
  });
  const answers = await Promise.allSettled([get(), get()]);
  expect(answers.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await get()).toBe(2);
});
