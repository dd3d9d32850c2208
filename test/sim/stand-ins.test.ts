// What the simulation has in place of libraries does as they do: a bug that only a stand-in has, or hides, would make its
// thousands of seeds worth nothing.

import * as sdk from "@aws-sdk/client-dynamodb";
import * as library from "@aws-sdk/util-dynamodb";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseStreamRecord } from "../../functions/publish/resource-image.ts";
import { marshall, unmarshall } from "./dynamodb/attributes.ts";
import * as standIn from "./dynamodb/sdk.ts";
import * as light from "./fetch.ts";
import { PUBLISHED_TYPES } from "./stream.ts";

const removing = { removeUndefinedValues: true };

/** What a function gives or throws. */
function outcome(act: () => unknown): unknown {
  try {
    return { gives: act() };
  } catch (error) {
    return { throws: (error as Error).message };
  }
}

describe("attributes", () => {
  const leaf = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.double(),
    fc.maxSafeInteger(),
    fc.bigInt(),
    fc.boolean(),
    fc.constantFrom(null, undefined, Number.MAX_SAFE_INTEGER + 1, "", -0),
    fc.uint8Array(),
    fc.constantFrom(new Set(["a", "b"]), new Set([1]), new Map([["a", 1]]), new Date(0), () => 1),
  );
  const { item } = fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: "small" }, leaf, fc.array(tie("value"), { maxLength: 3 }), tie("item")),
    item: fc.dictionary(
      fc.string().filter((name) => name !== "__proto__"),
      tie("value"),
      { maxKeys: 4, noNullPrototype: true },
    ),
  }));

  test("marshall: any item, with and without options -> what the library gives or throws", () => {
    fc.assert(
      fc.property(item, fc.constantFrom(undefined, removing), (data, options) => {
        expect(outcome(() => marshall(data as never, options))).toEqual(
          outcome(() => library.marshall(data as never, options)),
        );
      }),
    );
  });

  test("unmarshall: what was marshalled -> what the library gives or throws", () => {
    fc.assert(
      fc.property(item, (data) => {
        const marshalled = outcome(() => library.marshall(data as never, removing)) as { gives?: never };
        fc.pre(marshalled.gives !== undefined);
        expect(outcome(() => unmarshall(marshalled.gives ?? {}))).toEqual(
          outcome(() => library.unmarshall(marshalled.gives ?? {})),
        );
      }),
    );
  });

  test("unmarshall: an attribute of no type -> refused as the library refuses it", () => {
    const item = { one: {} as sdk.AttributeValue };
    expect(outcome(() => unmarshall(item))).toEqual(outcome(() => library.unmarshall(item)));
  });

  test("marshall: an option that is not known here -> thrown, not passed over", () => {
    expect(() => marshall({}, { convertEmptyValues: true } as never)).toThrow("unknown option convertEmptyValues");
  });
});

describe("sdk", () => {
  test.each(Object.keys(standIn).filter((name) => name.endsWith("Command")))(
    "%s: its input -> as the SDK's",
    (name) => {
      const input = { TableName: "table", Key: {} };
      const of = (module: object) =>
        new (module as Record<string, new (given: object) => { input: object }>)[name]!(input);
      expect(of(standIn).input).toEqual(of(sdk).input);
    },
  );

  test.each(Object.keys(standIn).filter((name) => name.endsWith("Exception")))("%s: caught -> as the SDK's", (name) => {
    const told = { $metadata: {}, message: "told", Item: { pk: { S: "a" } }, CancellationReasons: [{ Code: "None" }] };
    const of = (module: object) => new (Reflect.get(module, name) as new (given: object) => Error)(told);
    const [ours, theirs] = [of(standIn), of(sdk)];
    expect(ours).toBeInstanceOf(Error);
    expect(String(ours)).toBe(String(theirs));
    for (const field of ["name", "message", "$fault", "$metadata", "Item", "CancellationReasons"] as const) {
      expect(Reflect.get(ours, field), field).toEqual(Reflect.get(theirs, field));
    }
  });
});

describe("fetch", () => {
  const init = { method: "POST", headers: { "Content-Type": "application/json", ETag: '"1"' }, body: '{"é":1}' };

  test.each([
    ["the platform's", globalThis.Request, globalThis.Response, globalThis.Headers],
    ["the stand-in", light.Request, light.Response, light.Headers],
  ] as const)("%s: a request and its answer -> read alike", async (_, Request, Response, Headers) => {
    const request = new Request("http://localhost/v1/hosts?a=1", init);
    expect(request).toMatchObject({ url: "http://localhost/v1/hosts?a=1", method: "POST", bodyUsed: false });
    expect([request.headers.get("content-TYPE"), request.headers.get("accept")]).toEqual(["application/json", null]);
    expect(Buffer.from(await request.arrayBuffer()).toString()).toBe(init.body);
    expect(request.bodyUsed).toBe(true);
    await expect(request.text()).rejects.toThrow(TypeError);
    expect(new Request("http://localhost/").body).toBe(null);

    const headers = new Headers({ B: "2" }) as light.Headers & globalThis.Headers;
    headers.append("a", "1");
    headers.append("A", "3");
    headers.delete("b");
    const answer = new Response(init.body, { status: 404, headers });
    expect([...answer.headers].filter(([name]) => name !== "content-type")).toEqual([["a", "1, 3"]]);
    expect([answer.status, answer.ok, answer.headers.has("B")]).toEqual([404, false, false]);
    expect(await answer.json()).toEqual({ é: 1 });
    expect(new Response(null)).toMatchObject({ status: 200, ok: true });
  });

  test("the stand-in: a body that is no text -> refused, not passed over", () => {
    expect(() => new light.Response(new Uint8Array(1))).toThrow(TypeError);
  });
});

test.each([...PUBLISHED_TYPES, "change", "guard", "head", ""])(
  "the stream: an item of type %j -> the consumer's to look at, or not sent",
  (type) => {
    const parsed = parseStreamRecord({ eventName: "INSERT", dynamodb: { NewImage: { type: { S: type } } } });
    expect(parsed.kind !== "ignored").toBe(PUBLISHED_TYPES.has(type));
  },
);
