// Runs the template's topic rules: what hosts publish on a rule's filter invokes the function of its action,
// asynchronously and without order, as AWS IoT does.

import type { Broker } from "./broker.ts";
import { parseRuleSql, runRuleQuery } from "./iot-sql.ts";
import type { RulePlan } from "./plan.ts";

/** Subscribes every rule; StartFailure if one has SQL that is not understood. */
export function startIotRules(
  rules: readonly RulePlan[],
  broker: Pick<Broker, "onPublished">,
  invokeAsync: (functionName: string, event: unknown) => void,
): void {
  const queries = rules.map((rule) => ({ rule, query: parseRuleSql(rule.sql) }));
  for (const { rule, query } of queries) {
    broker.onPublished(query.filter, (topic, payload) => {
      invokeAsync(rule.function, runRuleQuery(query, topic, payload));
    });
  }
}
