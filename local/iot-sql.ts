// AWS IoT's rule SQL, the subset that the template uses:
//
//   SELECT encode(*, 'base64') AS <name>, topic(<n>) AS <name>, ... FROM '<topic filter>'
//
// Pure. Any other SQL throws when it is parsed, and so at start, rather than being run as something else.

import { StartFailure } from "./start-failure.ts";

/** A parsed rule: where its messages come from, and what the action gets of each. */
export type RuleQuery = { filter: string; columns: Column[] };
type Column = { name: string; value: { kind: "payload-base64" } | { kind: "topic-level"; level: number } };

export function parseRuleSql(sql: string): RuleQuery {
  const parts = /^\s*SELECT\s+(.+?)\s+FROM\s+'([^']+)'\s*$/is.exec(sql);
  if (!parts) throw unsupported(sql, "it is not SELECT ... FROM 'filter'");
  const [, columns, filter] = parts as unknown as [string, string, string];
  // Commas inside parentheses belong to a function's arguments.
  return { filter, columns: columns.split(/,(?![^(]*\))/).map((column) => parseColumn(column.trim(), sql)) };
}

/** What the rule hands to its action for one message. */
export function runRuleQuery(query: RuleQuery, topic: string, payload: Uint8Array): Record<string, string | undefined> {
  const levels = topic.split("/");
  return Object.fromEntries(
    query.columns.map(({ name, value }) => [
      name,
      value.kind === "payload-base64" ? Buffer.from(payload).toString("base64") : levels[value.level - 1],
    ]),
  );
}

function parseColumn(text: string, sql: string): Column {
  const encode = /^encode\(\s*\*\s*,\s*'base64'\s*\)\s+AS\s+(\w+)$/i.exec(text);
  if (encode) return { name: encode[1] as string, value: { kind: "payload-base64" } };
  const topic = /^topic\(\s*([1-9]\d?)\s*\)\s+AS\s+(\w+)$/i.exec(text);
  if (topic) return { name: topic[2] as string, value: { kind: "topic-level", level: Number(topic[1]) } };
  throw unsupported(sql, `${text} is not understood`);
}

function unsupported(sql: string, reason: string): StartFailure {
  return new StartFailure(`The local runtime cannot run the topic rule "${sql}": ${reason} (iot-sql.ts).`);
}
