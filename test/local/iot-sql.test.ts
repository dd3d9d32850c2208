import { describe, expect, it } from "vitest";
import { ruleSql } from "../../infra/iot.ts";
import { parseRuleSql, runRuleQuery } from "../../local/iot-sql.ts";

describe("rule SQL", () => {
  it("rule SQL: the template's -> payload in base64 and the host, also of a payload that is not text", () => {
    const query = parseRuleSql(ruleSql("sync"));
    expect(query.filter).toBe("overspan/v1/hosts/+/sync");
    expect(runRuleQuery(query, "overspan/v1/hosts/h1/sync", Uint8Array.of(0xff, 0))).toEqual({
      payload: "/wA=",
      host: "h1",
    });
  });

  it("rule SQL: a level that the topic does not have -> no value", () => {
    expect(runRuleQuery(parseRuleSql("SELECT topic(9) AS x FROM 'a'"), "a", new Uint8Array())).toEqual({
      x: undefined,
    });
  });

  it.each([
    "SELECT * FROM 'a'",
    "SELECT encode(*, 'base64') AS p FROM 'a' WHERE x = 1",
    "SELECT topic() AS t FROM 'a'",
    "SELECT topic(0) AS t FROM 'a'",
    "SELECT encode(state, 'base64') AS p FROM 'a'",
    "SELECT timestamp() AS t FROM 'a'",
    "DELETE FROM 'a'",
  ])("rule SQL: %s -> refused at start", (sql) => {
    expect(() => parseRuleSql(sql)).toThrow(/cannot run the topic rule/);
  });
});
