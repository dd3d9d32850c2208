// Whether this machine's own kernel has VRFs, asked without making one; and what needs none: rules and gateways.

import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type NetlinkRouters, openNetlinkRouters } from "../../edge-agent/netlink/routers.ts";
import { makeNamespace, type Namespace } from "./namespace.ts";
import { requireKernel } from "./require-root.ts";

describe.runIf(requireKernel("root"))("routers on this machine's kernel", () => {
  let namespace: Namespace;
  let routers: NetlinkRouters;
  beforeEach(async () => {
    namespace = makeNamespace("support");
    routers = await openNetlinkRouters({ netns: namespace.name, log: () => undefined });
  });
  afterEach(() => {
    routers.close();
    namespace.remove();
  });

  it("support: as iproute2 finds it -> with the kernel's word if there is none, and no device or rule was made", async () => {
    const before = namespace.run("ip rule show");
    const support = await routers.support();
    expect(namespace.run("ip -o link show").trim().split("\n")).toHaveLength(1);
    expect(namespace.run("ip rule show")).toBe(before);
    expect(support.vrf).toBe(hasVrf(namespace));
    if (!support.vrf) expect(support.reason).not.toBe("");
  });

  it("rules moved and moved back -> as the kernel had them", async () => {
    const before = namespace.run("ip rule show");
    const rule = (kind: "add-rule" | "delete-rule", priority: number) =>
      ({ kind, vni: undefined, rule: { family: "ipv4", lookup: "local", priority } }) as const;
    expect(await routers.apply([rule("add-rule", 2), rule("delete-rule", 0)])).toEqual([]);
    expect((await routers.dump()).rules).toContainEqual({ family: "ipv4", lookup: "local", priority: 2, ours: true });
    expect(await routers.apply([rule("add-rule", 0), rule("delete-rule", 2)])).toEqual([]);
    expect(namespace.run("ip rule show")).toBe(before);
  });
});

function hasVrf({ name }: Namespace): boolean {
  try {
    execFileSync("ip", ["-n", name, "link", "add", "name", "probe", "type", "vrf", "table", "7"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
