// AWS IoT policies, evaluated as AWS IoT documents them: default deny, an explicit Deny wins, `*` and `?` in actions and
// resources, the policy variable of the thing's name. Pure. MQTT wildcards mean nothing here: a subscription's filter is
// compared as text, so `#` is allowed only where the policy has a `*`.
// A document with anything else in it (other variables, other conditions, NotAction) throws when it is parsed.

import * as z from "zod";
import { LOCAL_ACCOUNT, LOCAL_PARTITION, LOCAL_REGION } from "./cloudformation.ts";

/** The question: may the device of `thing` do `action` on `resource` (such as `topic/a/b`)? */
export type PolicyRequest = { action: PolicyAction; resource: string; thing: string };
export type PolicyAction = "iot:Connect" | "iot:Publish" | "iot:RetainPublish" | "iot:Subscribe" | "iot:Receive";

export type IotPolicy = { allows: (request: PolicyRequest) => boolean };

const list = z.union([z.string(), z.array(z.string())]).transform((value) => (Array.isArray(value) ? value : [value]));

const Document = z.strictObject({
  Version: z.literal("2012-10-17"),
  Statement: z.array(
    z.strictObject({
      Sid: z.string().optional(),
      Effect: z.enum(["Allow", "Deny"]),
      Action: list,
      Resource: list,
      // Every connection here is of an enrolled host, whose secret stands for the certificate of its thing.
      Condition: z
        .strictObject({ Bool: z.strictObject({ "iot:Connection.Thing.IsAttached": z.literal("true") }) })
        .optional(),
    }),
  ),
});

const THING_NAME = "${iot:Connection.Thing.ThingName}";
const ARN_PREFIX = `arn:${LOCAL_PARTITION}:iot:${LOCAL_REGION}:${LOCAL_ACCOUNT}:`;

/** Parses a policy document; throws with the reason if it says something that is not understood here. */
export function parseIotPolicy(document: unknown): IotPolicy {
  const statements = Document.parse(document).Statement.map((statement) => ({
    allow: statement.Effect === "Allow",
    actions: statement.Action.map((action) => compileGlob(action.toLowerCase())),
    resources: statement.Resource.map(compileGlob),
  }));
  return {
    allows({ action, resource, thing }) {
      const arn = `${ARN_PREFIX}${resource}`;
      const applying = statements.filter(
        ({ actions, resources }) =>
          actions.some((glob) => glob(action.toLowerCase(), thing)) && resources.some((glob) => glob(arn, thing)),
      );
      return applying.length > 0 && applying.every(({ allow }) => allow);
    },
  };
}

/** The variable's value is matched as text: a thing called `*` is no wildcard. */
function compileGlob(pattern: string): (text: string, thing: string) => boolean {
  const tokens = pattern.match(/\$\{[^}]*\}|[*?]|[^*?$]+|\$/g) ?? [];
  for (const token of tokens) {
    if (token.startsWith("${") && token !== THING_NAME)
      throw new Error(`the policy variable ${token} is not supported`);
  }
  return (text, thing) => {
    const source = tokens.map((token) => {
      if (token === "*") return ".*";
      if (token === "?") return ".";
      return escapeRegExp(token === THING_NAME ? thing : token);
    });
    return new RegExp(`^${source.join("")}$`, "s").test(text);
  };
}

function escapeRegExp(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
