// Bad input over the store in memory; test/engine/store-api.test.ts runs the same over DynamoDB's engine.

import { createMemoryStore } from "../../fakes/store.ts";
import { badInputSuite } from "./bad-input.ts";

badInputSuite("store in memory", () => {
  const store = createMemoryStore();
  return Promise.resolve({ store, dump: () => store.dump() });
});
