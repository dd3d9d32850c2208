// Which interfaces of the machine the dataplane may think of as ports.

import { expect, it } from "vitest";
import { assembleHost } from "../../../edge-agent/netlink/assemble.ts";
import type { Link } from "../../../edge-agent/netlink/link-message.ts";

function link(name: string, index: number, more: Partial<Link> = {}): Link {
  const rest = { loopback: false, mac: undefined, mtuBytes: 1500, alias: undefined, master: undefined };
  return { name, index, kind: "veth", up: true, vxlan: undefined, port: undefined, ...rest, ...more };
}

it("assemble host: routers' devices, VRFs of others, our bridges, the loopback device -> none of them can be a port", () => {
  const router = "overspan router=core tenant=acme";
  const links = [
    link("tap1", 2),
    link("ovr5000", 3, { kind: "vrf", alias: router }),
    link("ovx5000", 4, { kind: "vxlan", alias: router }),
    link("mgmt", 5, { kind: "vrf" }),
    link("ovbr100", 6, { kind: "bridge", alias: "overspan net=blue tenant=acme" }),
    link("lo", 1, { kind: "", loopback: true }),
  ];
  const { interfaces } = assembleHost(new Map(links.map((each) => [each.index, each])), []);
  expect(interfaces.map(({ name }) => name)).toEqual(["tap1"]);
});
