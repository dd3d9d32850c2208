// The operations of the document, each with a request that is sound in form and about what `seed` makes. Not a test.

import * as z from "zod";
import type { ApiUnderTest } from "./api-under-test.ts";

const Documented = z.object({
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        operationId: z.string(),
        "x-needs": z.enum(["nothing", "read", "write", "admin"]),
        "x-reach": z.enum(["anybody", "path", "own", "operator"]),
        requestBody: z.object({ content: z.record(z.string(), z.object({ example: z.unknown() })) }).optional(),
      }),
    ),
  ),
});

export type DocumentedOperation = {
  id: string;
  method: string;
  path: string;
  needs: "nothing" | "read" | "write" | "admin";
  reach: "anybody" | "path" | "own" | "operator";
  /** The path with ids in it. */
  example: string;
  body: { body?: string; type?: string };
};

/** What is at each parameter; a change must be one that there is. */
export type Ids = Readonly<Record<string, string>>;
const SEEDED: Ids = { tenant: "acme", site: "fra", host: "h1", network: "web", endpoint: "vm1" };

export async function operationsOf(api: Pick<ApiUnderTest, "app">, ids: Ids = {}): Promise<DocumentedOperation[]> {
  const answer = await api.app.request("/openapi.json");
  const document = Documented.parse(await answer.json());
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const [type, content] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
      return {
        id: operation.operationId,
        method,
        path,
        needs: operation["x-needs"],
        reach: operation["x-reach"],
        example: path.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? SEEDED[name] ?? NOBODYS[name] ?? "x"),
        body: type === undefined ? {} : { type, body: JSON.stringify(content?.example) },
      };
    }),
  );
}

const NOBODYS: Ids = { change: "0".repeat(26) };
