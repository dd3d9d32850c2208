// `watch`: what happens, as it happens: the API's event stream, taken up again after every break where it broke off.

import { EXIT, type ExitCode } from "../exit-code.ts";
import { Failure, usage } from "../failure.ts";
import type { Call, Command, Options } from "../command.ts";
import { type ResourceRef, refOf } from "../api.ts";
import { numberOption } from "../number-option.ts";
import { cellText, visible } from "../output/table.ts";
import type { Session } from "../session.ts";
import { createEventReader, type ServerSentEvent } from "./server-sent-events.ts";

const KINDS = ["change", "receipt", "conflict", "drift", "bgp"];
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

export const watchCommand: Command = {
  words: ["watch"],
  summary: "what happens, as it happens: changes, receipts, conflicts, drift, BGP",
  args: [],
  options: [
    {
      name: "kind",
      value: "KIND",
      many: true,
      help: "only these: change, receipt, conflict, drift, bgp",
      choices: KINDS,
    },
    { name: "network", short: "n", value: "NETWORK", help: "only what is of this network", kind: "network" },
    { name: "host", value: "HOST", help: "only what is of this host", kind: "host" },
    { name: "tenant", value: "TENANT", help: "only what is this tenant's", kind: "tenant" },
    { name: "after", value: "ID", help: "go on after this event" },
    { name: "count", value: "N", help: "end after so many events; default: with Ctrl-C" },
    { name: "timeout", value: "SEC", help: "end after so long, with exit status 5 if --count did not come" },
  ],
  more: "With -o json a line for each event, with its id. A broken connection is taken up where it broke off.",
  examples: [{ line: "watch --count 1 --timeout 20 -o json", says: "the next event, for a program" }],
  run: runWatch,
};

async function runWatch({ options }: Call, session: Session): Promise<ExitCode> {
  const { world, format, progress } = session;
  const count = numberOption(options, "count");
  const timeoutSec = numberOption(options, "timeout");
  const filter = filterOf(options);
  const deadlineMs = timeoutSec === undefined ? Number.POSITIVE_INFINITY : world.nowMs() + timeoutSec * 1000;
  const { api } = await session.settings();
  const transport = await session.transport();
  let after = options.text("after");
  let seen = 0;
  for (let pauseMs = FIRST_PAUSE_MS; ; ) {
    const leftMs = deadlineMs - world.nowMs();
    if (leftMs <= 0) return count === undefined ? EXIT.done : EXIT.timedOut;
    if (world.interrupted.aborted) return EXIT.done;
    const reader = createEventReader();
    const ended = await readStream(
      (signal) => transport(request(`${api}/v1/events${filter}`, after, signal)),
      { leftMs, sleep: (ms) => world.sleep(ms) },
      (chunk) => {
        for (const event of reader.read(chunk)) {
          after = event.id ?? after;
          progress.end();
          world.out.write(format === "json" ? `${JSON.stringify(forProgram(event))}\n` : eventLine(event));
          seen++;
          if (seen === count) return true;
        }
        return false;
      },
    );
    if (ended === "enough") return EXIT.done;
    // An id without an event only moves the place to go on from.
    after = reader.lastId() ?? after;
    pauseMs = ended === "something" ? (reader.retryMs() ?? FIRST_PAUSE_MS) : Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
    if (world.err.isTerminal) progress.show(`connection ended; again in ${Math.round(pauseMs / 1000)} s`);
    await world.sleep(Math.min(pauseMs, Math.max(0, deadlineMs - world.nowMs())));
  }
}

function request(url: string, after: string | undefined, signal: AbortSignal): Request {
  const headers = { accept: "text/event-stream", ...(after === undefined ? {} : { "last-event-id": after }) };
  return new Request(url, { headers, signal });
}

/** The API leaves out what is not wanted: a watcher of little is not woken by much. */
function filterOf(options: Options): string {
  const kinds = options.all("kind").flatMap((text) => text.split(","));
  const unknown = kinds.find((kind) => !KINDS.includes(kind));
  if (unknown !== undefined) throw usage(`--kind takes some of ${KINDS.join(", ")}, not "${unknown}"`);
  const places = ["network", "host", "tenant"].flatMap((name): [string, string][] => {
    const value = options.text(name);
    return value === undefined ? [] : [[name, value]];
  });
  const given = kinds.length === 0 ? places : [["kind", kinds.join(",")] as [string, string], ...places];
  const query = new URLSearchParams(given);
  return query.size === 0 ? "" : `?${query}`;
}

type Ended = "enough" | "something" | "nothing";

/** Feeds chunks until `take` has enough, the stream ends or breaks, or the time is over. */
async function readStream(
  open: (signal: AbortSignal) => Promise<Response>,
  { leftMs, sleep }: { leftMs: number; sleep: (ms: number) => Promise<void> },
  take: (chunk: string) => boolean,
): Promise<Ended> {
  const stop = new AbortController();
  if (Number.isFinite(leftMs)) void sleep(leftMs).then(() => stop.abort());
  let came: Ended = "nothing";
  try {
    const answer = await open(stop.signal);
    if (!answer.ok) throw await refusal(answer);
    const decoder = new TextDecoder();
    for await (const chunk of answer.body ?? []) {
      came = "something";
      if (take(decoder.decode(chunk, { stream: true }))) return "enough";
    }
  } catch (cause) {
    // A break is no fault: the stream is taken up again. That the API refuses is one.
    if (cause instanceof Failure && cause.exit !== EXIT.unreachable) throw cause;
  } finally {
    stop.abort();
  }
  return came;
}

async function refusal(answer: Response): Promise<Failure> {
  const text = await answer.text();
  if (answer.status === 404)
    return usage("this API has no /v1/events", "overspan receipt CHANGE --wait live waits for one change");
  if (answer.status === 401 || answer.status === 403) {
    return new Failure(EXIT.unauthorised, detailOf(text), [
      "give a token that may read: --token-file, OVERSPAN_TOKEN, a context",
    ]);
  }
  return new Failure(answer.status >= 500 ? EXIT.unreachable : EXIT.failed, detailOf(text));
}

function detailOf(text: string): string {
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown };
    return visible(typeof detail === "string" ? detail : text.slice(0, 200));
  } catch {
    return visible(text.slice(0, 200));
  }
}

function dataOf({ data }: ServerSentEvent): unknown {
  try {
    return JSON.parse(data) as unknown;
  } catch {
    return data;
  }
}

function forProgram(event: ServerSentEvent): object {
  return { ...(event.id === undefined ? {} : { id: event.id }), type: event.type, data: dataOf(event) };
}

/** `12:00:01 change  endpoint/web/vm1 …`: the time, the type, and what it says. */
function eventLine(event: ServerSentEvent): string {
  const data = dataOf(event);
  if (typeof data !== "object" || data === null) return `${event.type}  ${cellText(data)}\n`;
  const { at, resource, host, data: more, reason } = data as Record<string, unknown>;
  const parts = [
    typeof at === "string" ? visible(at) : "",
    visible(event.type).padEnd(8),
    resource === undefined ? "" : visible(refOf(resource as ResourceRef)),
    typeof host === "string" ? `on ${visible(host)}` : "",
    more === undefined ? cellText(reason) : cellText(more),
  ];
  return `${parts.filter((part) => part !== "").join("  ")}\n`;
}
