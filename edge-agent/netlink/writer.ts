// Ops -> the kernel: plans them against links and nexthops as they are, sends them in batches, maps refusals back to their
// ops. What the requests look like is op-request.ts's business; when to write is the reconciler's.

import { constants } from "node:os";
import type { Kernel, Op, OpFailure } from "../dataplane/kernel.ts";
import { type Connection, MAX_BATCH, type WireRequest } from "./connection.ts";
import * as k from "./constants.ts";
import type { ErrorReply } from "./message.ts";
import { isHarmless, type OpContext, planOp, planUndo, stageOf } from "./op-request.ts";

export type WriterPorts = {
  readonly connection: Connection;
  /** Links and nexthops, brought up to date if they are not. */
  readonly context: () => Promise<OpContext>;
  /** Every request of the batch is done: what the kernel told of them can be read now. */
  readonly onDone: () => void;
  /** What was to be made of nexthops was not: what is known of them is wrong. */
  readonly onNexthopsRefused: () => void;
};

const ERRNO_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).map(([name, number]) => [number, name]),
);

type Planned = { readonly op: Op; readonly request: WireRequest };

/** The port's `apply`. */
export function createWriter(ports: WriterPorts): Kernel["apply"] {
  const { connection, context, onDone, onNexthopsRefused } = ports;

  const applyStage = async (ops: readonly Op[]): Promise<readonly OpFailure[]> => {
    const failures: OpFailure[] = [];
    const unmarked: Op[] = [];
    // A link takes the kernel milliseconds, all of them in one system call if sent together; entries take microseconds.
    const most = stageOf(ops[0] as Op) === "entry" ? MAX_BATCH : 1;
    let batch: Planned[] = [];
    const now = await context();
    for (const op of ops) {
      const plan = planOp(op, now);
      if ("code" in plan) failures.push({ op, code: plan.code, message: plan.message });
      else for (const request of plan.requests) batch.push({ op, request });
      if (batch.length < most) continue;
      await send(batch, failures, unmarked);
      batch = [];
    }
    if (batch.length > 0) await send(batch, failures, unmarked);
    for (const request of unmarked.flatMap(planUndo)) await connection.transact([request]);
    if (unmarked.length > 0) onDone();
    return failures;
  };

  const send = async (batch: readonly Planned[], failures: OpFailure[], unmarked: Op[]): Promise<void> => {
    const answers = await connection.transact(batch.map((each) => each.request));
    onDone();
    const refused = new Set<Op>();
    for (const [index, answer] of answers.entries()) {
      if (!answer) continue;
      const { op, request } = batch[index] as Planned;
      // Of an op's requests the first refusal is the cause, the others follow from it.
      if (refused.has(op) || isHarmless(op, answer.errno)) continue;
      refused.add(op);
      failures.push({ op, code: codeOf(answer), message: answer.text ?? "" });
      if (request.type === k.RTM_NEWNEXTHOP || request.type === k.RTM_DELNEXTHOP) onNexthopsRefused();
      // Where the creation itself was refused, what bears the name is not ours to take back.
      if (!(request.flags & k.NLM_F_EXCL)) unmarked.push(op);
    }
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

function codeOf({ errno }: ErrorReply): string {
  return ERRNO_NAMES.get(errno) ?? `errno ${errno}`;
}
