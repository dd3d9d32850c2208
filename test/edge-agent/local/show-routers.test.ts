import { describe, expect, it } from "vitest";
import type { RouterIntent } from "../../../edge-agent/lane/router-intent.ts";
import { pictureRouter } from "../../../edge-agent/lane/router.ts";
import type { RouterView } from "../../../edge-agent/lane/routers.ts";
import { answerShow } from "../../../edge-agent/local/show.ts";
import type { RouteDistinguisher } from "../../../shared/address/rd.ts";
import type { Asn } from "../../../shared/address/vni.ts";
import { ip, vni } from "../../contract/kernel.ts";
import { prefix } from "../../contract/routers.ts";
import { fixedView } from "./fixed-view.ts";

const OWN = ip("192.0.2.1");
const OTHER = ip("192.0.2.2");
const core: RouterIntent = {
  id: "core",
  definition: { tenant: "acme", name: "core", vni: vni(5000) },
  statics: [{ prefix: prefix("10.9.0.0/16"), nextHop: ip("10.1.0.7") }],
  pending: [],
  networks: [
    {
      id: "blue",
      vni: vni(101),
      here: true,
      subnets: [prefix("10.1.0.0/24")],
      gateways: [{ ip: ip("10.1.0.1"), length: 24 }],
      stray: [],
      machines: new Map([[ip("10.1.0.7"), { kind: "local", network: vni(101) }]]),
      asns: [],
      vteps: new Map([[OWN, "a"]]),
    },
    {
      id: "red",
      vni: vni(102),
      here: false,
      subnets: [prefix("10.2.0.0/24")],
      gateways: [],
      stray: [],
      machines: new Map([[ip("10.2.0.8"), { kind: "remote", vtep: OTHER }]]),
      asns: [],
      vteps: new Map([[OTHER, "a"]]),
    },
  ],
};
const bgp = { asn: 65001 as Asn, peers: [] };
const picture = pictureRouter(
  core,
  { record: { site: "a", vtep: OWN, bgp }, rd: "192.0.2.1:5000" as RouteDistinguisher },
  [],
);

function shown(command: string, router: Partial<RouterView>, json = false): string {
  const verified = {
    vni: vni(5000),
    gateways: new Map([[vni(101), [ip("10.1.0.1")]]]),
    routes: new Map(picture.state.routes.map(({ prefix: to, hops }) => [to, hops])),
  };
  const report = { vni: vni(5000), desired: true, verified, remaining: [], withheld: [], problems: [] };
  const routers = [{ ...picture, report, allProblems: [], ...router }];
  const answer = answerShow(fixedView({ routers: { support: { vrf: true }, routers, report: undefined } }), {
    command: command.split(" "),
    json,
  });
  return "text" in answer ? answer.text : answer.error;
}

describe("show router, show route", () => {
  it("a router as desired -> a line, and with its id its gateways and what it announces", () => {
    expect(shown("show router core", {})).toBe(
      [
        "ROUTER  TENANT  L3 VNI  VRF      NETWORKS  ROUTED  HOSTS  STATIC  FABRIC  STATE",
        "core    acme    5000    ovr5000  blue      red     1      1       0       live",
        "gateways: 10.1.0.1/24",
        "announced: 10.1.0.0/24, 10.9.0.0/16",
      ].join("\n"),
    );
    expect(shown("show router edge", {})).toBe("no router edge on this host");
  });

  it("a router in trouble -> degraded, with the reasons; one not read back yet -> applying", () => {
    const text = shown("show router", { allProblems: ["bridge ovbr101 does not exist yet"] });
    expect(text).toContain("degraded");
    expect(text.split("\n").at(-1)).toBe("core: bridge ovbr101 does not exist yet");
    expect(shown("show router", { report: undefined })).toContain("applying");
  });

  it("routes -> each with its ways, its source, and whether the kernel has it", () => {
    expect(shown("show route core", {})).toBe(
      [
        "ROUTER  PREFIX       BY                     SOURCE     IN THE KERNEL",
        "core    10.1.0.0/24  ovbr101                connected  yes",
        "core    10.2.0.8/32  192.0.2.2 dev ovx5000  intent     yes",
        "core    10.9.0.0/16  10.1.0.7 dev ovbr101   static     yes",
      ].join("\n"),
    );
    expect(shown("show route", { report: undefined })).toContain("no");
    expect(shown("show route other", {})).toBe("no routes of router other here");
  });

  it("--json -> the same as data", () => {
    expect(JSON.parse(shown("show router", {}, true))).toMatchObject([{ router: "core", hosts: 1, state: "live" }]);
    expect(JSON.parse(shown("show route", {}, true))).toHaveLength(3);
  });

  it("a kernel without VRF and no router -> says so", () => {
    const support = { vrf: false, reason: "Unknown device type" } as const;
    const view = fixedView({ routers: { support, routers: [], report: undefined } });
    const answer = answerShow(view, { command: ["show", "router"], json: false });
    expect(answer).toEqual({ text: "no routers on this host\nthe kernel has no VRF: Unknown device type" });
  });
});
