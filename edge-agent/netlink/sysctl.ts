// The adapter to /proc/sys: which switches exist, what they say, and how to set them. They belong to the network namespace
// of the thread that opens the file, so it is entered for as long as that takes.

import { readFileSync, writeFileSync } from "node:fs";
import type { SysctlKey } from "../dataplane/router-kernel.ts";
import type { Place } from "./socket.ts";

export type Sysctls = {
  /** The values of those that exist. */
  read(keys: Iterable<SysctlKey>): Map<SysctlKey, string>;
  /** Returns the errno's name, undefined on success. */
  write(key: SysctlKey, value: string): string | undefined;
};

export function createSysctls({ libc, netns }: Place): Sysctls {
  const inside = <T>(body: () => T): T => {
    if (netns === undefined) return body();
    if (!libc) throw new Error(`namespace ${netns}: koffi is needed to enter it`);
    return libc.inNamespace(netns, body);
  };
  return {
    read: (keys) =>
      inside(() => {
        const values = new Map<SysctlKey, string>();
        for (const key of keys) {
          try {
            values.set(key, readFileSync(pathOf(key), "utf8").trim());
          } catch {
            // The device has gone, or the kernel has no such switch: either way there is nothing to be compared.
          }
        }
        return values;
      }),
    write: (key, value) =>
      inside(() => {
        try {
          writeFileSync(pathOf(key), value);
          return undefined;
        } catch (cause) {
          return (cause as NodeJS.ErrnoException).code ?? "EIO";
        }
      }),
  };
}

/** Dots in a device's name are no separators here, as they would be for sysctl(8). */
function pathOf(key: SysctlKey): string {
  return `/proc/sys/${key}`;
}
