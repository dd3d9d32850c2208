import { describe, expect, test } from "vitest";
import { readEnvironment } from "../../../functions/publish/environment.ts";

describe("readEnvironment", () => {
  test("environment: no table -> an error that names the variable", () => {
    expect(() => readEnvironment({})).toThrow("OVERSPAN_TABLE");
  });
  test("environment: an IoT endpoint -> its URL", () => {
    const env = { OVERSPAN_TABLE: "t", OVERSPAN_IOT_ENDPOINT: "a.iot.invalid" };
    expect(readEnvironment(env)).toEqual({ table: "t", iotEndpoint: "https://a.iot.invalid" });
  });
  test("environment: the SDK's own endpoint variable -> it wins, since a client's endpoint would hide it", () => {
    const local = { AWS_ENDPOINT_URL_IOT_DATA_PLANE: "http://127.0.0.1:1" };
    const env = { OVERSPAN_TABLE: "t", OVERSPAN_IOT_ENDPOINT: "a.iot.invalid", ...local };
    expect(readEnvironment(env).iotEndpoint).toBeUndefined();
  });
});
