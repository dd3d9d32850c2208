// A receipt for people. Pure.

import { type Receipt, refOf } from "./api.ts";
import type { Paint } from "./output/paint.ts";
import { visible } from "./output/table.ts";

export function receiptText({ change, resource, at, state, hosts, published, summary }: Receipt, paint: Paint): string {
  const steps = published.map(({ channel, seq }) => `${channel}#${seq}`).join(", ");
  const lines = [
    `${paint(state === "live" ? "green" : "yellow", state)}  ${visible(summary)}`,
    `  change ${change} of ${refOf(resource)}, ${at}`,
    ...(steps === "" ? [] : [`  in ${steps}`]),
    ...hosts.waiting.map(({ host, reason }) => `  ${paint("yellow", "waiting")} for ${host}: ${visible(reason)}`),
  ];
  return `${lines.join("\n")}\n`;
}
