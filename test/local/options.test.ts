import { describe, expect, it } from "vitest";
import { javaMajorVersion } from "../../local/java.ts";
import { findJava } from "../../local/java.ts";
import { parseCommandLine } from "../../local/options.ts";

describe("command line", () => {
  it("command line: nothing -> the defaults, with the data folder", () => {
    expect(parseCommandLine([], "/data")).toEqual({
      apiPort: 8080,
      brokerPort: 1883,
      brokerHost: "127.0.0.1",
      controlPort: 8081,
      storePort: 0,
      dataDir: "/data",
    });
  });

  it("command line: --memory -> no folder; --data -> that folder; --help", () => {
    expect(parseCommandLine(["--memory"], "/data")).toMatchObject({ dataDir: undefined });
    expect(parseCommandLine(["--data", "/other", "--api-port", "0"], "/data")).toMatchObject({
      dataDir: "/other",
      apiPort: 0,
    });
    expect(parseCommandLine(["--help", "--memory"], "/data")).toBe("help");
  });

  it.each<[string[], RegExp]>([
    [["--api-port", "65536"], /--api-port must be a port/],
    [["--broker-port", "-1"], /--broker-port/],
    [["--control-port", "x"], /--control-port must be a port/],
    [["--broker-host", "localhost"], /--broker-host must be an IP address/],
    [["--memory", "--data", "x"], /exclude each other/],
    [["--nonsense"], /--nonsense.*--help/s],
    [["extra"], /extra/],
  ])("command line: %j -> refused with the reason", (args, message) => {
    expect(() => parseCommandLine(args, "/data")).toThrow(message);
  });
});

describe("Java", () => {
  it.each([
    ['openjdk version "17.0.21.1" 2026-11-17', 17],
    ['java version "1.8.0_402"', 8],
    ['openjdk version "25" 2025-09-16', 25],
    ["something else", undefined],
  ])("Java: %s -> %s", (text, expected) => {
    expect(javaMajorVersion(text)).toBe(expected);
  });

  it("Java: none -> the remedy", async () => {
    await expect(findJava({ PATH: "/nonexistent" })).rejects.toThrow(/apt-get install openjdk-17-jre-headless/);
  });
});
