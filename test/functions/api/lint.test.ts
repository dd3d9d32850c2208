// The document against the recommended rules of Redocly's linter: no error and no warning.

import { createConfig, lintFromString } from "@redocly/openapi-core";
import { expect, test } from "vitest";
import { createMemoryStore } from "../../fakes/store.ts";
import { createApiUnderTest } from "./api-under-test.ts";

test("document: by the linter's recommended rules -> nothing to say", { timeout: 60_000 }, async () => {
  const document = (await createApiUnderTest(createMemoryStore()).get("/openapi.json")).body;
  const config = await createConfig({ extends: ["recommended"] });
  const found = await lintFromString({ source: JSON.stringify(document), config });
  const told = found.map(({ ruleId, message, location }) => `${ruleId} ${location[0]?.pointer ?? ""}: ${message}`);
  expect(told.slice(0, 20)).toEqual([]);
});
