// A replica store for benches: nothing is on disk, and nothing stays.

import type { ReplicaStore } from "../../edge-agent/intent/replica-files.ts";

export const NO_REPLICA: ReplicaStore = {
  load: () => Promise.resolve({ replicas: [], setAside: [] }),
  save: () => Promise.resolve(),
  remove: () => Promise.resolve(),
};
