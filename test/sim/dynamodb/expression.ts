// DynamoDB's expressions over items in wire form: conditions, filters, key conditions and updates, as far as the
// language goes (Developer Guide, "Expressions"), less `attribute_type`, IN and set operations, which nothing here uses.
// Parsed once per text and kept. Throws on what it does not know: a fake must not guess.

import type { AttributeValue } from "@aws-sdk/client-dynamodb";

export type WireItem = Record<string, AttributeValue>;
export type Placeholders = {
  readonly names: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, AttributeValue>>;
};

type Operand =
  | { readonly kind: "path"; readonly path: readonly string[] }
  | { readonly kind: "value"; readonly name: string }
  | { readonly kind: "size"; readonly path: readonly string[] }
  | { readonly kind: "if-not-exists"; readonly path: readonly string[]; readonly otherwise: Operand }
  | { readonly kind: "sum"; readonly left: Operand; readonly right: Operand; readonly sign: 1 | -1 };

type Condition =
  | { readonly kind: "and" | "or"; readonly left: Condition; readonly right: Condition }
  | { readonly kind: "not"; readonly inner: Condition }
  | { readonly kind: "compare"; readonly operator: string; readonly left: Operand; readonly right: Operand }
  | { readonly kind: "between"; readonly of: Operand; readonly low: Operand; readonly high: Operand }
  | { readonly kind: "exists"; readonly path: readonly string[]; readonly wanted: boolean }
  | { readonly kind: "begins-with" | "contains"; readonly of: Operand; readonly what: Operand };

type Update = {
  readonly set: readonly { readonly path: readonly string[]; readonly to: Operand }[];
  readonly remove: readonly (readonly string[])[];
  readonly add: readonly { readonly path: readonly string[]; readonly by: Operand }[];
};

const conditions = new Map<string, Condition>();
const updates = new Map<string, Update>();

/** Whether the condition holds of the item; an absent item has no attributes. */
export function holds(text: string, item: WireItem | undefined, given: Placeholders): boolean {
  let condition = conditions.get(text);
  if (!condition) conditions.set(text, (condition = parse(text, (reader) => readOr(reader))));
  return evaluate(condition, item ?? {}, given);
}

/** The item after the update; `before` is not changed. */
export function updated(text: string, before: WireItem, given: Placeholders): WireItem {
  let update = updates.get(text);
  if (!update) updates.set(text, (update = parse(text, readUpdate)));
  const after: WireItem = { ...before };
  const top = (path: readonly string[]): string => {
    const [name, ...more] = path;
    if (name === undefined || more.length > 0) throw new Error(`update of a nested path: ${text}`);
    return nameOf(name, given);
  };
  for (const { path, to } of update.set) {
    const value = valueOf(to, before, given);
    if (!value) throw new Error(`SET to an attribute that does not exist: ${text}`);
    after[top(path)] = value;
  }
  for (const path of update.remove) delete after[top(path)];
  for (const { path, by } of update.add) {
    const name = top(path);
    const raise = valueOf(by, before, given)?.N;
    if (raise === undefined) throw new Error(`ADD of other than a number: ${text}`);
    after[name] = { N: String(Number(before[name]?.N ?? 0) + Number(raise)) };
  }
  return after;
}

/** Equality of two values, as `=` has it: of one type, maps in any order. */
export function equal(a: AttributeValue | undefined, b: AttributeValue | undefined): boolean {
  if (!a || !b) return false;
  if (a.N !== undefined && b.N !== undefined) return Number(a.N) === Number(b.N);
  if (a.S !== undefined || b.S !== undefined) return a.S === b.S;
  if (a.M !== undefined && b.M !== undefined) return sameMap(a.M, b.M);
  if (a.L !== undefined && b.L !== undefined)
    return a.L.length === b.L.length && a.L.every((one, n) => equal(one, b.L[n]));
  return canonical(a) === canonical(b);
}

function sameMap(a: WireItem, b: WireItem): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => equal(a[name], b[name]));
}

