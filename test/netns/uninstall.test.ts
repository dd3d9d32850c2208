// `overspan-agent uninstall` on a real kernel: with no agent and no file, what is ours is found, kept or removed, and what
// is not stays.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runUninstall } from "../../edge-agent/main-uninstall.ts";
import { ip, mac, vni } from "../contract/kernel.ts";
import { forwarding, startAgent } from "./dataplane-agent.ts";
import { makeNamespace, type Namespace } from "./namespace.ts";
import { requireKernel } from "./require-root.ts";

describe.runIf(requireKernel("root", "vxlan", "bridge"))("uninstall", () => {
  let host: Namespace;
  const said: string[] = [];
  const uninstall = (mode: "keep-forwarding" | "remove") => {
    said.length = 0;
    return runUninstall({ mode, socket: "/nonexistent/agent.sock", say: (line) => said.push(line), netns: host.name });
  };

  beforeAll(async () => {
    host = makeNamespace("uninstall");
    host.run("ip addr add 192.0.2.1/32 dev lo");
    host.run("ip link add name tap1 type veth peer name tap1-p");
    host.run("ip link add name br-theirs type bridge");
    const agent = await startAgent(host);
    await agent.settle([
      {
        vni: vni(100),
        owner: "overspan net=blue tenant=acme",
        vtep: ip("192.0.2.1"),
        mtuBytes: 1450,
        ports: [{ name: "tap1" }],
        local: [{ mac: mac("02:00:00:00:00:01"), port: "tap1" }],
        remote: [{ mac: mac("02:00:00:00:00:02"), vtep: ip("192.0.2.2") }],
        flood: [ip("192.0.2.2")],
        neighbours: [],
      },
    ]);
    await agent.close();
  });
  afterAll(() => host?.remove());

  it("--keep-forwarding -> told what stays, nothing changed", async () => {
    const before = forwarding(host);
    expect(await uninstall("keep-forwarding")).toBe(true);
    expect(said).toContain("  networks: ovbr100 and ovx100 (overspan net=blue tenant=acme), 1 remote MACs, ports tap1");
    expect(said.at(-1)).toContain("overspan-agent uninstall --remove");
    expect(forwarding(host)).toEqual(before);
  });

  it("--remove -> devices, entries and nexthops are gone, interfaces and others' devices stay; again -> nothing", async () => {
    expect(await uninstall("remove")).toBe(true);
    expect(said.at(-1)).toContain("removed");
    expect(host.run("ip -o link show")).not.toMatch(/\bov(br|x)\d/);
    expect(host.run("ip nexthop show").trim()).toBe("");
    expect(host.run("ip -o link show tap1")).not.toContain("master");
    expect(host.run("ip -o link show br-theirs")).toContain("br-theirs");
    expect(await uninstall("remove")).toBe(true);
    expect(said).toEqual(["nothing of Overspan's is in the kernel"]);
  });
});
