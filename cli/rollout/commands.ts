// `rollout …`: writes in waves, canary hosts first, stopped by the first failed receipt (docs/api.md#rollouts).

import { applyOptions, readOps } from "../apply/read-ops.ts";
import type { Client, ListedRollout, Rollout } from "../api.ts";
import type { Arg, Call, Command, Option } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { usage } from "../failure.ts";
import { numberOption } from "../number-option.ts";
import { formatValue } from "../output/print.ts";
import { send } from "../plan/send.ts";
import { pages } from "../resource/read.ts";
import type { Session } from "../session.ts";
import { followRollout } from "./follow.ts";
import { fieldOfWrites, type Order, readOrder, withFlags, writesOf } from "./order.ts";
import { rolloutsText, rolloutText } from "./show.ts";

const STATES = ["planned", "running", "waiting", "done", "stopped", "abandoned"];
const ID: readonly Arg[] = [{ name: "ROLLOUT", help: "its id", kind: "rollout" }];
const WATCH: readonly Option[] = [
  { name: "watch", short: "w", help: "wait until it is done or has stopped, and show how far it is" },
  {
    name: "timeout",
    value: "SEC",
    help: "of --watch: how long; exit status 5 if it is not over then (default: for ever)",
  },
];
const KEY: Option = {
  name: "idempotency-key",
  value: "KEY",
  help: "a retry with the same key is not done twice; default: a new one",
};

export const ROLLOUT_COMMANDS: readonly Command[] = [
  {
    words: ["rollout", "create"],
    summary: "make changes in waves: canary hosts first, each wave live before the next",
    args: [],
    options: [
      ...applyOptions,
      { name: "id", value: "ID", help: "what it is called; default: the API names it" },
      { name: "canary", value: "HOST", many: true, help: "whose own changes go first", kind: "host" },
      { name: "live-within", value: "SEC", help: "how long a wave's receipts may take (default 300)" },
      { name: "pause", value: "SEC", help: "how long a wave that is live is left alone before the next" },
      { name: "plan", help: "write nothing: show what all waves together would change" },
      KEY,
      ...WATCH,
    ],
    plans: true,
    more:
      "FILE declares resources, as for overspan apply, and --canary says which hosts go first; or it is an order as the API\n" +
      "takes it (POST /v1/rollouts): waves of writes, in YAML or JSON.",
    examples: [
      { line: "rollout create -f hosts.yaml --canary h1 --id timers --plan", says: "what would change, host by host" },
      {
        line: "rollout create -f hosts.yaml --canary h1 --id timers --watch",
        says: "h1 first; the rest once that is live",
      },
      { line: "rollout create -f waves.yaml", says: "waves of one's own" },
    ],
    run: runCreate,
  },
  {
    words: ["rollout", "list"],
    summary: "the rollouts that there are",
    args: [],
    options: [
      { name: "state", value: "STATE", help: "only those in this state", choices: STATES },
      { name: "limit", value: "N", help: "at most so many; default: all" },
    ],
    examples: [{ line: "rollout list --state done", says: "those that need nothing more" }],
    run: async ({ options }, session) => {
      const { world, format } = session;
      const client = await session.client();
      const query = { state: options.text("state") };
      const found = await pages<ListedRollout>(client, "/v1/rollouts", {
        query,
        most: numberOption(options, "limit") ?? Number.POSITIVE_INFINITY,
      });
      const names = () => found.map(({ id }) => `rollout/${id}\n`).join("");
      world.out.write(formatValue(found, format) ?? (format === "name" ? names() : rolloutsText(found)));
      return EXIT.done;
    },
  },
  {
    words: ["rollout", "get"],
    summary: "where a rollout is: its waves, its writes, whom it waits for, why it stopped",
    args: ID,
    options: [],
    examples: [{ line: "rollout get timers", says: "wave by wave" }],
    run: async ({ args }, session) => {
      const client = await session.client();
      return told(session, await client.rollouts.get(args[0] as string));
    },
  },
  {
    words: ["rollout", "watch"],
    summary: "wait until a rollout is done or has stopped, and show how far it is",
    args: ID,
    options: [
      { name: "timeout", value: "SEC", help: "how long; exit status 5 if it is not over then (default: for ever)" },
    ],
    more: "Exit status 0: it is done; 1: it has stopped, or is abandoned.",
    examples: [{ line: "rollout watch timers --timeout 600", says: "ten minutes at most" }],
    run: async ({ args, options }, session) =>
      followRollout({ session, client: await session.client() }, args[0] as string, numberOption(options, "timeout")),
  },
  {
    words: ["rollout", "resume"],
    summary: "go on with a rollout that stopped",
    args: ID,
    options: [{ name: "skip", help: "leave behind what it stopped at" }, KEY, ...WATCH],
    examples: [{ line: "rollout resume ring2 --skip --watch", says: "without the write that was refused" }],
    run: (call, session) =>
      act(call, session, (client, id, terms) =>
        client.rollouts.resume(id, call.options.has("skip") ? { skip: true } : {}, terms),
      ),
  },
  {
    words: ["rollout", "abandon"],
    summary: "give a rollout up; what is done stays",
    args: ID,
    options: [KEY],
    examples: [{ line: "rollout abandon ring3", says: "nothing more is written" }],
    run: (call, session) => act(call, session, (client, id, terms) => client.rollouts.abandon(id, terms)),
  },
];

