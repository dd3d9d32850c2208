// AWS IoT's control plane, the calls that functions/identity makes: things, certificates of requests, and what is attached
// to what (REST with JSON bodies). Loopback only, on any port; signatures are not checked, as nobody else knows the port.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { CertificateAuthority } from "./certificate-authority.ts";
import type { CertificateStatus, Identities } from "./identities.ts";
import { type LocalServer, readBody, sendJson, startServer } from "./http-server.ts";

export type ControlPlaneOptions = {
  authority: CertificateAuthority;
  identities: Identities;
  log: (line: string) => void;
};

const ARN = "arn:aws:iot:local:000000000000:";
const MAX_BODY_BYTES = 64 * 1024;

type Call = {
  readonly identities: Identities;
  readonly authority: CertificateAuthority;
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly body: Record<string, unknown>;
};

/** What a call answers; undefined: the resource is not there. */
type Handler = (call: Call) => Promise<object | undefined>;

/** By method and first segment, and how many segments there are. */
const CALLS: Readonly<Record<string, Handler>> = {
  "POST things 2": async ({ identities, parts: [, thing = ""] }) => {
    await identities.addThing(thing);
    return { thingName: thing, thingArn: `${ARN}thing/${thing}` };
  },
  "POST certificates 1": async ({ identities, authority, query, body }) => {
    const signed = await authority.sign(String(body["certificateSigningRequest"]));
    await identities.add(signed.certificateId, query.get("setAsActive") === "true" ? "ACTIVE" : "INACTIVE");
    return { ...signed, certificateArn: `${ARN}cert/${signed.certificateId}` };
  },
  "PUT certificates 2": async ({ identities, query, parts: [, id = ""] }) =>
    done(await identities.setStatus(id, (query.get("newStatus") ?? "INACTIVE") as CertificateStatus)),
  "PUT things 3": async ({ identities, request, parts: [, thing = ""] }) =>
    done(await identities.attachThing(principal(request), thing)),
  "DELETE things 3": async ({ identities, request, parts: [, thing = ""] }) =>
    done(await identities.detachThing(principal(request), thing)),
  "GET things 3": async ({ identities, parts: [, thing = ""] }) =>
    identities.hasThing(thing)
      ? { principals: identities.certificatesOf(thing).map((id) => `${ARN}cert/${id}`) }
      : undefined,
  "PUT target-policies 2": async ({ identities, body, parts: [, policy = ""] }) =>
    done(await identities.attachPolicy(idOfArn(String(body["target"])), policy)),
  "POST target-policies 2": async ({ identities, body, parts: [, policy = ""] }) =>
    done(await identities.detachPolicy(idOfArn(String(body["target"])), policy)),
};

export function startIotControlPlane(options: ControlPlaneOptions): Promise<LocalServer> {
  const settings = { what: "IoT control plane", port: 0, option: "", log: options.log };
  return startServer(settings, (request, response) => answer(options, request, response));
}

async function answer(
  { authority, identities }: ControlPlaneOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://local.invalid");
  const parts = url.pathname.split("/").slice(1).map(decodeURIComponent);
  const handler = CALLS[`${request.method} ${parts[0]} ${parts.length}`];
  if (!handler)
    return refuse(response, 404, "ResourceNotFoundException", `${request.method} ${url.pathname} is not here`);
  const octets = await readBody(request, MAX_BODY_BYTES);
  if (!octets) return refuse(response, 400, "InvalidRequestException", "the body is too large");
  let result: object | undefined;
  try {
    const body = (octets.length > 0 ? JSON.parse(octets.toString()) : {}) as Record<string, unknown>;
    result = await handler({ identities, authority, parts, query: url.searchParams, request, body });
  } catch (error) {
    return refuse(response, 400, "InvalidRequestException", (error as Error).message);
  }
  if (!result) return refuse(response, 404, "ResourceNotFoundException", "there is no such certificate or thing");
  sendJson(response, 200, result);
}

function done(was: boolean): object | undefined {
  return was ? {} : undefined;
}

function principal(request: IncomingMessage): string {
  return idOfArn(String(request.headers["x-amzn-principal"] ?? ""));
}

function idOfArn(arn: string): string {
  return arn.slice(arn.lastIndexOf("/") + 1);
}

function refuse(response: ServerResponse, status: number, type: string, message: string): void {
  sendJson(response, status, { message }, { "x-amzn-errortype": type });
}
