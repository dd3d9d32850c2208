import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          sequence: { groupOrder: 0 },
          // Vitest leaves one core free, which is half of a machine with two.
          maxWorkers: availableParallelism(),
          include: ["test/**/*.test.ts"],
          exclude: ["test/netns/**", "test/e2e/**", "test/engine/**", "**/node_modules/**"],
          // Longer than the tests' own deadlines (10 s), which say what they waited for, and than what a loaded machine takes.
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        // The real DynamoDB engine and the real broker, of each file its own: two files at a time, they are heavy.
        test: {
          name: "engine",
          sequence: { groupOrder: 1 },
          include: ["test/engine/**/*.test.ts"],
          maxWorkers: 2,
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
      {
        // Root and the real kernel, in namespaces that each test makes and removes.
        test: {
          name: "netns",
          sequence: { groupOrder: 2 },
          include: ["test/netns/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "e2e",
          sequence: { groupOrder: 3 },
          include: ["test/e2e/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