async function runCreate({ options }: Call, session: Session): Promise<ExitCode> {
  const { world, format, paint } = session;
  const timeoutSec = timeoutOf(options);
  const flags = {
    id: options.text("id"),
    canaries: options.all("canary").flatMap((text) => text.split(",")),
    liveWithinSec: numberOption(options, "live-within"),
    pauseSec: numberOption(options, "pause", { from: 0 }),
  };
  const client = await session.client();
  const { order, nameField } = await orderOf({ options }, session, client);
  const terms = { idempotencyKey: options.text("idempotency-key") ?? world.newKey() };
  const body = withFlags(order, flags);
  const sent = await send(session, options, { method: "POST", path: "/v1/rollouts", body, terms }, nameField);
  if ("planned" in sent) return sent.planned;
  const made = sent.written as unknown as Rollout;
  if (options.has("watch")) return followRollout({ session, client }, made.id, timeoutSec);
  world.out.write(formatValue(made, format) ?? `rollout/${made.id} ${paint("green", "created")}  ${made.summary}\n`);
  return EXIT.done;
}

async function orderOf(
  { options }: Pick<Call, "options">,
  session: Session,
  client: Client,
): Promise<{ order: Order; nameField: (field: string) => string }> {
  const [path, ...others] = options.all("filename");
  if (path !== undefined && others.length === 0 && path !== "-") {
    const order = readOrder(await session.world.readFile(path));
    if (order) {
      const idle = ["set", "prune"].find((name) => options.has(name));
      if (idle) throw usage(`--${idle} is for files that declare resources; ${path} is an order of waves`);
      return { order, nameField: (field) => (field === "" ? path : `${path} ${field}`) };
    }
  }
  const ops = await readOps(client, options, session);
  const writes = writesOf(ops);
  if (writes.length === 0) throw usage("everything is as the files declare it: there is nothing to roll out");
  if (!options.has("canary")) throw usage("who goes first? say --canary HOST", "overspan apply changes all at once");
  return { order: { writes }, nameField: fieldOfWrites(ops) };
}

async function act(
  { args, options }: Call,
  session: Session,
  ask: (client: Client, id: string, terms: { idempotencyKey: string }) => Promise<Rollout>,
): Promise<ExitCode> {
  const id = args[0] as string;
  const timeoutSec = timeoutOf(options);
  const client = await session.client();
  const rollout = await ask(client, id, { idempotencyKey: options.text("idempotency-key") ?? session.world.newKey() });
  return options.has("watch") ? followRollout({ session, client }, id, timeoutSec) : told(session, rollout);
}

function timeoutOf(options: Call["options"]): number | undefined {
  const timeoutSec = numberOption(options, "timeout");
  if (timeoutSec !== undefined && !options.has("watch")) throw usage("--timeout is for how long --watch waits");
  return timeoutSec;
}

function told({ world, format, paint }: Session, rollout: Rollout): ExitCode {
  world.out.write(formatValue(rollout, format) ?? rolloutText(rollout, paint));
  return EXIT.done;
}
