// The filter criteria of event source mappings: EventBridge-style patterns, the subset that Lambda takes for streams
// and this project uses. Pure. A pattern that is not understood throws when it is compiled, never when it is applied.

export type Matcher = (value: unknown) => boolean;

/** Compiles patterns of which one must match; without patterns everything matches. */
export function compilePatterns(patterns: readonly unknown[]): Matcher {
  if (patterns.length === 0) return () => true;
  const matchers = patterns.map((pattern) => compile(pattern, "pattern"));
  return (value) => matchers.some((matches) => matches(value));
}

function compile(pattern: unknown, path: string): Matcher {
  if (Array.isArray(pattern)) {
    const rules = pattern.map((rule) => compileRule(rule, path));
    return (value) => rules.some((rule) => rule(value));
  }
  if (typeof pattern !== "object" || pattern === null) throw new Error(`${path}: a value must be in a list`);
  const members = Object.entries(pattern).map(([key, member]) => {
    if (key.startsWith("$")) throw new Error(`${path}.${key}: not supported`);
    return [key, compile(member, `${path}.${key}`)] as const;
  });
  return (value) => {
    const object = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
    return members.every(([key, matches]) => matches(Object.hasOwn(object, key) ? object[key] : undefined));
  };
}

/** One alternative of a leaf. A list in the event matches if one of its elements does. */
function compileRule(rule: unknown, path: string): Matcher {
  const matches = compileLeaf(rule, path);
  return (value) => (Array.isArray(value) ? value.some(matches) : matches(value));
}

function compileLeaf(rule: unknown, path: string): Matcher {
  if (typeof rule !== "object" || rule === null) return (value) => value === rule;
  const entries = Object.entries(rule);
  const [name, argument] = entries[0] ?? [];
  if (entries.length === 1) {
    if (name === "exists" && typeof argument === "boolean") return (value) => (value !== undefined) === argument;
    if (name === "prefix" && typeof argument === "string")
      return (value) => typeof value === "string" && value.startsWith(argument);
    if (name === "anything-but") {
      const refused: readonly unknown[] = Array.isArray(argument) ? argument : [argument];
      if (refused.every((item) => typeof item === "string" || typeof item === "number"))
        return (value) => value !== undefined && !refused.some((item) => item === value);
    }
  }
  throw new Error(`${path}: the rule ${JSON.stringify(rule)} is not supported`);
}
