// The broker's connection with the renewal of its certificate in it: messages of kind `certificate` go there, everything
// else passes through, so that the rest of the agent knows nothing of certificates.

import { decodeJson } from "../../shared/message/inbox.ts";
import { CertificateMessage } from "../../shared/message/identity.ts";
import type { BrokerConnection } from "../intent/mqtt.ts";
import type { Log } from "../log.ts";
import type { Renewal } from "./renewal.ts";

/** The kind stands at the start of a message; a large one need not be parsed twice to see that it is another. */
const KIND = '"kind":"certificate"';
const KIND_WITHIN_BYTES = 256;

export function withRenewal(
  connection: BrokerConnection,
  options: { readonly host: string; readonly renewal: Renewal; readonly log: Log },
): BrokerConnection {
  const { host, renewal, log } = options;
  function take(payload: Uint8Array): void {
    const message = decodeJson<CertificateMessage>(payload, CertificateMessage);
    if (message.kind === "malformed") return log.warn("inbox-malformed", message.reason);
    if (message.host !== host) return log.warn("sync-foreign", `a certificate for ${message.host} arrived`);
    renewal.received(message);
  }
  return {
    get connected() {
      return connection.connected;
    },
    publish: (lane, payload) => connection.publish(lane, payload),
    listen(on) {
      connection.listen({
        connected() {
          renewal.connected();
          on.connected();
        },
        disconnected: () => on.disconnected(),
        inbox(payload) {
          if (Buffer.from(payload.subarray(0, KIND_WITHIN_BYTES)).includes(KIND)) take(payload);
          else on.inbox(payload);
        },
      });
    },
    async close() {
      renewal.close();
      await connection.close();
    },
  };
}
