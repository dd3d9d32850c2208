// Why a session ended: in words, and what follows for the routes learned on it.

import type { DownReason } from "./fsm.ts";
import { CeaseSubcode, ErrorCode } from "./wire/iana.ts";
import { describeNotification } from "./wire/notification.ts";

/** `sent Cease/Administrative Reset (6/4): ...`. */
export function describeDown(reason: DownReason): string {
  switch (reason.kind) {
    case "sent":
      return `sent ${describeNotification(reason.notification)}: ${reason.reason}`;
    case "received":
      return `received ${describeNotification(reason.notification)}`;
    case "connection":
      return reason.reason;
    case "stopped":
      return "stopped";
  }
}

/** RFC 8538 section 4: the peer wants its routes gone. */
export function isHardReset(reason: DownReason): boolean {
  if (reason.kind !== "received") return false;
  const { code, subcode } = reason.notification;
  return code === ErrorCode.CEASE && subcode === CeaseSubcode.HARD_RESET;
}
