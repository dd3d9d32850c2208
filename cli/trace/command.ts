// `trace A B`.

import type { Command } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { formatValue } from "../output/print.ts";
import { kind } from "../resource/kind.ts";
import { parentGiven, parentOption } from "../resource/read.ts";
import { parseRef } from "../resource/ref.ts";
import { readEnd, readFacts } from "./facts.ts";
import { picture } from "./picture.ts";
import { trace } from "./trace.ts";

const ENDPOINT = kind("endpoint");

export const traceCommand: Command = {
  words: ["trace"],
  summary: "the way from one endpoint to another, and where it breaks",
  args: [
    { name: "FROM", help: "NETWORK/ID, or an address or MAC instead of the id", kind: "endpoint" },
    { name: "TO", help: "the same", kind: "endpoint" },
  ],
  options: parentOption(ENDPOINT),
  more:
    "By what the API knows: what is declared, and what each host read back of its kernel. The underlay it does not see.\n" +
    "Exit status 0: it should work; 1: it is broken, or nobody can tell.",
  examples: [
    { line: "trace web/vm1 web/vm2", says: "a picture of the way" },
    { line: "trace web/10.1.0.20 web/vm1 -o json", says: "by an address; for a program" },
  ],
  run: async (call, session) => {
    const { world, format, paint } = session;
    const [a, b] = call.args.map((text) => parseRef(text, ENDPOINT, parentGiven(ENDPOINT, call)));
    if (!a || !b) throw new Error("the parser lets no fewer through");
    const client = await session.client();
    const ends = await Promise.all([
      readEnd(client, a.parent as string, a.id),
      readEnd(client, b.parent as string, b.id),
    ]);
    const traced = trace(await readFacts(client, ends, world.nowMs()));
    world.out.write(formatValue(traced, format) ?? picture(traced, paint));
    return traced.verdict === "should work" ? EXIT.done : EXIT.failed;
  },
};
