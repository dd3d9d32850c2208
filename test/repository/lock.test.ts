// The lock file names every package that its packages ask for, those for other platforms too: npm 11 refuses `npm ci`
// when a single one is absent, and a registry that lacks a platform makes `npm install` leave it out without a word.

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as z from "zod";

const names = z.record(z.string(), z.string()).optional();
const lockSchema = z.object({
  packages: z.record(z.string(), z.object({ optionalDependencies: names, os: z.array(z.string()).optional() })),
});
const PLATFORM = /-(?:android|darwin|freebsd|linux|openharmony|win32)-|\/(?:darwin|linux|win32)-/;

it("lock file: a package with builds for several platforms -> each build is listed, so that npm ci runs", () => {
  const { packages } = lockSchema.parse(
    JSON.parse(readFileSync(new URL("../../package-lock.json", import.meta.url), "utf8")),
  );
  const wanted = Object.values(packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
  const builds = wanted.filter((name) => PLATFORM.test(name));
  expect(builds.length).toBeGreaterThan(40);
  expect(builds.filter((name) => packages[`node_modules/${name}`] === undefined)).toEqual([]);
  expect(builds.filter((name) => packages[`node_modules/${name}`]?.os === undefined)).toEqual([]);
});
