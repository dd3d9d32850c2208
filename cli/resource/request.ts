// From a parsed command line to the request that it asks for. Pure.

import type { Option, Options } from "../command.ts";
import { type Failure, usage } from "../failure.ts";
import { convertField, convertSetting, type Field, putAt, typeOf } from "./field.ts";
import type { Kind } from "./kind.ts";

/** The flags of a kind's fields; for `edit` only those of what can be changed. */
export function fieldOptions({ fields }: Kind, verb: "create" | "edit"): Option[] {
  return fields
    .filter(({ fixed }) => verb === "create" || !fixed)
    .flatMap((field): Option[] => {
      const { flag, value, help, choices } = field;
      const { bare, many } = typeOf(field);
      if (bare)
        return [
          { name: flag, help },
          { name: `no-${flag}`, help: `not so: ${help}` },
        ];
      const kind = KIND_OF_FLAG[flag];
      return [
        {
          name: flag,
          value,
          help,
          ...(many ? { many } : {}),
          ...(choices ? { choices } : {}),
          ...(kind ? { kind } : {}),
        },
      ];
    });
}

const KIND_OF_FLAG: Record<string, NonNullable<Option["kind"]>> = {
  tenant: "tenant",
  site: "site",
  host: "host",
  network: "network",
  router: "router",
  "vni-pool": "vni-pool",
};

/** Options of `create` and `edit` besides the kind's own. */
export const SET: Option = {
  name: "set",
  value: "PATH=VALUE",
  many: true,
  help: "any field by its path, such as bgp.asn=65101; VALUE is JSON or text",
};
export const UNSET: Option = {
  name: "unset",
  value: "PATH",
  many: true,
  help: "remove a field, such as mtuBytes or labels.tier",
};

/** The body that flags say; throws a Failure that names the flag at fault. */
export function bodyOf(kind: Kind, options: Options): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  for (const field of kind.fields) {
    const given = givenFor(field, options);
    if (given === undefined) continue;
    const converted = convertField(field, given);
    if ("fault" in converted) throw usage(converted.fault);
    putAt(body, field.field, converted.value);
  }
  for (const text of options.all("set")) {
    const setting = convertSetting(text);
    if ("fault" in setting) throw usage(setting.fault);
    putAt(body, setting.path, setting.value);
  }
  for (const path of options.all("unset")) putAt(body, path, null);
  return body;
}

function givenFor(field: Field, options: Options): readonly string[] | boolean | undefined {
  const { flag } = field;
  if (!typeOf(field).bare) return options.has(flag) ? options.all(flag) : undefined;
  const [yes, no] = [options.has(flag), options.has(`no-${flag}`)];
  if (yes && no) throw contradiction(flag);
  return yes ? true : no ? false : undefined;
}

function contradiction(flag: string): Failure {
  return usage(`--${flag} and --no-${flag} contradict each other`);
}

/** What a field of the request is called on the command line: its flag, or the field itself. */
export function flagOf(kind: Kind): (path: string) => string {
  return (path) => {
    const [exact] = kind.fields
      .filter(({ field }) => path === field || path.startsWith(`${field}.`))
      .sort((a, b) => b.field.length - a.field.length);
    if (path === "id") return "the id";
    if (!exact) return path === "" ? "" : `--set ${path}`;
    const rest = path.slice(exact.field.length + 1);
    return rest === "" ? `--${exact.flag}` : `--${exact.flag} (${rest})`;
  };
}
