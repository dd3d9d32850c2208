// Ops -> the kernel: plans them against the links as they are, sends them in batches, maps refusals back to their ops.
// What the requests look like is op-request.ts's business; when to write is the reconciler's.

import { constants } from "node:os";
import { setImmediate } from "node:timers/promises";
import type { Kernel, Op, OpFailure } from "../dataplane/kernel.ts";
import { type Connection, MAX_BATCH, type WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import type { Link } from "./link-message.ts";
import type { ErrorReply } from "./message.ts";
import type { Monitor } from "./monitor.ts";
import { isHarmless, type LinkTable, planOp, planUndo, stageOf } from "./op-request.ts";

export type WriterPorts = {
  readonly connection: Connection;
  readonly monitor: Monitor;
  readonly dumpLinks: () => Promise<readonly Link[]>;
  /** True while somebody hears the kernel's notifications, so that our writes' echoes matter. */
  readonly watched: () => boolean;
};

/** Turns of the event loop after which an echo is not waited for any longer: an unchanged entry has none. */
const DRAIN_TURNS = 8;

const ERRNO_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, number]) => [number, name]),
);

/** The port's `apply`. */
export function createWriter(ports: WriterPorts): Kernel["apply"] {
  const { connection, monitor, dumpLinks, watched } = ports;

  const applyStage = async (ops: readonly Op[]): Promise<readonly OpFailure[]> => {
    const table = tableOf(await dumpLinks());
    const failures: OpFailure[] = [];
    const planned: { readonly op: Op; readonly requests: readonly WireRequest[] }[] = [];
    for (const op of ops) {
      const plan = planOp(op, table);
      if ("code" in plan) failures.push({ op, code: plan.code, message: plan.message });
      else if (plan.requests.length > 0) planned.push({ op, requests: plan.requests });
      const gone = op.kind === "delete-link" ? table.byName.get(op.name) : undefined;
      if (gone) monitor.forget(gone.index);
    }
    const unmarked: Op[] = [];
    // A link takes the kernel milliseconds, all of them in one system call if sent together; entries take microseconds.
    const batch = stageOf(ops[0] as Op) === "entry" ? MAX_BATCH : 1;
    for (let from = 0; from < planned.length; from += batch) {
      const group = planned.slice(from, from + batch);
      const requests = group.flatMap((each) => each.requests);
      const owners = group.flatMap((each) => each.requests.map(() => each.op));
      const answers = await send(requests);
      const refused = new Set<Op>();
      for (const [index, answer] of answers.entries()) {
        const op = owners[index] as Op;
        // Of an op's requests the first refusal is the cause, the others follow from it.
        if (!answer || refused.has(op) || isHarmless(op, answer.errno)) continue;
        refused.add(op);
        const code = ERRNO_NAMES.get(answer.errno) ?? `errno ${answer.errno}`;
        failures.push({ op, code, message: answer.text ?? "" });
        // Where the creation itself was refused, what bears the name is not ours to take back.
        if (!((requests[index] as WireRequest).flags & k.NLM_F_EXCL)) unmarked.push(op);
      }
    }
    for (const request of unmarked.flatMap(planUndo)) await send([request]);
    return failures;
  };

  const send = async (requests: readonly WireRequest[]): Promise<readonly (ErrorReply | undefined)[]> => {
    if (watched()) {
      for (const { forwarding, type } of requests) if (forwarding) monitor.expect(forwarding, type === k.RTM_DELNEIGH);
    }
    const answers = await connection.transact(requests);
    // The transport reads 32 notifications a turn of the event loop: let it keep up with the echoes of our writes.
    for (let turn = 0; turn < DRAIN_TURNS && monitor.awaited() > MAX_BATCH; turn++) await setImmediate();
    return answers;
  };

  return async (ops) => {
    const failures: OpFailure[] = [];
    for (let from = 0; from < ops.length; ) {
      const stage = stageOf(ops[from] as Op);
      let to = from + 1;
      while (to < ops.length && stageOf(ops[to] as Op) === stage) to++;
      failures.push(...(await applyStage(ops.slice(from, to))));
      from = to;
    }
    return failures;
  };
}

function tableOf(links: readonly Link[]): LinkTable {
  return {
    byName: new Map(links.map((link) => [link.name, link])),
    byIndex: new Map(links.map((link) => [link.index, link])),
  };
}
