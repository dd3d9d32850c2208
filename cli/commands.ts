// The table of commands, in the order in which help shows them.

import { applyCommand } from "./apply/apply.ts";
import type { Command } from "./command.ts";
import { completionCommand } from "./completion.ts";
import { CONFIG_COMMANDS } from "./config-commands.ts";
import { evacuateCommand } from "./evacuate/evacuate.ts";
import { fleetCommand } from "./fleet.ts";
import { MOVE_COMMANDS } from "./move.ts";
import { OPERATE_COMMANDS } from "./operate.ts";
import { planFilesCommand } from "./plan/plan-files.ts";
import { receiptCommand } from "./receipt-command.ts";
import { createCommand, deleteCommand, editCommand } from "./resource/change.ts";
import { KINDS } from "./resource/kind.ts";
import { describeCommand, getCommand } from "./resource/read.ts";
import { ROLLOUT_COMMANDS } from "./rollout/commands.ts";
import { traceCommand } from "./trace/command.ts";
import { watchCommand } from "./watch/watch.ts";

export const COMMANDS: readonly Command[] = [
  ...KINDS.map(getCommand),
  ...KINDS.map(describeCommand),
  ...KINDS.map(createCommand),
  ...KINDS.map(editCommand),
  ...KINDS.map(deleteCommand),
  applyCommand,
  planFilesCommand,
  ...MOVE_COMMANDS,
  evacuateCommand,
  ...ROLLOUT_COMMANDS,
  receiptCommand,
  fleetCommand,
  traceCommand,
  watchCommand,
  ...OPERATE_COMMANDS,
  ...CONFIG_COMMANDS,
  completionCommand(() => COMMANDS),
];
