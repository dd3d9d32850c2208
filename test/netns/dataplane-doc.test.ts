// docs/dataplane.md on a real kernel: every command that it shows in a `console` block is run on a host like the one of its
// examples, and every line that it shows below must be in what the command prints. `…` stands for anything.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ip, mac, vni } from "../contract/kernel.ts";
import { type Agent, startAgent } from "./dataplane-agent.ts";
import { makeNamespace, type Namespace } from "./namespace.ts";
import { requireKernel } from "./require-root.ts";

const TEXT = readFileSync(fileURLToPath(new URL("../../docs/dataplane.md", import.meta.url)), "utf8");

const examples = [...TEXT.matchAll(/^```console\n\$ (.+)\n([^]*?)^```/gm)].map(
  ([, command = "", shown = ""]) => [command, shown.split("\n").filter((line) => line !== "")] as const,
);

describe.runIf(requireKernel("root", "vxlan", "bridge"))("docs/dataplane.md", () => {
  let host: Namespace;
  let agent: Agent;

  beforeAll(async () => {
    host = makeNamespace("doc");
    host.run("ip addr add 192.0.2.1/32 dev lo");
    host.run("ip link add name tap1 type veth peer name tap1-p");
    agent = await startAgent(host);
    const two = mac("02:00:00:00:00:02");
    const [b, c] = [ip("192.0.2.2"), ip("192.0.2.3")];
    await agent.settle([
      {
        vni: vni(100),
        owner: "overspan net=blue tenant=acme",
        vtep: ip("192.0.2.1"),
        mtuBytes: 1450,
        ports: [{ name: "tap1" }],
        local: [{ mac: mac("02:00:00:00:00:01"), port: "tap1" }],
        remote: [
          { mac: two, vtep: b },
          { mac: mac("02:00:00:00:00:03"), vtep: b, vteps: [b, c] },
        ],
        flood: [b, c],
        neighbours: [
          { ip: ip("10.0.0.2"), mac: two },
          { ip: ip("fd00::2"), mac: two },
        ],
      },
    ]);
  });
  afterAll(async () => {
    await agent?.close();
    host?.remove();
  });

  it("has its examples", () => expect(examples.length).toBeGreaterThanOrEqual(7));

  it.each(examples)("%s -> shows what the page says", (command, shown) => {
    const printed = host.run(command);
    for (const line of shown) {
      const pattern = line.split("…").map((part) => part.trim().replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
      expect(printed, line).toMatch(new RegExp(pattern.join(".*")));
    }
  });
});
