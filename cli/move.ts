// `move` and the two phases of a live migration: `prepare-move`, `activate-move`, `abandon-move`.

import type { Call, Command, Option } from "./command.ts";
import type { ExitCode } from "./exit-code.ts";
import { usage } from "./failure.ts";
import { kind } from "./resource/kind.ts";
import { parentGiven, parentOption } from "./resource/read.ts";
import { nameOf, parseRef, pathOf } from "./resource/ref.ts";
import { send } from "./plan/send.ts";
import type { Session } from "./session.ts";
import { tellWritten, termsOf, WRITE_OPTIONS, type Written } from "./write.ts";

const ENDPOINT = kind("endpoint");
const ARGS = [{ name: "NETWORK/ID", help: "the endpoint", kind: "endpoint" as const }];
const TO: readonly Option[] = [
  { name: "to", value: "HOST", help: "where it goes", kind: "host" },
  { name: "port", value: "NAME", help: "its interface there; default: of the same name" },
];
const FORCE: Option = { name: "force", help: "also if the target did not report that it is ready" };

type Act = { verb: string; path: string; body: (call: Call) => object };

export const MOVE_COMMANDS: readonly Command[] = [
  row("move", "move an endpoint to another host, at once", TO, { verb: "moved", path: "move", body: target }, [
    { line: "move web/vm1 --to h2", says: "to another host" },
    { line: "move web/vm1 --to h1 --port tap9 --wait live", says: "back, to another port, and wait for the hosts" },
  ]),
  row(
    "prepare-move",
    "get the target ready for an endpoint; frames still go to the source",
    TO,
    { verb: "prepared to move", path: "prepareMove", body: target },
    [{ line: "prepare-move web/vm1 --to h2 --wait live", says: "and wait until the target is ready" }],
  ),
  row(
    "activate-move",
    "let a prepared endpoint be at its target",
    [FORCE],
    {
      verb: "moved",
      path: "activateMove",
      body: ({ options }) => (options.has("force") ? { force: true } : {}),
    },
    [{ line: "activate-move web/vm1 --force", says: "when the machine runs on the target" }],
  ),
  row(
    "abandon-move",
    "forget a prepared move; the endpoint stays where it is",
    [],
    { verb: "stays", path: "abandonMove", body: () => ({}) },
    [{ line: "abandon-move web/vm1", says: "the migration failed" }],
  ),
];

function row(
  word: string,
  summary: string,
  options: readonly Option[],
  act: Act,
  examples: Command["examples"],
): Command {
  return {
    words: [word],
    summary,
    args: ARGS,
    options: [...parentOption(ENDPOINT), ...options, ...WRITE_OPTIONS],
    plans: true,
    examples,
    run: (call, session) => runMove(act, call, session),
  };
}

function target({ command, options }: Call): object {
  const host = options.text("to");
  if (host === undefined)
    throw usage(`overspan ${command.words.join(" ")} needs --to HOST`, "overspan get hosts lists them");
  const port = options.text("port");
  return port === undefined ? { host } : { host, port };
}

async function runMove({ verb, path, body }: Act, call: Call, session: Session): Promise<ExitCode> {
  const ref = parseRef(call.args[0] as string, ENDPOINT, parentGiven(ENDPOINT, call));
  const asked = body(call);
  const terms = termsOf(call.options, session.world);
  const request = { method: "POST" as const, path: `${pathOf(ref)}:${path}`, body: asked, terms };
  const sent = await send(
    session,
    call.options,
    request,
    (field) => ({ host: "--to", port: "--port" })[field] ?? field,
  );
  if ("planned" in sent) return sent.planned;
  const { written } = sent;
  const notes = [placeOf(written)];
  return tellWritten(session, call.options, written, { name: nameOf(ref), verb, kind: ENDPOINT, notes });
}

function placeOf({ host, port, next }: Written): string {
  const there = port === undefined ? "" : `, port ${port as string}`;
  const to = next as { host: string } | undefined;
  return `on ${host as string}${there}${to ? `, to go to ${to.host}` : ""}`;
}
