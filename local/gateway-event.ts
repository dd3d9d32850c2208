// API Gateway's HTTP API, payload format 2.0: a request as the event that the function gets, and the function's answer
// as the response. Pure.

import type { APIGatewayProxyEventV2 } from "aws-lambda";
import { LOCAL_ACCOUNT } from "./cloudformation.ts";

export type HttpRequest = {
  method: string;
  /** Path and query, as in the request line. */
  target: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: Uint8Array;
  sourceIp: string;
  requestId: string;
  timeMs: number;
};

export type HttpResponse = { status: number; headers: Record<string, string | string[]>; body: Buffer };

/** These content types reach the function as text, any other in base64. */
const TEXT = /^(text\/|application\/(.*\+)?(json|xml|javascript)\b)/i;

export function gatewayEvent(request: HttpRequest): APIGatewayProxyEventV2 {
  const url = new URL(request.target, "http://local.invalid");
  const headers = joinHeaders(request.headers);
  const cookies = headers.cookie?.split(/; */);
  delete headers.cookie;
  const isText = request.body.length === 0 || TEXT.test(headers["content-type"] ?? "");
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath: url.pathname,
    rawQueryString: url.search.slice(1),
    ...(cookies ? { cookies } : {}),
    headers,
    ...(url.search.length > 1 ? { queryStringParameters: joinQuery(url.searchParams) } : {}),
    requestContext: {
      accountId: LOCAL_ACCOUNT,
      apiId: "local",
      domainName: headers.host ?? "",
      domainPrefix: "local",
      http: {
        method: request.method,
        path: url.pathname,
        protocol: "HTTP/1.1",
        sourceIp: request.sourceIp,
        userAgent: headers["user-agent"] ?? "",
      },
      requestId: request.requestId,
      routeKey: "$default",
      stage: "$default",
      time: new Date(request.timeMs).toISOString(),
      timeEpoch: request.timeMs,
    },
    ...(request.body.length > 0 ? { body: Buffer.from(request.body).toString(isText ? "utf8" : "base64") } : {}),
    isBase64Encoded: !isText,
  };
}

/** An answer without a status code is a body with status 200 (format 2.0); one that is neither is undefined. */
export function gatewayResponse(answer: unknown): HttpResponse | undefined {
  if (typeof answer === "string") return json(answer);
  if (typeof answer !== "object" || answer === null) return undefined;
  const { statusCode, headers, cookies, body, isBase64Encoded } = answer as Record<string, unknown>;
  if (statusCode === undefined) return json(JSON.stringify(answer));
  const status = Number(statusCode);
  if (!Number.isInteger(status) || status < 100 || status > 599) return undefined;
  if (body !== undefined && body !== null && typeof body !== "string") return undefined;
  const lowered = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)]);
  return {
    status,
    headers: {
      ...(Object.fromEntries(lowered) as Record<string, string>),
      ...(Array.isArray(cookies) ? { "set-cookie": cookies.map(String) } : {}),
    },
    body: Buffer.from(body ?? "", isBase64Encoded === true ? "base64" : "utf8"),
  };
}

function json(text: string): HttpResponse {
  return { status: 200, headers: { "content-type": "application/json" }, body: Buffer.from(text) };
}

function joinHeaders(headers: HttpRequest["headers"]): Record<string, string | undefined> {
  const joined = Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(",") : value]);
  return Object.fromEntries(joined) as Record<string, string | undefined>;
}

function joinQuery(query: URLSearchParams): Record<string, string> {
  return Object.fromEntries([...new Set(query.keys())].map((name) => [name, query.getAll(name).join(",")]));
}
