// Why a session ended, in words. What follows for the routes learned on it is in retention.ts.

import type { DownReason } from "./fsm.ts";
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