function evaluate(condition: Condition, item: WireItem, given: Placeholders): boolean {
  switch (condition.kind) {
    case "and":
      return evaluate(condition.left, item, given) && evaluate(condition.right, item, given);
    case "or":
      return evaluate(condition.left, item, given) || evaluate(condition.right, item, given);
    case "not":
      return !evaluate(condition.inner, item, given);
    case "exists":
      return (at(item, condition.path, given) !== undefined) === condition.wanted;
    case "begins-with": {
      const [of, what] = [valueOf(condition.of, item, given)?.S, valueOf(condition.what, item, given)?.S];
      return of !== undefined && what !== undefined && of.startsWith(what);
    }
    case "contains": {
      const of = valueOf(condition.of, item, given);
      const what = valueOf(condition.what, item, given);
      if (of?.S !== undefined && what?.S !== undefined) return of.S.includes(what.S);
      return of?.L?.some((member) => equal(member, what)) ?? false;
    }
    case "between": {
      const of = valueOf(condition.of, item, given);
      const low = order(of, valueOf(condition.low, item, given));
      const high = order(of, valueOf(condition.high, item, given));
      return low !== undefined && high !== undefined && low >= 0 && high <= 0;
    }
    case "compare":
      return compare(condition.operator, valueOf(condition.left, item, given), valueOf(condition.right, item, given));
  }
}

function compare(operator: string, a: AttributeValue | undefined, b: AttributeValue | undefined): boolean {
  if (operator === "=") return equal(a, b);
  // An attribute that is not there differs from every value.
  if (operator === "<>") return !equal(a, b);
  const sign = order(a, b);
  if (sign === undefined) return false;
  if (operator === "<") return sign < 0;
  if (operator === "<=") return sign <= 0;
  return operator === ">" ? sign > 0 : sign >= 0;
}

/** Numbers by value, strings by their octets; undefined for anything else, or for two types. */
function order(a: AttributeValue | undefined, b: AttributeValue | undefined): number | undefined {
  if (a?.N !== undefined && b?.N !== undefined) return Number(a.N) - Number(b.N);
  if (a?.S !== undefined && b?.S !== undefined) return compareText(a.S, b.S);
  return undefined;
}

/** The order of sort keys: of UTF-8 octets. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function valueOf(operand: Operand, item: WireItem, given: Placeholders): AttributeValue | undefined {
  switch (operand.kind) {
    case "path":
      return at(item, operand.path, given);
    case "value": {
      const value = given.values[operand.name];
      if (!value) throw new Error(`no value is given for ${operand.name}`);
      return value;
    }
    case "size": {
      const value = at(item, operand.path, given);
      const size = value?.S?.length ?? value?.L?.length ?? (value?.M && Object.keys(value.M).length);
      return size === undefined ? undefined : { N: String(size) };
    }
    case "if-not-exists":
      return at(item, operand.path, given) ?? valueOf(operand.otherwise, item, given);
    case "sum": {
      const left = valueOf(operand.left, item, given)?.N;
      const right = valueOf(operand.right, item, given)?.N;
      if (left === undefined || right === undefined) throw new Error("a sum of other than numbers");
      return { N: String(Number(left) + operand.sign * Number(right)) };
    }
  }
}

function at(item: WireItem, path: readonly string[], given: Placeholders): AttributeValue | undefined {
  let value: AttributeValue | undefined = { M: item };
  for (const step of path) value = value?.M?.[nameOf(step, given)];
  return value;
}

function nameOf(step: string, given: Placeholders): string {
  if (!step.startsWith("#")) return step;
  const name = given.names[step];
  if (name === undefined) throw new Error(`no name is given for ${step}`);
  return name;
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "";
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${name}:${canonical(member)}`).join()}}`;
}

class Reader {
  private readonly tokens: readonly string[];
  private position = 0;
  constructor(text: string) {
    this.tokens = text.match(/[#:]?[A-Za-z0-9_]+|<>|<=|>=|[=<>()+\-,.[\]]|\S/g) ?? [];
  }
  peek(): string | undefined {
    return this.tokens[this.position];
  }
  take(): string {
    const token = this.tokens[this.position++];
    if (token === undefined) throw new Error("the expression ends too early");
    return token;
  }
  /** Takes the token if it is next; keywords in any case. */
  has(token: string): boolean {
    if (this.peek()?.toUpperCase() !== token.toUpperCase()) return false;
    this.position++;
    return true;
  }
  expect(token: string): void {
    if (!this.has(token)) throw new Error(`expected ${token}, found ${this.peek() ?? "the end"}`);
  }
}

