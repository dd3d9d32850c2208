// A host's word on the lane `certificate`: a request for its next certificate, or that it uses the new one. The host is
// the one of the topic, which only its own certificate may publish to.

import { decodeJson } from "../../shared/message/inbox.ts";
import { CertificateRequest } from "../../shared/message/identity.ts";
import { PROTOCOL_VERSION } from "../../shared/message/version.ts";
import type { Publisher } from "../publish/publisher.ts";
import type { Telemetry } from "../publish/telemetry.ts";
import { parseRuleEvent } from "../sync/rule-event.ts";
import { faultOfCsr } from "./csr.ts";
import type { Issuer } from "./issuer.ts";

export type IdentityDeps = {
  readonly issuer: Issuer;
  readonly publisher: Publisher;
  readonly telemetry: Telemetry;
  /** Whether the API knows the host: one that was deleted gets nothing. */
  readonly knows: (host: string) => Promise<boolean>;
};

/** Handles the event of the rule on `certificate`. @throws if the issuer or broker fails: the invocation is tried again. */
export async function handleCertificate(deps: IdentityDeps, event: unknown): Promise<void> {
  const { issuer, publisher, telemetry } = deps;
  const parsed = parseRuleEvent(event);
  if (typeof parsed === "string") return refuse(deps, "not an event of the certificate rule", { reason: parsed });
  const { host, payload } = parsed;
  const request = decodeJson<CertificateRequest>(payload, CertificateRequest);
  if (request.kind === "malformed") return refuse(deps, "malformed request", { host, reason: request.reason });
  if (!(await deps.knows(host))) return refuse(deps, "a request of a host that is not there", { host });
  if (request.kind === "confirm") {
    const revoked = await issuer.revoke(host, request.certificateId);
    if (revoked > 0) telemetry.count("CertificatesReplaced", revoked);
    return;
  }
  const fault = await faultOfCsr(request.csr, host);
  if (fault !== undefined) return refuse(deps, "not a request to be granted", { host, reason: fault });
  const { certificateId, certificate } = await issuer.issue(host, request.csr);
  telemetry.count("CertificatesIssued");
  const message = { v: PROTOCOL_VERSION, host, kind: "certificate", certificateId, certificate };
  await publisher.publish(host, JSON.stringify(message));
}

function refuse({ telemetry }: IdentityDeps, message: string, fields: Record<string, string>): void {
  telemetry.count("RefusedCertificateRequests");
  telemetry.warn(message, fields);
}
