// `config`: the contexts of the config file. Tokens are never in it: it says where one is.

import type { Command } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import { usage } from "./failure.ts";
import { formatValue } from "./output/print.ts";
import { tableLines } from "./output/table.ts";
import { checkApi, type Config, configPath, type Context, readConfig } from "./settings.ts";
import type { World } from "./world.ts";

export const CONFIG_COMMANDS: readonly Command[] = [
  {
    words: ["config", "show"],
    summary: "show the contexts, and where their tokens are from",
    args: [],
    options: [],
    examples: [{ line: "config show", says: "the contexts; * is the current one" }],
    run: async (_, { world, format }) => {
      const config = await readConfig(world);
      world.out.write(formatValue(config, format) ?? configText(config, configPath(world.env)));
      return EXIT.done;
    },
  },
  {
    words: ["config", "set-context"],
    summary: "make or change a context, and use it",
    args: [{ name: "NAME", help: "its name" }],
    options: [
      {
        name: "token-command",
        value: "WORDS",
        help: "a program that prints the token, with its arguments; no shell reads it",
      },
    ],
    more: "--api says where, --token-file or --token-command where its token is from.",
    examples: [
      {
        line: "config set-context lab --api https://overspan.example --token-file /run/overspan/token",
        says: "an API whose token is in a file",
      },
    ],
    run: async ({ args, options }, { world }) => {
      const name = args[0] as string;
      const { contexts } = await readConfig(world);
      const [file, program] = [options.text("token-file"), options.text("token-command")];
      if (file !== undefined && program !== undefined)
        throw usage("--token-file and --token-command exclude each other");
      const api = options.text("api") ?? contexts[name]?.api;
      if (api === undefined) throw usage("a new context needs --api URL");
      const token: Partial<Context> =
        file !== undefined
          ? { tokenFile: file }
          : program !== undefined
            ? { tokenCommand: program.split(/\s+/).filter((word) => word !== "") }
            : tokenOf(contexts[name]);
      await writeConfig(world, { current: name, contexts: { ...contexts, [name]: { api: checkApi(api), ...token } } });
      world.out.write(`context ${name} is the current one\n`);
      return EXIT.done;
    },
  },
  {
    words: ["config", "use-context"],
    summary: "use another context from now on",
    args: [{ name: "NAME", help: "its name" }],
    options: [],
    examples: [{ line: "config use-context lab", says: "the context of that name" }],
    run: async ({ args }, { world }) => {
      const name = args[0] as string;
      const { contexts } = await readConfig(world);
      if (!contexts[name])
        throw usage(`there is no context ${name}`, `there are: ${Object.keys(contexts).join(", ") || "none"}`);
      await writeConfig(world, { current: name, contexts });
      world.out.write(`context ${name} is the current one\n`);
      return EXIT.done;
    },
  },
];

function tokenOf(context: Context | undefined): Partial<Context> {
  const { api: _, ...token } = context ?? { api: "" };
  return token;
}

function writeConfig(world: World, config: Config): Promise<void> {
  return world.writeHeld(configPath(world.env), `${JSON.stringify(config, undefined, 2)}\n`);
}

function configText({ current, contexts }: Config, path: string): string {
  const rows = Object.entries(contexts).map(([name, context]) => ({ name, ...context }));
  if (rows.length === 0) return `no contexts in ${path}\n`;
  const lines = tableLines(rows, [
    { title: "CONTEXT", value: ({ name }) => `${name === current ? "* " : "  "}${name}` },
    { title: "API", value: ({ api }) => api },
    {
      title: "TOKEN",
      value: ({ tokenFile, tokenCommand }) => tokenFile ?? (tokenCommand && `from ${tokenCommand[0]}`),
    },
  ]);
  return `${lines.join("\n")}\n`;
}
