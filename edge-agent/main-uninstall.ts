// The process of `overspan-agent uninstall`: opens the kernel's ports, in the order in which the parts are removed.

import { askSocket } from "./local/socket.ts";
import { createNetlinkKernel } from "./netlink/kernel.ts";
import { openNetlinkRouters } from "./netlink/routers.ts";
import { openNetlinkRoutes } from "./netlink/routes.ts";
import { createNftGuards } from "./nftables/guards.ts";
import { realClock as clock } from "./real-clock.ts";
import { guardsPart, networksPart, routersPart, routesPart } from "./uninstall/parts.ts";
import { type UninstallMode, type UninstallPart, uninstall } from "./uninstall/uninstall.ts";

/** Resolves to whether all went well; rejects if an agent is running, which would make everything anew. */
export async function runUninstall(options: {
  readonly mode: UninstallMode;
  /** Where a running agent would answer. */
  readonly socket: string;
  readonly say: (line: string) => void;
  /** A namespace in /run/netns; default: the process's own. */
  readonly netns?: string;
}): Promise<boolean> {
  const { mode, socket, say } = options;
  const running = await askSocket(socket, { command: ["show", "summary"], json: false }).catch(() => undefined);
  if (running)
    throw new Error(`an agent is running (it answers at ${socket}): stop it first, or it takes all over again`);
  const where = { log: say, ...(options.netns !== undefined && { netns: options.netns }) };
  const opened: UninstallPart[] = [];
  // A part that this kernel does not have owns nothing.
  const open = async (name: string, part: () => Promise<UninstallPart>): Promise<void> => {
    try {
      opened.push(await part());
    } catch (cause) {
      say(`${name}: ${(cause as Error).message}`);
    }
  };
  await open("routers", async () => routersPart(await openNetlinkRouters(where), clock));
  await open("networks", async () => networksPart(await createNetlinkKernel(where), clock));
  // After the bridges: a port is guarded for as long as it is on one.
  await open("guards", async () => guardsPart(await createNftGuards(where)));
  await open("routes", async () => routesPart(await openNetlinkRoutes(where)));
  try {
    return await uninstall(mode, opened, say);
  } finally {
    for (const part of opened) await part.close();
  }
}
