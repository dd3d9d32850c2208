import { describe, expect, it } from "vitest";
import { gatewayEvent, gatewayResponse, type HttpRequest } from "../../local/gateway-event.ts";

const REQUEST: HttpRequest = {
  method: "POST",
  target: "/v1/hosts",
  headers: { host: "127.0.0.1:8080", "content-type": "application/json" },
  body: Buffer.from('{"id":"h1"}'),
  sourceIp: "127.0.0.1",
  requestId: "r1",
  timeMs: 0,
};

describe("gateway event (payload format 2.0)", () => {
  it("gateway event: JSON -> the body as text", () => {
    expect(gatewayEvent(REQUEST)).toMatchObject({
      version: "2.0",
      rawPath: "/v1/hosts",
      rawQueryString: "",
      body: '{"id":"h1"}',
      isBase64Encoded: false,
      requestContext: { http: { method: "POST", path: "/v1/hosts", sourceIp: "127.0.0.1" } },
    });
  });

  it.each(["application/octet-stream", undefined])("gateway event: content type %s -> the body in base64", (type) => {
    const event = gatewayEvent({ ...REQUEST, headers: { "content-type": type }, body: Uint8Array.of(0xff) });
    expect(event).toMatchObject({ body: "/w==", isBase64Encoded: true });
  });

  it("gateway event: a merge patch is text", () => {
    const headers = { "content-type": "application/merge-patch+json; charset=utf-8" };
    expect(gatewayEvent({ ...REQUEST, headers }).isBase64Encoded).toBe(false);
  });

  it("gateway event: no body, repeated query names, several header lines, cookies", () => {
    const event = gatewayEvent({
      ...REQUEST,
      method: "GET",
      target: "/v1/hosts/h1:move?a=1&a=2&b=%2F",
      headers: { "x-a": ["1", "2"], cookie: "c=1; d=2" },
      body: new Uint8Array(),
    });
    expect(event).toMatchObject({
      rawPath: "/v1/hosts/h1:move",
      rawQueryString: "a=1&a=2&b=%2F",
      queryStringParameters: { a: "1,2", b: "/" },
      headers: { "x-a": "1,2" },
      cookies: ["c=1", "d=2"],
    });
    expect(event).not.toHaveProperty("body");
    expect(event.headers).not.toHaveProperty("cookie");
  });
});

describe("gateway response", () => {
  it("gateway response: status, headers, cookies, a body in base64", () => {
    const answer = {
      statusCode: 201,
      headers: { Location: "/x" },
      cookies: ["a=1"],
      body: "/w==",
      isBase64Encoded: true,
    };
    expect(gatewayResponse(answer)).toEqual({
      status: 201,
      headers: { location: "/x", "set-cookie": ["a=1"] },
      body: Buffer.of(0xff),
    });
  });

  it("gateway response: no status code -> 200 with the answer as JSON", () => {
    expect(gatewayResponse({ a: 1 })).toMatchObject({ status: 200, body: Buffer.from('{"a":1}') });
  });

  it.each([null, undefined, 7, { statusCode: "x" }, { statusCode: 99 }, { statusCode: 200, body: 1 }])(
    "gateway response: %j -> none",
    (answer) => {
      expect(gatewayResponse(answer)).toBeUndefined();
    },
  );
});
