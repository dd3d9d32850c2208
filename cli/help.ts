// Help from the table of commands: of one, of those that begin with the same word, of all.

import type { Command, Option } from "./command.ts";
import { usage } from "./failure.ts";
import { GLOBAL_OPTIONS } from "./parse.ts";

const ABOUT = `overspan: tenant networks over many data centres, for their operators

usage: overspan COMMAND [ARGUMENTS] [OPTIONS]`;

const MORE = `Every write takes --plan (or overspan plan COMMAND …): what it would change, with nothing written.
overspan COMMAND --help tells of one, with examples. The guide is docs/cli.md.`;

/** The help of the command with these words; throws a Failure if none begins with them. */
export function helpFor(words: readonly string[], commands: readonly Command[]): string {
  if (words.length === 0) return overview(commands);
  const found = commands.filter((command) => words.every((word, index) => command.words[index] === word));
  const exact = found.find((command) => command.words.length === words.length);
  if (exact && found.length === 1) return commandHelp(exact);
  if (found.length === 0) throw usage(`there is no command ${words.join(" ")}`, "overspan --help lists them");
  const rows = found.map((command): [string, string] => [synopsis(command), command.summary]);
  const own = exact ? `${commandHelp(exact)}\n` : "";
  return `${own}overspan ${words.join(" ")}\n\n${twoColumns(rows)}\n`;
}

function overview(commands: readonly Command[]): string {
  const verbs = new Map<string, Command[]>();
  for (const command of commands) {
    const [verb = ""] = command.words;
    verbs.set(verb, [...(verbs.get(verb) ?? []), command]);
  }
  const rows = [...verbs].map(([verb, those]): [string, string] => {
    const [only] = those;
    if (those.length === 1 && only) return [synopsis(only).replace(/^overspan /, ""), only.summary];
    const own = those.find(({ words }) => words.length === 1);
    const nouns = those.flatMap(({ words }) => (words[1] === undefined ? [] : [words[1]]));
    return [`${verb} ${own ? "…" : "KIND …"}`, own?.summary ?? `one of: ${nouns.join(", ")}`];
  });
  return `${ABOUT}\n\ncommands:\n${twoColumns(rows)}\n\noptions of every command:\n${optionLines(GLOBAL_OPTIONS)}\n\n${MORE}\n`;
}

/** `overspan create endpoint NETWORK/ID [options]`. */
export function synopsis({ words, args }: Command): string {
  const shown = args.map(({ name, optional, many }) => {
    const text = `${name}${many ? "…" : ""}`;
    return optional ? `[${text}]` : text;
  });
  return ["overspan", ...words, ...shown].join(" ");
}

function commandHelp(command: Command): string {
  const { summary, args, options, more, examples } = command;
  const parts = [
    `${synopsis(command)}${options.length > 0 ? " [OPTIONS]" : ""}\n  ${summary}`,
    ...(more === undefined ? [] : [more]),
    ...(args.length === 0 ? [] : [twoColumns(args.map(({ name, help }): [string, string] => [name, help]))]),
    ...(options.length === 0 ? [] : [`options:\n${optionLines(options)}`]),
    `options of every command:\n${optionLines(GLOBAL_OPTIONS)}`,
    ...(examples.length === 0
      ? []
      : [`examples:\n${examples.map(({ line, says }) => `  # ${says}\n  overspan ${line}`).join("\n")}`]),
  ];
  return `${parts.join("\n\n")}\n`;
}

function optionLines(options: readonly Option[]): string {
  return twoColumns(
    options.map(({ name, short, value, many, help, choices }): [string, string] => [
      `${short ? `-${short}, ` : ""}--${name}${value === undefined ? "" : ` ${choices?.join("|") ?? value}`}${many ? "…" : ""}`,
      help,
    ]),
  );
}

const WIDEST = 34;

function twoColumns(rows: readonly (readonly [string, string])[]): string {
  const wide = Math.min(WIDEST, Math.max(...rows.map(([left]) => left.length)));
  return rows
    .map(([left, right]) =>
      left.length > wide ? `  ${left}\n  ${" ".repeat(wide)}  ${right}` : `  ${left.padEnd(wide)}  ${right}`,
    )
    .join("\n");
}
