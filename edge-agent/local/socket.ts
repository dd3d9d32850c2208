// The agent's unix socket: one JSON request a line, one JSON answer a line. Two locks: the file's mode (0600, or 0660 with a
// group that may read), and the credentials that the kernel gives of whoever connects (peer-credentials.ts). What is asked
// and answered is answer.ts.

import { chmodSync, chownSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createConnection, createServer, type Socket } from "node:net";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { type PeerOf, type Rights, rightsOf } from "./peer-credentials.ts";

export type LocalRequest = { readonly command: readonly string[]; readonly json: boolean };
/** `text` is what to print; `error` what went wrong and what to do. */
export type LocalAnswer = { readonly text: string } | { readonly error: string };

export const DEFAULT_SOCKET = "/run/overspan/agent.sock";
const LONGEST_REQUEST = 10_000;

/** Who may ask. */
export type SocketAccess = {
  /** Undefined where nobody's credentials can be known: then the file's mode is the only lock, and its owner's alone. */
  readonly peerOf: PeerOf | undefined;
  readonly ownUid: number;
  /** Members of this group may read. */
  readonly readers?: number;
};

/** Serves `answer` at `path`. A stale socket file of a killed agent is replaced; a live agent's is not. */
export async function serveSocket(
  path: string,
  answer: (request: LocalRequest) => LocalAnswer,
  access: SocketAccess,
): Promise<{ close(): Promise<void> }> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  if (await isAnswered(path)) throw new Error(`another agent answers at ${path}: stop it first`);
  rmSync(path, { force: true });
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
    socket.on("error", () => socket.destroy());
    const rights = rightsOfPeer(socket, access);
    if (rights === "none") {
      socket.end(`${JSON.stringify({ error: REFUSED })}\n`);
      return;
    }
    const lines = createInterface({ input: socket });
    const allowed = (request: LocalRequest) =>
      rights === "act" || request.command[0] === "show" ? answer(request) : { error: READ_ONLY };
    lines.on("line", (line) => socket.write(`${JSON.stringify(handle(line, allowed))}\n`));
    lines.on("error", () => socket.destroy());
  });
  const previousMask = process.umask(0o177);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  }).finally(() => process.umask(previousMask));
  if (access.readers !== undefined && access.peerOf) {
    chownSync(path, access.ownUid, access.readers);
    chmodSync(path, 0o660);
  } else {
    chmodSync(path, 0o600);
  }
  return {
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

const REFUSED = "the agent answers root, its own user and the group that its config names (socketGroup), and not you";
const READ_ONLY = "you may ask the agent to show, and nothing else: that is for root and the agent's own user";

function rightsOfPeer(socket: Socket, { peerOf, ...who }: SocketAccess): Rights {
  if (!peerOf) return "act";
  // Node keeps the descriptor in the handle, and offers no other way to it.
  const { fd } = (Reflect.get(socket, "_handle") as { readonly fd?: number } | null) ?? {};
  return rightsOf(fd === undefined || fd < 0 ? undefined : peerOf(fd), who);
}

/** Asks the agent at `path`; rejects with what to do if none is there. */
export function askSocket(path: string, request: LocalRequest, timeoutMs = 5_000): Promise<LocalAnswer> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.setTimeout(timeoutMs, () => {
      socket.destroy();
      reject(new Error(`the agent at ${path} did not answer in ${timeoutMs} ms`));
    });
    const lines = createInterface({ input: socket });
    // readline passes the socket's errors on; each needs its listener, and the first one settles the promise.
    const refuse = (cause: Error) =>
      reject(
        new Error(`no agent answers at ${path} (${cause.message}): is it running? --socket names another`, { cause }),
      );
    lines.once("error", refuse);
    socket.once("error", refuse);
    socket.once("connect", () => socket.write(`${JSON.stringify(request)}\n`));
    lines.once("line", (line) => {
      socket.destroy();
      resolve(JSON.parse(line) as LocalAnswer);
    });
  });
}

function handle(line: string, answer: (request: LocalRequest) => LocalAnswer): LocalAnswer {
  if (line.length > LONGEST_REQUEST) return { error: "the request is too long" };
  try {
    const request = JSON.parse(line) as Partial<LocalRequest> | null;
    const command = request?.command;
    if (!Array.isArray(command) || !command.every((word) => typeof word === "string")) {
      return { error: 'expected {"command": ["show", …], "json": false}' };
    }
    return answer({ command, json: request?.json === true });
  } catch (error) {
    return { error: (error as Error).message };
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const settle = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
  });
}
