// Waiting for receipts: how far a change has come decides the exit status.

import { describe, expect, it } from "vitest";
import { BASICS, createCliUnderTest } from "./cli-under-test.ts";

/** A command line whose receipts say this of the ToRs. */
async function withTors(...states: string[]) {
  const under = createCliUnderTest();
  await under.all(...BASICS);
  const fetch = async (request: Request) => {
    const answer = await under.api.app.fetch(request);
    if (!new URL(request.url).pathname.startsWith("/v1/changes/")) return answer;
    const at = states.map((state, n) => ({ tor: `tor${n}`, state, reason: state }));
    const tors = { total: at.length, seen: states.filter((state) => state === "seen").length, at };
    return Response.json({ ...((await answer.json()) as object), tors });
  };
  return (line: string) => under.cli(line, { fetch });
}

describe("cli --wait", () => {
  it.each([
    ["live", ["missing"], 0],
    ["seen", [], 0],
    ["seen", ["seen", "told"], 0],
    ["seen", ["seen", "missing"], 5],
    ["seen", ["held"], 5],
    ["seen", ["pending"], 5],
  ])("--wait %s: live, and at the ToRs %j -> exit status %i", async (until, states, exit) => {
    const cli = await withTors(...states);
    const ran = await cli(`edit endpoint web/vm1 --port tap9 --wait ${until} --timeout 2`);
    expect(ran.exit, ran.err).toBe(exit);
  });
});
