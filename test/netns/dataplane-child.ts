// A process with the real dataplane, to be killed at any moment: applies the desired state that a seed and a number of
// changes give, one change at a time, from the number it is started with. Writes a line for each change that it began.

import { realClock as clock } from "../../edge-agent/real-clock.ts";
import { createReconciler } from "../../edge-agent/dataplane/reconciler.ts";
import { createNetlinkKernel } from "../../edge-agent/netlink/kernel.ts";
import { changesOf, stateAfter } from "./dataplane-changes.ts";

const [from = "0", to = "0"] = process.argv.slice(2);
const kernel = await createNetlinkKernel({ log: (text) => void process.stderr.write(`${text}\n`) });
const reconciler = createReconciler({ kernel, clock, log: () => undefined });

function settled(generation: number): Promise<void> {
  return new Promise((resolve) => {
    const stop = reconciler.onReport((report) => {
      const clean = report.networks.every((network) => network.remaining + network.problems.length === 0);
      if (report.generation < generation || !clean || report.error !== undefined) return;
      stop();
      resolve();
    });
  });
}

await settled(reconciler.setDesired(stateAfter(Number(from)), { inSync: true }));
for (let number = Number(from); number < Number(to); number++) {
  process.stdout.write(`${number}\n`);
  await settled(reconciler.change(changesOf(number), { inSync: true }));
}
process.stdout.write("done\n");
await reconciler.close();
await kernel.close();
