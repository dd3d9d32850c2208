// Completion scripts for bash, zsh and fish, made of the table of commands. Words and options are in the script; names of
// resources are asked of the API by `overspan get … -o name` (of rollouts, `rollout list`), which says nothing if it
// cannot be reached. Pure.

import type { Arg, Command, Named, Option } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import { GLOBAL_OPTIONS } from "./parse.ts";
import { KINDS, kind as kindRow } from "./resource/kind.ts";

export type Shell = "bash" | "zsh" | "fish";

const SHELLS: readonly Shell[] = ["bash", "zsh", "fish"];

/** `commands` is asked when it runs, since it is one of them. */
export function completionCommand(commands: () => readonly Command[]): Command {
  return {
    words: ["completion"],
    summary: "print a completion script for a shell",
    args: [{ name: "SHELL", help: "bash, zsh or fish", choices: SHELLS }],
    options: [],
    more:
      "bash: overspan completion bash > ~/.local/share/bash-completion/completions/overspan\n" +
      "zsh:  source <(overspan completion zsh), in ~/.zshrc\n" +
      "fish: overspan completion fish > ~/.config/fish/completions/overspan.fish",
    examples: [{ line: "completion bash", says: "the script for bash" }],
    run: ({ args }, { world }) => {
      world.out.write(completionScript(args[0] as Shell, commands()));
      return Promise.resolve(EXIT.done);
    },
  };
}

export function completionScript(shell: Shell, commands: readonly Command[]): string {
  switch (shell) {
    case "bash":
      return bash(commands);
    case "zsh":
      // zsh runs bash's own completions, with the same answers.
      return `autoload -Uz compinit bashcompinit\n(( \${+functions[compdef]} )) || compinit\nbashcompinit\n\n${bash(commands)}`;
    case "fish":
      return fish(commands);
  }
}

/** The words that lead to a command, and which words may come next, over all commands. */
function nextWords(commands: readonly Command[]): Map<string, Set<string>> {
  const next = new Map<string, Set<string>>();
  const add = (before: string, word: string) => next.set(before, (next.get(before) ?? new Set()).add(word));
  for (const { words, plans } of commands) {
    words.forEach((word, index) => add(words.slice(0, index).join(" "), word));
    if (plans) words.forEach((word, index) => add(["plan", ...words.slice(0, index)].join(" "), word));
  }
  for (const { words } of commands) if (words.length === 1) add("help", words[0] as string);
  return next;
}

function optionWords(options: readonly Option[]): string {
  return [...options, ...GLOBAL_OPTIONS].map(({ name }) => `--${name}`).join(" ");
}

/** How names of a kind are asked; with the parent in front where it has one. */
function askNames(name: Named): string {
  const list = name === "rollout" ? "rollout list" : `get ${kindRow(name).plural}`;
  return `overspan ${list} -o name 2>/dev/null | sed 's|^${name}/||'`;
}

