import { describe, expect, it } from "vitest";
import { parseIotPolicy, type PolicyAction } from "../../local/iot-policy.ts";

const ARN = "arn:aws:iot:us-east-1:000000000000";
const THING = "${iot:Connection.Thing.ThingName}";

const policy = (...Statement: object[]) => parseIotPolicy({ Version: "2012-10-17", Statement });
const allow = (Action: string | string[], Resource: string | string[]) => ({ Effect: "Allow", Action, Resource });
const deny = (Action: string, Resource: string) => ({ Effect: "Deny", Action, Resource });

const HOST_POLICY = policy(
  {
    ...allow("iot:Connect", `${ARN}:client/${THING}`),
    Condition: { Bool: { "iot:Connection.Thing.IsAttached": "true" } },
  },
  allow("iot:Publish", [
    `${ARN}:topic/overspan/v1/hosts/${THING}/sync`,
    `${ARN}:topic/overspan/v1/hosts/${THING}/report`,
  ]),
  allow("iot:Subscribe", `${ARN}:topicfilter/overspan/v1/hosts/${THING}/inbox`),
  allow("iot:Receive", `${ARN}:topic/overspan/v1/hosts/${THING}/inbox`),
);

describe("IoT policy of a host", () => {
  it.each<[PolicyAction, string, boolean]>([
    ["iot:Connect", "client/h1", true],
    ["iot:Connect", "client/h2", false],
    ["iot:Connect", "client/h1x", false],
    ["iot:Publish", "topic/overspan/v1/hosts/h1/sync", true],
    ["iot:Publish", "topic/overspan/v1/hosts/h1/report", true],
    ["iot:Publish", "topic/overspan/v1/hosts/h1/inbox", false],
    ["iot:Publish", "topic/overspan/v1/hosts/h2/report", false],
    ["iot:Publish", "topic/overspan/v1/hosts/h1/report/more", false],
    ["iot:RetainPublish", "topic/overspan/v1/hosts/h1/report", false],
    ["iot:Subscribe", "topicfilter/overspan/v1/hosts/h1/inbox", true],
    ["iot:Subscribe", "topicfilter/overspan/v1/hosts/h2/inbox", false],
    ["iot:Subscribe", "topicfilter/overspan/v1/hosts/+/inbox", false],
    ["iot:Subscribe", "topicfilter/overspan/v1/hosts/h1/#", false],
    ["iot:Subscribe", "topicfilter/#", false],
    ["iot:Subscribe", "topicfilter/$SYS/#", false],
    ["iot:Receive", "topic/overspan/v1/hosts/h1/inbox", true],
    ["iot:Receive", "topic/overspan/v1/hosts/h2/inbox", false],
  ])("IoT policy: h1, %s on %s -> %s", (action, resource, expected) => {
    expect(HOST_POLICY.allows({ action, resource, thing: "h1" })).toBe(expected);
  });

  it("IoT policy: a thing whose name is a wildcard -> only itself", () => {
    const request = { action: "iot:Subscribe", thing: "*" } as const;
    expect(HOST_POLICY.allows({ ...request, resource: "topicfilter/overspan/v1/hosts/h2/inbox" })).toBe(false);
    expect(HOST_POLICY.allows({ ...request, resource: "topicfilter/overspan/v1/hosts/*/inbox" })).toBe(true);
  });
});

describe("IoT policy language", () => {
  const publish = (resource: string) => ({ action: "iot:Publish", resource, thing: "h1" }) as const;

  it("IoT policy: no statement applies -> denied", () => {
    expect(policy().allows(publish("topic/a"))).toBe(false);
  });

  it("IoT policy: Allow and Deny both apply -> denied, in either order", () => {
    const both = [allow("iot:*", "*"), deny("iot:Publish", `${ARN}:topic/secret/*`)];
    for (const statements of [both, both.toReversed()]) {
      expect(policy(...statements).allows(publish("topic/secret/a"))).toBe(false);
      expect(policy(...statements).allows(publish("topic/open"))).toBe(true);
    }
  });

  it("IoT policy: * crosses levels, ? is one character, other characters mean themselves", () => {
    expect(policy(allow("iot:Publish", `${ARN}:topic/a/*`)).allows(publish("topic/a/b/c"))).toBe(true);
    expect(policy(allow("iot:Publish", `${ARN}:topic/a?`)).allows(publish("topic/ab"))).toBe(true);
    expect(policy(allow("iot:Publish", `${ARN}:topic/a?`)).allows(publish("topic/abc"))).toBe(false);
    expect(policy(allow("iot:Publish", `${ARN}:topic/a.b`)).allows(publish("topic/axb"))).toBe(false);
  });

  it.each<[string, object]>([
    ["another variable", allow("iot:Publish", `${ARN}:topic/\${iot:Certificate.Subject.CommonName}`)],
    ["another condition", { ...allow("iot:Connect", "*"), Condition: { IpAddress: { "aws:SourceIp": "10.0.0.0/8" } } }],
    ["NotResource", { Effect: "Allow", Action: "iot:Publish", NotResource: "*" }],
  ])("IoT policy: %s -> refused when it is parsed, not read as something else", (_, statement) => {
    expect(() => policy(statement)).toThrow();
  });
});
