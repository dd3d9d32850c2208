// A rollout for people: where it is, wave by wave and write by write. Pure.

import type { ListedRollout, Rollout } from "../api.ts";
import type { Colour, Paint } from "../output/paint.ts";
import { tableLines, visible } from "../output/table.ts";

const COLOUR: Record<Rollout["state"] | "live", Colour> = {
  planned: "dim",
  running: "yellow",
  waiting: "yellow",
  live: "green",
  done: "green",
  stopped: "red",
  abandoned: "red",
};

export function rolloutText(rollout: Rollout, paint: Paint): string {
  const { id, state, by, createdAt, summary, reason, waves, waitingFor } = rollout;
  const more = waitingFor.total - waitingFor.changes.length;
  const lines = [
    `rollout/${id} ${paint(COLOUR[state], state)}  ${visible(summary)}`,
    `  by ${visible(by)}, ${createdAt}`,
    ...(reason ? [`  ${paint("red", reason.kind)}: ${visible(reasonText(reason))}`] : []),
    ...waitingFor.changes.map((change) => `  ${paint("yellow", "waiting")} for change ${change}`),
    ...(more > 0 ? [`  … and ${more} more changes`] : []),
    ...waves.flatMap((wave, index) => [
      `wave ${index + 1}${wave.name === undefined ? "" : ` (${visible(wave.name)})`}: ${paint(COLOUR[wave.state], wave.state)}`,
      ...tableLines(wave.writes, [
        { title: "WRITE", value: ({ method, path }) => `${method} ${path}` },
        { title: "ANSWER", value: ({ status, left }) => (left ? "left behind" : status) },
        { title: "CHANGE", value: ({ change }) => change },
      ]).map((line) => `  ${line}`),
    ]),
  ];
  return `${lines.join("\n")}\n`;
}

type Reason = NonNullable<Rollout["reason"]>;

function reasonText({ text, path, host, change }: Reason): string {
  const where = [path, host && `host ${host}`, change && `change ${change}`].filter((part) => part !== undefined);
  return where.length === 0 ? text : `${text} (${where.join(", ")})`;
}

export function rolloutsText(rollouts: readonly ListedRollout[]): string {
  if (rollouts.length === 0) return "no rollouts\n";
  const lines = tableLines(rollouts, [
    { title: "ID", value: ({ id }) => id },
    { title: "STATE", value: ({ state }) => state },
    { title: "BY", value: ({ by }) => by },
    { title: "CREATED", value: ({ createdAt }) => createdAt },
    { title: "SUMMARY", value: ({ summary }) => summary },
  ]);
  return `${lines.join("\n")}\n`;
}
