// What a command stands on while it runs: the client of the API, and how results and progress are shown.

import { ApiError, createClient } from "../functions/api/client.ts";
import type { Client } from "./api.ts";
import type { Options } from "./command.ts";
import { type Paint, paintFor } from "./output/paint.ts";
import type { Format } from "./output/print.ts";
import { createProgress, type Progress } from "./output/progress.ts";
import { failureOf } from "./problem-words.ts";
import { readSettings, type Settings } from "./settings.ts";
import { createTransport, type Transport } from "./transport.ts";
import type { World } from "./world.ts";

export type Session = {
  world: World;
  /** Of the API; the settings are read when it is asked for first. */
  client: () => Promise<Client>;
  /** HTTP with the token, for what is no JSON. */
  transport: () => Promise<Transport>;
  settings: () => Promise<Settings>;
  format: Format;
  /** For the standard output, and for the standard error. */
  paint: Paint;
  paintErr: Paint;
  progress: Progress;
};

export function createSession(world: World, options: Options): Session {
  let settings: Promise<Settings> | undefined;
  let transport: Promise<Transport> | undefined;
  let client: Promise<Client> | undefined;
  const readOnce = () => (settings ??= readSettings(options, world));
  const connect = () => (transport ??= readOnce().then((read) => createTransport(read, world)));
  return {
    world,
    settings: readOnce,
    transport: connect,
    client: () =>
      (client ??= Promise.all([readOnce(), connect()]).then(([{ api }, fetch]) =>
        createClient({ baseUrl: api, fetch }),
      )),
    format: (options.text("output") as Format | undefined) ?? "table",
    paint: paintFor(world.out, world.env),
    paintErr: paintFor(world.err, world.env),
    progress: createProgress(world.err),
  };
}

/** What was asked for; undefined if there is no such thing, or none that the token may see. */
export async function unlessAbsent<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (cause) {
    if (cause instanceof ApiError && cause.problem.status === 404) return undefined;
    throw cause;
  }
}

/** Problems of the API in the user's terms: what a field of the request is called. */
export async function named<T>(asked: Promise<T>, nameField: (field: string) => string): Promise<T> {
  try {
    return await asked;
  } catch (cause) {
    throw cause instanceof ApiError ? failureOf(cause.problem, nameField) : cause;
  }
}
