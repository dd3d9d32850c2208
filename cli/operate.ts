// Commands that are about one resource and no write of its fields: a host's enrolment, a ToR's configuration, the audit.

import type { Command } from "./command.ts";
import { confirm } from "./confirm.ts";
import { EXIT } from "./exit-code.ts";
import { numberOption } from "./number-option.ts";
import { formatValue } from "./output/print.ts";
import { tableLines } from "./output/table.ts";
import { refOf } from "./api.ts";

export const OPERATE_COMMANDS: readonly Command[] = [
  {
    words: ["join-token"],
    summary: "a token with which a host's agent gets its certificate, once",
    args: [{ name: "HOST", help: "the host", kind: "host" }],
    options: [{ name: "life", value: "SEC", help: "how long it can be used" }],
    examples: [{ line: "join-token h1 --life 600", says: "for overspan-agent join, within ten minutes" }],
    run: async ({ args, options }, session) => {
      const lifeSec = numberOption(options, "life");
      const client = await session.client();
      const given = await client.hosts.joinToken(args[0] as string, lifeSec === undefined ? {} : { lifeSec });
      session.world.out.write(formatValue(given, session.format) ?? `${given.token}\n`);
      return EXIT.done;
    },
  },
  {
    words: ["revoke"],
    summary: "shut a host out: its certificates are void at once",
    args: [{ name: "HOST", help: "the host", kind: "host" }],
    options: [{ name: "yes", short: "y", help: "do not ask" }],
    examples: [{ line: "revoke h1 --yes", says: "a host that was stolen" }],
    run: async ({ args, options }, session) => {
      const host = args[0] as string;
      if (!(await confirm(session, `shut ${host} out?`, options))) return EXIT.failed;
      const revoked = await (await session.client()).hosts.revoke(host);
      session.world.out.write(
        formatValue(revoked, session.format) ?? `host/${host}: ${revoked.revoked} certificates revoked\n`,
      );
      return EXIT.done;
    },
  },
  {
    words: ["switch-config"],
    summary: "the configuration that a ToR needs for the hosts of its site (FRR)",
    args: [{ name: "FABRIC-PEER", help: "the ToR", kind: "fabric-peer" }],
    options: [],
    examples: [{ line: "switch-config tor1", says: "as FRR reads it" }],
    run: async ({ args }, session) => {
      const text = await (await session.client()).fabricPeers.config(args[0] as string);
      session.world.out.write(text.endsWith("\n") ? text : `${text}\n`);
      return EXIT.done;
    },
  },
  {
    words: ["audit"],
    summary: "who changed what when, and what was refused; the newest first",
    args: [{ name: "RESOURCE", help: "only of this one, such as network/web or endpoint/web/vm1", optional: true }],
    options: [
      { name: "actor", value: "ACTOR", help: "only by this one" },
      { name: "from", value: "TIME", help: "from this time on, such as 2026-11-22T12:00:00Z" },
      { name: "to", value: "TIME", help: "before this time" },
      { name: "limit", value: "N", help: "at most so many, up to 200 (default 50)" },
    ],
    examples: [{ line: "audit endpoint/web/vm1 --limit 10", says: "the last ten things that happened to an endpoint" }],
    run: async ({ args, options }, session) => {
      const query = Object.fromEntries(["actor", "from", "to", "limit"].map((name) => [name, options.text(name)]));
      const client = await session.client();
      const { items } = await client.audit({ ...query, resource: args[0] });
      const text = () => `${tableLines(items, COLUMNS).join("\n")}\n`;
      session.world.out.write(formatValue(items, session.format) ?? (items.length === 0 ? "nothing\n" : text()));
      return EXIT.done;
    },
  },
];

type Entry = { at: string; actor: string; outcome: string };

const COLUMNS = [
  { title: "AT", value: ({ at }: Entry) => at },
  { title: "ACTOR", value: ({ actor }: Entry) => actor },
  { title: "OUTCOME", value: ({ outcome }: Entry) => outcome },
  { title: "WHAT", value: (entry: Entry) => whatOf(entry) },
];

function whatOf(entry: object): string {
  const { action, operation, resource, reason } = entry as Record<string, unknown>;
  const ref = resource === undefined ? "" : ` ${refOf(resource as Parameters<typeof refOf>[0])}`;
  return `${(action ?? operation) as string}${ref}${reason === undefined ? "" : `: ${reason as string}`}`;
}
