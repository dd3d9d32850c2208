// The store in memory, which the API's tests stand on, does what the real one does.

import { createMemoryStore } from "../../fakes/store.ts";
import { storeContract } from "../../contract/store.ts";

storeContract("in memory", () => {
  const store = createMemoryStore();
  return Promise.resolve({ store, dump: () => store.dump() });
});

storeContract("rehearsal over an empty table", () => {
  const rehearsal = createMemoryStore().rehearsal();
  return Promise.resolve({ store: rehearsal, dump: () => Promise.resolve(JSON.stringify(rehearsal.committed)) });
});
