import { describe, expect, it } from "vitest";
import { type Template, templateResolver } from "../../local/cloudformation.ts";

const TEMPLATE: Template = {
  Parameters: { Empty: { Default: "" }, Given: { Default: "x" } },
  Conditions: {
    EmptyGiven: { "Fn::Not": [{ "Fn::Equals": [{ Ref: "Empty" }, ""] }] },
    GivenGiven: { "Fn::Not": [{ "Fn::Equals": [{ Ref: "Given" }, ""] }] },
    Both: { "Fn::And": [{ Condition: "EmptyGiven" }, { Condition: "GivenGiven" }] },
    One: { "Fn::Or": [{ Condition: "EmptyGiven" }, { Condition: "GivenGiven" }] },
  },
  Resources: { Table: { Type: "T" } },
};

const resolve = templateResolver(TEMPLATE, {
  ref: (id) => `ref-${id}`,
  attribute: (id, _resource, attribute) => `${id}.${attribute}`,
});

describe("template resolver", () => {
  it.each<[string, unknown, unknown]>([
    ["Ref of a resource", { Ref: "Table" }, "ref-Table"],
    ["Ref of a parameter", { Ref: "Given" }, "x"],
    ["Ref of a pseudo parameter", { Ref: "AWS::Region" }, "us-east-1"],
    ["GetAtt as a list", { "Fn::GetAtt": ["Table", "Arn"] }, "Table.Arn"],
    ["GetAtt as text", { "Fn::GetAtt": "Table.Stream.Arn" }, "Table.Stream.Arn"],
    ["Join", { "Fn::Join": ["/", ["a", { Ref: "Table" }]] }, "a/ref-Table"],
    [
      "Sub",
      { "Fn::Sub": "${AWS::AccountId}-${Table}-${Table.Arn}-${!Literal}" },
      "000000000000-ref-Table-Table.Arn-${Literal}",
    ],
    ["Sub with values", { "Fn::Sub": ["${a}", { a: { Ref: "Given" } }] }, "x"],
    ["Select of Split", { "Fn::Select": [1, { "Fn::Split": [":", "a:b"] }] }, "b"],
    [
      "If, false, NoValue -> the member is absent",
      { a: { "Fn::If": ["EmptyGiven", "v", { Ref: "AWS::NoValue" }] } },
      {},
    ],
    ["If, true", { "Fn::If": ["GivenGiven", { Ref: "Given" }, "no"] }, "x"],
    ["And", { "Fn::If": ["Both", "yes", "no"] }, "no"],
    ["Or", { "Fn::If": ["One", "yes", "no"] }, "yes"],
    ["NoValue in a list", [1, { Ref: "AWS::NoValue" }], [1]],
    ["an IoT policy variable is text", "${iot:Connection.Thing.ThingName}", "${iot:Connection.Thing.ThingName}"],
    ["a statement's Condition is data", { Condition: { Bool: { a: "true" } } }, { Condition: { Bool: { a: "true" } } }],
  ])("template resolver: %s", (_, value, expected) => {
    expect(resolve(value)).toEqual(expected);
  });

  it.each<[string, unknown]>([
    ["an unknown intrinsic", { "Fn::ImportValue": "x" }],
    ["a resource that is not there", { Ref: "Nobody" }],
    ["a condition that is not there", { "Fn::If": ["Nobody", 1, 2] }],
  ])("template resolver: %s -> throws", (_, value) => {
    expect(() => resolve(value)).toThrow(/the template/);
  });
});
