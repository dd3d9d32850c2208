// `fleet`: the hosts that need a look, and how many do not.

import type { Fleet } from "./api.ts";
import type { Command } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import type { Paint } from "./output/paint.ts";
import { formatValue } from "./output/print.ts";
import { tableLines } from "./output/table.ts";

type Overview = Omit<Fleet, "next">;
type Row = Fleet["items"][number];

export const fleetCommand: Command = {
  words: ["fleet"],
  summary: "the hosts that need a look, and how many do not",
  args: [],
  options: [
    { name: "site", value: "SITE", help: "only the hosts of this site", kind: "site" },
    { name: "check", help: "exit status 1 if a host needs a look" },
  ],
  more:
    "A host needs a look if it is not in sync, has BGP sessions down, or had conflicts or drift in the last hour.\n" +
    "-o name names those hosts alone.",
  examples: [
    { line: "fleet", says: "all hosts" },
    { line: "fleet --site fra --check -o name", says: "for a monitor: who, and an exit status" },
  ],
  run: async ({ options }, session) => {
    const { world, format, paint, progress } = session;
    const client = await session.client();
    let all: Overview | undefined;
    let cursor: string | undefined;
    do {
      const page = await client.fleet({ site: options.text("site"), limit: PAGE, cursor });
      all = all ? together(all, page) : page;
      cursor = page.next;
      if (cursor !== undefined) progress.show(`looked at ${all.hosts.total} hosts`);
    } while (cursor !== undefined);
    progress.end();
    const { hosts, sessionsDown, conflicts, drift, items } = all;
    const whole = { hosts, sessionsDown, conflicts, drift, items };
    const names = () => items.map(({ host }) => `host/${host}\n`).join("");
    world.out.write(formatValue(whole, format) ?? (format === "name" ? names() : fleetText(whole, paint)));
    return options.has("check") && items.length > 0 ? EXIT.failed : EXIT.done;
  },
};

/** The largest that the API gives. */
const PAGE = 1000;

/** The counts of a page are the page's. */
function together(a: Overview, b: Overview): Overview {
  const hosts = { ...a.hosts };
  for (const name of Object.keys(hosts) as (keyof Overview["hosts"])[]) hosts[name] += b.hosts[name];
  return {
    hosts,
    sessionsDown: a.sessionsDown + b.sessionsDown,
    conflicts: a.conflicts + b.conflicts,
    drift: a.drift + b.drift,
    items: [...a.items, ...b.items],
  };
}

const STATES = [
  ["inSync", "in sync"],
  ["behind", "behind"],
  ["diverged", "diverged"],
  ["kernel", "with a kernel that is not as it should be"],
  ["silent", "silent"],
  ["unreported", "never reported"],
] as const;

function fleetText({ hosts, sessionsDown, conflicts, drift, items }: Overview, paint: Paint): string {
  const counts = STATES.filter(([name]) => hosts[name] > 0).map(([name, words]) => `${hosts[name]} ${words}`);
  const troubles = [
    [sessionsDown, "BGP sessions down"],
    [conflicts, "conflicts"],
    [drift, "drift"],
  ] as const;
  const told = troubles.filter(([count]) => count > 0).map(([count, words]) => `${count} ${words}`);
  const summary = `${hosts.total} ${hosts.total === 1 ? "host" : "hosts"}: ${counts.join(", ") || "none"}`;
  const lines = [
    paint(items.length === 0 ? "green" : "yellow", [summary, ...told].join("; ")),
    ...(items.length === 0 ? [] : tableLines(items, COLUMNS)),
  ];
  return `${lines.join("\n")}\n`;
}

const COLUMNS = [
  { title: "HOST", value: ({ host }: Row) => host },
  { title: "SITE", value: ({ site }: Row) => site },
  { title: "STATE", value: ({ state }: Row) => state },
  { title: "SINCE", value: ({ since }: Row) => since },
  { title: "LAST SEEN", value: ({ lastSeenAt }: Row) => lastSeenAt },
  { title: "WHY", value: (row: Row) => whyOf(row) },
];

function whyOf({ reason, channels, sessionsDown, conflicts, drift }: Row): string {
  const parts = [
    ...(reason === undefined ? [] : [reason]),
    ...channels.map(({ channel, state, behindBy }) => `${channel} ${state}${behindBy > 0 ? ` by ${behindBy}` : ""}`),
    ...sessionsDown.map(({ peer, state }) => `BGP to ${peer} is ${state}`),
    ...conflicts.map(({ detail }) => `conflict: ${detail}`),
    ...drift.map(({ detail }) => `drift: ${detail}`),
  ];
  return parts.join("; ");
}
