// `evacuate HOST`: every endpoint to other hosts, in two phases each, a bounded number at a time. What is done is done: the
// same command again goes on where this one stopped, since what has moved is no longer on the host, and what is prepared
// keeps its target.

import { ApiError } from "../../functions/api/client.ts";
import type { Endpoint } from "../../shared/model/resource.ts";
import type { Client, Receipt } from "../api.ts";
import type { Call, Command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { Failure, usage } from "../failure.ts";
import { formatValue } from "../output/print.ts";
import { tableLines } from "../output/table.ts";
import { numberOption } from "../number-option.ts";
import { inParallel } from "../parallel.ts";
import { awaitReceipt } from "../receipt.ts";
import { endpointsPath, pages } from "../resource/read.ts";
import type { Session } from "../session.ts";
import { type Assignment, assign, reasonNotEligible, type Target } from "./assign.ts";

const DEFAULT = { parallel: 4, timeoutSec: 60 };

export const evacuateCommand: Command = {
  words: ["evacuate"],
  summary: "move every endpoint of a host to others",
  args: [{ name: "HOST", help: "the host to be emptied", kind: "host" }],
  options: [
    {
      name: "to",
      value: "HOST",
      many: true,
      help: "where to; default: hosts of its site that are in sync",
      kind: "host",
    },
    { name: "parallel", value: "N", help: "how many endpoints at a time, 1 to 32 (default 4)" },
    { name: "timeout", value: "SEC", help: "how long each phase of a move may take (default 60)" },
    { name: "plan", help: "show what would go where" },
    { name: "yes", short: "y", help: "do not ask" },
  ],
  plans: true,
  more:
    "Each move is prepared on its target, activated when that is ready, and waited for until it is live everywhere but on\n" +
    "the host itself, which may be dead. The first that fails stops the rest; the same command again goes on from there.",
  examples: [
    { line: "evacuate h1 --to h2 --plan", says: "what would go where" },
    { line: "evacuate h1 --to h2 --parallel 2 --yes", says: "two at a time, without being asked" },
  ],
  run: runEvacuate,
};

async function runEvacuate({ args, options }: Call, session: Session): Promise<ExitCode> {
  const { world, format } = session;
  const host = args[0] as string;
  const parallel = numberOption(options, "parallel", { to: 32 }) ?? DEFAULT.parallel;
  const timeoutSec = numberOption(options, "timeout", { to: 86_400 }) ?? DEFAULT.timeoutSec;
  const client = await session.client();
  const endpoints = await endpointsOf(client, host);
  if (endpoints.length === 0) {
    await client.hosts.get(host);
    world.err.write(`${host} has no endpoints\n`);
    return EXIT.done;
  }
  const named = options.all("to").flatMap((text) => text.split(","));
  const targets = await targetsFor(client, host, named, session);
  const moves = assign(
    endpoints.map(({ network, id, next }) => ({ network, id, ...(next ? { next: next.host } : {}) })),
    targets,
  );
  world.out.write(formatValue(moves, format) ?? assignmentText(moves));
  if (options.has("plan")) return EXIT.done;
  const count = `${moves.length} ${moves.length === 1 ? "endpoint" : "endpoints"}`;
  if (!(await confirm(session, `move ${count} away from ${host}?`, options))) return EXIT.failed;
  return moveAll({ client, session, host, parallel, timeoutMs: timeoutSec * 1000 }, moves);
}

function endpointsOf(client: Client, host: string): Promise<Endpoint[]> {
  return pages<Endpoint>(client, endpointsPath(host));
}

/** The named hosts, or those that are eligible; with how many endpoints they have. */
async function targetsFor(
  client: Client,
  host: string,
  named: readonly string[],
  { world }: Session,
): Promise<Target[]> {
  if (named.includes(host)) throw usage(`${host} is the host to be emptied: --to must name others`);
  const chosen = named.length > 0 ? named : await eligible(client, host, world.nowMs());
  return Promise.all(
    chosen.map(async (id) => {
      // One that is not there is told now, not in the middle.
      await client.hosts.get(id);
      return { host: id, endpoints: (await endpointsOf(client, id)).length };
    }),
  );
}

async function eligible(client: Client, host: string, nowMs: number): Promise<string[]> {
  const from = await client.hosts.get(host);
  const found: string[] = [];
  const not: string[] = [];
  for await (const { id, site } of client.hosts.all({ limit: 200 })) {
    const { status } = site === from.site && id !== host ? await client.hosts.get(id) : {};
    const silentMs = status && nowMs - Date.parse(status.lastSeenAt);
    const reason = reasonNotEligible({ id, site, silentMs, inSync: status?.inSync ?? false }, from);
    if (reason === undefined) found.push(id);
    else if (id !== host && site === from.site) not.push(`${id}: ${reason}`);
  }
  if (found.length > 0) return found;
  throw new Failure(EXIT.conflict, `no other host of site ${from.site} can take endpoints`, [
    ...not,
    "name hosts with --to",
  ]);
}

function assignmentText(moves: readonly Assignment[]): string {
  const lines = tableLines(moves, [
    { title: "ENDPOINT", value: ({ network, id }) => `${network}/${id}` },
    { title: "TO", value: ({ to }) => to },
    { title: "STATE", value: ({ isPrepared }) => (isPrepared ? "prepared" : "to do") },
  ]);
  return `${lines.join("\n")}\n`;
}

type Run = { client: Client; session: Session; host: string; parallel: number; timeoutMs: number };

async function moveAll(run: Run, moves: readonly Assignment[]): Promise<ExitCode> {
  const { session, host, parallel } = run;
  const { progress, world, paintErr } = session;
  const state = { done: 0, failure: undefined as unknown };
  const move = async (one: Assignment) => {
    const name = `${one.network}/${one.id}`;
    try {
      const summary = await moveOne(run, one);
      state.done++;
      progress.keep(
        `${name} ${paintErr("green", "moved")} to ${one.to}: ${summary}  (${state.done} of ${moves.length})`,
      );
    } catch (cause) {
      state.failure ??= cause;
      progress.keep(`${name} ${paintErr("red", "failed")}`);
    }
  };
  await inParallel(moves, parallel, move, () => state.failure !== undefined || world.interrupted.aborted);
  progress.end();
  if (state.failure === undefined && state.done === moves.length) {
    world.err.write(`${host} is empty\n`);
    return EXIT.done;
  }
  world.err.write(`${state.done} of ${moves.length} moved; the same command again goes on from there\n`);
  if (state.failure !== undefined) throw state.failure;
  return EXIT.failed;
}

/** Prepares, activates when the target is ready, and waits for the receipt; gives its words. */
async function moveOne(
  { client, session, host, timeoutMs }: Run,
  { network, id, to, isPrepared }: Assignment,
): Promise<string> {
  const { world, progress } = session;
  const endpoints = client.endpoints(network);
  const name = `${network}/${id}`;
  progress.show(`${name}: preparing ${to}`);
  if (!isPrepared) await endpoints.prepareMove(id, { host: to }, { idempotencyKey: world.newKey() });
  const deadlineMs = world.nowMs() + timeoutMs;
  for (;;) {
    const moved = await endpoints.activateMove(id, { idempotencyKey: world.newKey() }).catch((cause: unknown) => {
      const waits = isNotReady(cause) && world.nowMs() < deadlineMs && !world.interrupted.aborted;
      if (waits) return undefined;
      throw isNotReady(cause)
        ? new Failure(EXIT.timedOut, `${to} was not ready for ${name} in ${timeoutMs / 1000} s`, [
            `it is prepared: look at overspan describe host ${to}, or overspan abandon-move ${name}`,
          ])
        : cause;
    });
    if (moved) return liveSummary({ session, host, timeoutMs, name }, moved.change);
    progress.show(`${name}: waiting until ${to} is ready`);
    await world.sleep(500);
  }
}

function isNotReady(cause: unknown): boolean {
  return cause instanceof ApiError && cause.problem.type === "urn:overspan:problem:move-not-ready";
}

async function liveSummary(
  { session, host, timeoutMs, name }: { session: Session; host: string; timeoutMs: number; name: string },
  change: string,
): Promise<string> {
  const waited = await awaitReceipt(session, change, { until: "live", timeoutMs }, (receipt) =>
    isLiveBut(receipt, host),
  );
  if (waited.reached) return waited.receipt.summary;
  throw new Failure(EXIT.timedOut, `${name} has moved, but is not live everywhere: ${waited.receipt.summary}`, [
    `overspan receipt ${change} --wait live`,
  ]);
}

/** Live, or waited for on the emptied host only. */
function isLiveBut({ state, hosts }: Receipt, host: string): boolean {
  if (state === "live") return true;
  return (
    state === "published" &&
    hosts.total > 0 &&
    hosts.waiting.length > 0 &&
    hosts.waiting.every((one) => one.host === host)
  );
}