/** Names of variables are ours alone: zsh, which runs this too, has `path`, `words` and `options` of its own. */
function bash(commands: readonly Command[]): string {
  const next = [...nextWords(commands)].map(
    ([before, after]) => `    "${before}") answers="${[...after].join(" ")}" ;;`,
  );
  const flags = commands.map(({ words, options: own }) => `"${words.join(" ")}") flags="${optionWords(own)}" ;;`);
  const values = optionValues(commands).map(([name, { short, choices, kind }]) => {
    const answers = choices ? choices.join(" ") : `$(${askNames(kind as Named)})`;
    return `    --${name}${short ? `|-${short}` : ""}) answers="${answers}" ;;`;
  });
  const args = commands.flatMap((command) =>
    argRows(command).map(([key, arg]) => `"${key}") answers="${argWords(arg)}" ;;`),
  );
  const singular = KINDS.map(({ name, plural, aliases }) => `      ${[plural, ...aliases].join("|")}) word=${name} ;;`);
  return `# bash completion for overspan, made by: overspan completion bash
_overspan() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local place="" count=0 word index answers="" flags="" known
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="\${COMP_WORDS[index]}"
    if [[ "$word" == -* ]]; then continue; fi
    case "$word" in
${singular.join("\n")}
    esac
    known="$(_overspan_next "$place")"
    if [[ $count -eq 0 && " $known " == *" $word "* ]]; then place="\${place:+$place }$word"; else count=$((count + 1)); fi
  done
  case "$previous" in
${values.join("\n")}
  esac
  if [[ -z "$answers" ]]; then
    if [[ "$current" == -* ]]; then
      case "\${place#plan }" in
${indent(flags)}
        *) flags="${optionWords([])}" ;;
      esac
      answers="$flags"
    else
      answers="$(_overspan_next "$place")"
      if [[ -z "$answers" || $count -gt 0 ]]; then
        answers=""
        case "\${place#plan }" in
${indent(args)}
        esac
      fi
    fi
  fi
  COMPREPLY=($(compgen -W "$answers" -- "$current"))
}
_overspan_next() {
  local answers=""
  case "$1" in
${next.join("\n")}
  esac
  echo "$answers"
}
complete -F _overspan overspan
`;
}

function indent(lines: readonly string[]): string {
  return lines.map((line) => `        ${line}`).join("\n");
}

/** Options that take one of some words, or the name of a resource; the first that has the name speaks for all. */
function optionValues(commands: readonly Command[]): [string, Option][] {
  const known = new Map<string, Option>();
  for (const option of [...GLOBAL_OPTIONS, ...commands.flatMap(({ options }) => options)]) {
    if ((option.choices ?? option.kind) && !known.has(option.name)) known.set(option.name, option);
  }
  return [...known];
}

/** Arguments of a command that can be completed; all of a command are alike. */
function argRows({ words, args }: Command): [string, Arg][] {
  const [first] = args;
  return first && (first.choices ?? first.kind) ? [[words.join(" "), first]] : [];
}

function argWords({ choices, kind }: Arg): string {
  return choices ? choices.join(" ") : `$(${askNames(kind as Named)})`;
}

function fish(commands: readonly Command[]): string {
  const lines = [
    "# fish completion for overspan, made by: overspan completion fish",
    "complete -c overspan -f",
    `function __overspan_at
  set -l given (commandline -opc)
  set -l words
  for word in $given[2..]
    string match -q -- '-*' $word; or set -a words $word
  end
  string match -q -- "$argv *" "$words "
end
function __overspan_next
  set -l given (commandline -opc)
  set -l words
  for word in $given[2..]
    string match -q -- '-*' $word; or set -a words $word
  end
  test "$words" = "$argv"
end`,
    ...[...nextWords(commands)].map(
      ([before, after]) => `complete -c overspan -n '__overspan_next ${before}' -a '${[...after].join(" ")}'`,
    ),
    ...GLOBAL_OPTIONS.map((option) => fishOption("", option)),
    ...commands.flatMap(({ words, options }) =>
      options.map((option) => fishOption(` -n '__overspan_at ${words.join(" ")}'`, option)),
    ),
    ...commands.flatMap((command) =>
      argRows(command).map(
        ([words, arg]) =>
          `complete -c overspan -n '__overspan_next ${words}' -a ${arg.choices ? `'${arg.choices.join(" ")}'` : `"(${askNames(arg.kind as Named)})"`}`,
      ),
    ),
  ];
  return `${lines.join("\n")}\n`;
}

function fishOption(when: string, { name, short, value, help, choices, kind }: Option): string {
  const answers = choices ? ` -a '${choices.join(" ")}'` : kind ? ` -a "(${askNames(kind)})"` : "";
  const takes = value === undefined ? "" : ` -x${answers}`;
  return `complete -c overspan${when} -l ${name}${short ? ` -s ${short}` : ""}${takes} -d '${help.replaceAll("'", "\\'")}'`;
}
