// From words to a call, by the table of commands. Pure: whatever is wrong is a Failure that says what would be right.

import { parseArgs } from "node:util";
import { distance } from "./closest.ts";
import type { Call, Command, Option } from "./command.ts";
import { type Failure, usage } from "./failure.ts";
import { KINDS, kindOf } from "./resource/kind.ts";

/** Options that every command has. */
export const GLOBAL_OPTIONS: readonly Option[] = [
  {
    name: "output",
    short: "o",
    value: "FORMAT",
    help: "table (default), wide, json, yaml, or name",
    choices: ["table", "wide", "json", "yaml", "name"],
  },
  { name: "api", value: "URL", help: "the API; default: OVERSPAN_API, else the context's" },
  {
    name: "context",
    value: "NAME",
    help: "the context of the config file; default: OVERSPAN_CONTEXT, else its current",
  },
  { name: "token-file", value: "FILE", help: "a file with the token; default: OVERSPAN_TOKEN, OVERSPAN_TOKEN_FILE" },
  { name: "help", short: "h", help: "show the help of the command" },
];

export type Parsed =
  | { kind: "call"; call: Call }
  /** Help was asked for: of a command, of those that begin with these words, or of all. */
  | { kind: "help"; words: readonly string[] }
  | { kind: "version" };

type Given = { name: string; value: string | undefined; raw: string };

/** Throws a Failure if the words are no command. */
export function parseCommandLine(args: readonly string[], commands: readonly Command[]): Parsed {
  const everyOption = [...GLOBAL_OPTIONS, { name: "version", help: "" }, ...commands.flatMap(({ options }) => options)];
  const { positionals, given } = tokensOf(args, everyOption);
  const words = positionals.map((word, index) => (index === 0 ? word : canonicalKind(word)));
  if (given.some(({ name }) => name === "version")) return { kind: "version" };
  const wantsHelp = given.some(({ name }) => name === "help");
  if (words[0] === "help") return { kind: "help", words: words.slice(1) };
  if (positionals.length === 0) {
    if (wantsHelp || given.length === 0) return { kind: "help", words: [] };
    throw usage("a command is missing", "overspan --help lists them");
  }
  const planned = words[0] === "plan" && words.length > 1;
  const from = planned ? 1 : 0;
  const command = findCommand(words.slice(from), commands);
  if (wantsHelp) return { kind: "help", words: command?.words ?? words };
  if (!command) throw unknownCommand(words.slice(from), positionals.slice(from), commands);
  const said = `overspan ${command.words.join(" ")}`;
  if (planned && !command.plans) throw usage(`${said} writes nothing, so there is nothing to plan`, `run it: ${said}`);
  const options = checkOptions(given, command, planned);
  const rest = positionals.slice(from + command.words.length);
  checkArgs(rest, command);
  return { kind: "call", call: { command, args: rest, options } };
}

/** Values by the one parser for all commands, so that options may stand before the command's words too. */
function tokensOf(args: readonly string[], options: readonly Option[]): { positionals: string[]; given: Given[] } {
  const config = Object.fromEntries(
    options.map(({ name, short, value }) => [
      name,
      { type: value === undefined ? ("boolean" as const) : ("string" as const), ...(short ? { short } : {}) },
    ]),
  );
  const { tokens } = parseArgs({
    args: [...args],
    options: config,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const positionals: string[] = [];
  const given: Given[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const type = Object.hasOwn(config, token.name) ? config[token.name]?.type : undefined;
    if (type === undefined) throw unknownOption(token.rawName, options);
    if (type === "string" && token.value === undefined) throw usage(`${token.rawName} needs a value`);
    if (type === "boolean" && token.value !== undefined) throw usage(`${token.rawName} takes no value`);
    given.push({ name: token.name, value: token.value, raw: token.rawName });
  }
  return { positionals, given };
}

function canonicalKind(word: string): string {
  return kindOf(word)?.name ?? word;
}

/** The command whose words these begin with; of several the longest. */
function findCommand(words: readonly string[], commands: readonly Command[]): Command | undefined {
  return commands
    .filter((command) => command.words.every((word, index) => words[index] === word))
    .sort((a, b) => b.words.length - a.words.length)[0];
}

function unknownCommand(words: readonly string[], said: readonly string[], commands: readonly Command[]): Failure {
  const [verb = "", noun] = words;
  const siblings = commands.filter((command) => command.words[0] === verb && command.words.length > 1);
  if (siblings.length > 0) {
    const nouns = siblings.map((command) => command.words[1] as string);
    const next = `overspan ${verb} takes one of: ${nouns.join(", ")}`;
    if (noun === undefined) return usage(`overspan ${verb} needs to know what`, next);
    const near = closest(noun, [...nouns, ...KINDS.map(({ plural }) => plural)]);
    const meant = near === undefined ? [] : [`did you mean: overspan ${verb} ${canonicalKind(near)}?`];
    return usage(`overspan ${verb} knows no "${said[1]}"`, ...meant, next);
  }
  const near = closest(verb, [...new Set(commands.map((command) => command.words[0] as string))]);
  const meant = near === undefined ? [] : [`did you mean: overspan ${near}?`];
  return usage(`there is no command "${said[0]}"`, ...meant, "overspan --help lists them");
}

function unknownOption(raw: string, options: readonly Option[]): Failure {
  const near = closest(raw.replace(/^-+/, ""), [...new Set(options.map(({ name }) => name))]);
  return usage(`there is no option ${raw}`, ...(near === undefined ? [] : [`did you mean --${near}?`]));
}

function checkOptions(given: readonly Given[], command: Command, planned: boolean): Call["options"] {
  const known = new Map([...GLOBAL_OPTIONS, ...command.options].map((option) => [option.name, option]));
  const values = new Map<string, (string | undefined)[]>(planned ? [["plan", [undefined]]] : []);
  for (const { name, value, raw } of given) {
    const option = known.get(name);
    const said = `overspan ${command.words.join(" ")}`;
    if (!option) throw usage(`${said} has no option ${raw}`, `${said} --help lists them`);
    if (option.choices && !option.many && value !== undefined && !option.choices.includes(value)) {
      throw usage(`${raw} takes one of ${option.choices.join(", ")}, not ${JSON.stringify(value)}`);
    }
    values.set(name, [...(option.many ? (values.get(name) ?? []) : []), value]);
  }
  const texts = (name: string) => (values.get(name) ?? []).filter((value) => value !== undefined);
  return { text: (name) => texts(name).at(-1), all: texts, has: (name) => values.has(name) };
}

function checkArgs(rest: readonly string[], { words, args }: Command): void {
  const said = `overspan ${words.join(" ")}`;
  const missing = args[rest.length];
  if (missing && !missing.optional) throw usage(`${said} needs ${missing.name}: ${missing.help}`, `${said} --help`);
  const extra = args.at(-1)?.many ? undefined : rest[args.length];
  if (extra !== undefined) throw usage(`${said} takes no more than that: "${extra}"`, `${said} --help`);
  rest.forEach((value, index) => {
    const arg = args[Math.min(index, args.length - 1)];
    if (arg?.choices && !arg.choices.includes(value)) {
      throw usage(`${arg.name} is one of ${arg.choices.join(", ")}, not "${value}"`);
    }
  });
}

/** What was probably meant. */
function closest(word: string, among: readonly string[]): string | undefined {
  const [best] = among
    .map((candidate) => ({ candidate, far: distance(word, candidate) }))
    .sort((a, b) => a.far - b.far);
  return best && best.far <= Math.max(1, Math.floor(word.length / 3)) ? best.candidate : undefined;
}
