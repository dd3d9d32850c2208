// How a flag becomes a field of a request: a type per form of value. Pure; a value that does not parse is told with its
// flag. What the value means (is it a MAC? is it free?) is the API's business.

/** `--flag VALUE` and the field that it fills, as a path into the resource: `bgp.asn`. */
export type Field = {
  flag: string;
  field: string;
  type: keyof typeof TYPES;
  /** Of the value, for help. */
  value: string;
  help: string;
  /** Fixed for the resource's life: not a flag of `edit`. */
  fixed?: true;
  /** Values that completion offers. */
  choices?: readonly string[];
};

/** What was given for one flag: each of its values, or that it stands there. */
export type Given = readonly string[] | boolean;

type Converted = { value: unknown } | { fault: string };

type FieldType = {
  /** It may be given several times, and with commas. */
  many?: true;
  /** It takes no value; `--no-FLAG` says false. */
  bare?: true;
  convert(values: readonly string[]): Converted;
};

const split = (values: readonly string[]) => values.flatMap((value) => value.split(",")).filter((part) => part !== "");
const last = (values: readonly string[]) => values.at(-1) ?? "";

/** Every part by `read`, which gives a text if it cannot. */
function each(values: readonly string[], read: (part: string) => Converted): Converted {
  const all: unknown[] = [];
  for (const part of split(values)) {
    const one = read(part);
    if ("fault" in one) return one;
    all.push(one.value);
  }
  return { value: all };
}

function pairs(parts: readonly string[], convert: (text: string) => Converted): Converted {
  const entries: [string, unknown][] = [];
  for (const part of parts) {
    const at = part.indexOf("=");
    if (at < 1) return { fault: `takes NAME=VALUE, not ${JSON.stringify(part)}` };
    const converted = convert(part.slice(at + 1));
    if ("fault" in converted) return converted;
    entries.push([part.slice(0, at), converted.value]);
  }
  return { value: Object.fromEntries(entries) };
}

function wholeNumber(text: string): { value: number } | { fault: string } {
  return /^\d{1,15}$/.test(text)
    ? { value: Number(text) }
    : { fault: `takes a whole number, not ${JSON.stringify(text)}` };
}

export const TYPES = {
  text: { convert: (values) => ({ value: last(values) }) },
  number: { convert: (values) => wholeNumber(last(values)) },
  boolean: { bare: true, convert: () => ({ value: true }) },
  list: { many: true, convert: (values) => ({ value: split(values) }) },
  texts: { many: true, convert: (values) => pairs(split(values), (value) => ({ value })) },
  /** As `texts`, and a comma is but a comma. */
  notes: { many: true, convert: (values) => pairs(values, (value) => ({ value })) },
  counts: { many: true, convert: (values) => pairs(split(values), wholeNumber) },
  /** `FROM-TO`. */
  range: {
    convert: (values) => {
      const [, from, to] = /^(\d{1,9})-(\d{1,9})$/.exec(last(values)) ?? [];
      if (from === undefined) return { fault: `takes FROM-TO, not ${JSON.stringify(last(values))}` };
      return { value: { from: Number(from), to: Number(to) } };
    },
  },
  /** `FROM-TO`, or one number. */
  ranges: {
    many: true,
    convert: (values) =>
      each(values, (part) => {
        const [, from, to] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part) ?? [];
        if (from === undefined) return { fault: `takes FROM-TO, not ${JSON.stringify(part)}` };
        return { value: { from: Number(from), to: Number(to ?? from) } };
      }),
  },
  /** `ADDRESS=ASN` or `INTERFACE=external`. */
  peers: {
    many: true,
    convert: (values) =>
      each(values, (part) => {
        const [, place = "", asn = ""] = /^(.+)=(\d{1,10}|external|internal)$/.exec(part) ?? [];
        if (place === "") {
          return { fault: `takes ADDRESS=ASN or INTERFACE=external, not ${JSON.stringify(part)}` };
        }
        const remote = /^\d/.test(asn) ? Number(asn) : asn;
        return { value: /[.:]/.test(place) ? { address: place, asn: remote } : { interface: place, asn: remote } };
      }),
  },
  /** `PREFIX`, or `PREFIX=MAC`. */
  allowed: {
    many: true,
    convert: (values) =>
      each(values, (part) => {
        const [ip = "", mac] = part.split("=");
        const prefix = ip.includes("/") ? ip : `${ip}/${ip.includes(":") ? 128 : 32}`;
        return { value: mac === undefined ? { ip: prefix } : { ip: prefix, mac } };
      }),
  },
  /** `ipv4`, `ipv6`, `ipv4=SUBNET`. */
  allocate: {
    many: true,
    convert: (values) => {
      const entries = split(values).map((part): [string, unknown] => {
        const at = part.indexOf("=");
        return at < 0 ? [part, true] : [part.slice(0, at), part.slice(at + 1)];
      });
      const wrong = entries.find(([family]) => !/^ipv[46]$/.test(family));
      if (wrong) return { fault: `takes ipv4, ipv6 or ipv4=SUBNET, not ${JSON.stringify(wrong[0])}` };
      return { value: Object.fromEntries(entries) };
    },
  },
} as const satisfies Record<string, FieldType>;

export function typeOf({ type }: Field): FieldType {
  return TYPES[type];
}

/** The value of a field by what was given for its flag. */
export function convertField(field: Field, given: Given): Converted {
  if (typeof given === "boolean") return { value: given };
  const converted = typeOf(field).convert(given);
  return "fault" in converted ? { fault: `--${field.flag} ${converted.fault}` } : converted;
}

/** Of `--set PATH=VALUE`: JSON where it reads as JSON, else text. */
export function convertSetting(text: string): { path: string; value: unknown } | { fault: string } {
  const at = text.indexOf("=");
  if (at < 1) return { fault: `--set takes PATH=VALUE, such as bgp.asn=65101, not ${JSON.stringify(text)}` };
  return { path: text.slice(0, at), value: jsonOrText(text.slice(at + 1)) };
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Puts a value at a path of a tree of objects. */
export function putAt(tree: Record<string, unknown>, path: string, value: unknown): void {
  const names = path.split(".");
  const leaf = names.pop() as string;
  let node = tree;
  for (const name of names) {
    const next = Object.hasOwn(node, name) ? node[name] : undefined;
    const child: Record<string, unknown> =
      typeof next === "object" && next !== null && !Array.isArray(next) ? { ...next } : {};
    define(node, name, child);
    node = child;
  }
  define(node, leaf, value);
}

/** `__proto__` too is but a name here. */
function define(node: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(node, name, { value, enumerable: true, configurable: true, writable: true });
}