function parse<T>(text: string, read: (reader: Reader) => T): T {
  const reader = new Reader(text);
  try {
    const result = read(reader);
    if (reader.peek() !== undefined) throw new Error(`left over: ${reader.peek()}`);
    return result;
  } catch (cause) {
    throw new Error(`expression ${JSON.stringify(text)}: ${(cause as Error).message}`, { cause });
  }
}

function readOr(reader: Reader): Condition {
  let left = readAnd(reader);
  while (reader.has("OR")) left = { kind: "or", left, right: readAnd(reader) };
  return left;
}

function readAnd(reader: Reader): Condition {
  let left = readNot(reader);
  while (reader.has("AND")) left = { kind: "and", left, right: readNot(reader) };
  return left;
}

function readNot(reader: Reader): Condition {
  return reader.has("NOT") ? { kind: "not", inner: readNot(reader) } : readTerm(reader);
}

function readTerm(reader: Reader): Condition {
  if (reader.has("(")) {
    const inner = readOr(reader);
    reader.expect(")");
    return inner;
  }
  for (const [name, wanted] of [
    ["attribute_exists", true],
    ["attribute_not_exists", false],
  ] as const) {
    if (!reader.has(name)) continue;
    return inParentheses(reader, () => ({ kind: "exists", path: readPath(reader), wanted }));
  }
  for (const [name, kind] of [
    ["begins_with", "begins-with"],
    ["contains", "contains"],
  ] as const) {
    if (!reader.has(name)) continue;
    return inParentheses(reader, () => {
      const of = readOperand(reader);
      reader.expect(",");
      return { kind, of, what: readOperand(reader) };
    });
  }
  const left = readOperand(reader);
  if (reader.has("BETWEEN")) {
    const low = readOperand(reader);
    reader.expect("AND");
    return { kind: "between", of: left, low, high: readOperand(reader) };
  }
  const operator = reader.take();
  if (!["=", "<>", "<", "<=", ">", ">="].includes(operator)) throw new Error(`unknown operator ${operator}`);
  return { kind: "compare", operator, left, right: readOperand(reader) };
}

function readOperand(reader: Reader): Operand {
  if (reader.has("size")) return inParentheses(reader, () => ({ kind: "size", path: readPath(reader) }));
  if (reader.has("if_not_exists")) {
    return inParentheses(reader, () => {
      const path = readPath(reader);
      reader.expect(",");
      return { kind: "if-not-exists", path, otherwise: readOperand(reader) };
    });
  }
  if (reader.peek()?.startsWith(":")) return { kind: "value", name: reader.take() };
  return { kind: "path", path: readPath(reader) };
}

function readPath(reader: Reader): string[] {
  const path = [reader.take()];
  while (reader.has(".")) path.push(reader.take());
  if (path.some((step) => !/^#?[A-Za-z0-9_]+$/.test(step))) throw new Error(`not a path: ${path.join(".")}`);
  return path;
}

function readUpdate(reader: Reader): Update {
  const set: Update["set"][number][] = [];
  const remove: string[][] = [];
  const add: Update["add"][number][] = [];
  while (reader.peek() !== undefined) {
    const clause = reader.take().toUpperCase();
    do {
      const path = readPath(reader);
      if (clause === "SET") {
        reader.expect("=");
        set.push({ path, to: readSum(reader) });
      } else if (clause === "REMOVE") remove.push(path);
      else if (clause === "ADD") add.push({ path, by: readOperand(reader) });
      else throw new Error(`unknown clause ${clause}`);
    } while (reader.has(","));
  }
  return { set, remove, add };
}

function readSum(reader: Reader): Operand {
  const left = readOperand(reader);
  if (reader.has("+")) return { kind: "sum", left, right: readOperand(reader), sign: 1 };
  if (reader.has("-")) return { kind: "sum", left, right: readOperand(reader), sign: -1 };
  return left;
}

function inParentheses<T>(reader: Reader, read: () => T): T {
  reader.expect("(");
  const result = read();
  reader.expect(")");
  return result;
}
