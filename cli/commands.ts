// The table of commands, in the order in which help shows them.

import type { Command } from "./command.ts";
import { MOVE_COMMANDS } from "./move.ts";
import { receiptCommand } from "./receipt-command.ts";
import { createCommand, deleteCommand, editCommand } from "./resource/change.ts";
import { KINDS } from "./resource/kind.ts";
import { describeCommand, getCommand } from "./resource/read.ts";

export const COMMANDS: readonly Command[] = [
  ...KINDS.map(getCommand),
  ...KINDS.map(describeCommand),
  ...KINDS.map(createCommand),
  ...KINDS.map(editCommand),
  ...KINDS.map(deleteCommand),
  ...MOVE_COMMANDS,
  receiptCommand,
];
