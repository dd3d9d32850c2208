// Routes by our codec on the real kernel, seen in the words of `ip route show`.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { connect, type Connection, type WireRequest } from "../../edge-agent/netlink/connection.ts";
import { loadLibc } from "../../edge-agent/netlink/libc.ts";
import {
  addRoute,
  deleteRoute,
  parseRouteMessage,
  replaceRoute,
  ROUTE_DUMP,
  type RouteMessage,
} from "../../edge-agent/netlink/route-message.ts";
import { type Prefix, parsePrefix } from "../../shared/address/prefix.ts";
import { ip } from "../contract/kernel.ts";
import { makeNamespace, type Namespace } from "./namespace.ts";
import { requireKernel } from "./require-root.ts";

const TABLE = 70_000;
const rest = { table: TABLE, protocol: 79, type: "unicast", metric: 0 } as const;

describe.runIf(requireKernel("root"))("routes on the kernel", () => {
  let namespace: Namespace;
  let connection: Connection;
  beforeEach(async () => {
    namespace = makeNamespace("route");
    namespace.run("ip link add name v1 type veth peer name v2");
    for (const name of ["v1", "v2"]) namespace.run(`ip link set ${name} up`);
    namespace.run("ip address add 192.0.2.1/24 dev v1");
    namespace.run("ip address add 2001:db8::1/64 dev v1 nodad");
    connection = connect({ libc: await loadLibc(), netns: namespace.name }, "dumps");
  });
  afterEach(() => {
    connection.close();
    namespace.remove();
  });

  const index = (name: string): number => Number(namespace.run(`cat /sys/class/net/${name}/ifindex`));
  const send = async (request: WireRequest): Promise<number> => (await connection.transact([request]))[0]?.errno ?? 0;
  const show = (family: "-4" | "-6"): string[] =>
    namespace
      .run(`ip ${family} route show table ${TABLE}`)
      .split("\n")
      .map((line) => line.trim().replaceAll(/\s+/g, " "))
      .filter((line) => line !== "");
  const dump = async (): Promise<RouteMessage[]> => {
    const routes: RouteMessage[] = [];
    await connection.dump(ROUTE_DUMP, ({ payload }) => {
      const route = parseRouteMessage(payload);
      if (route?.table === TABLE) routes.push(route);
    });
    return routes;
  };

  it("every form: written -> the kernel shows it, and it is read back as written", async () => {
    const v1 = index("v1");
    const routes: RouteMessage[] = [
      { ...rest, prefix: prefix("10.1.0.0/24"), hops: [{ index: v1 }] },
      { ...rest, prefix: prefix("10.2.0.7/32"), hops: [{ index: v1, via: ip("198.51.100.9"), onlink: true }] },
      {
        ...rest,
        prefix: prefix("0.0.0.0/0"),
        hops: [
          { index: v1, via: ip("192.0.2.2") },
          { index: v1, via: ip("192.0.2.3"), weight: 3 },
        ],
      },
      { ...rest, prefix: prefix("10.3.0.0/16"), hops: [{ index: v1, via: ip("2001:db8::2") }] },
      { ...rest, type: "unreachable", metric: 4_278_198_272, prefix: prefix("0.0.0.0/0"), hops: [] },
      { ...rest, metric: 1024, prefix: prefix("fd00:1::/64"), hops: [{ index: v1, via: ip("2001:db8::2") }] },
    ];
    for (const route of routes) expect([route.prefix, await send(replaceRoute(route))]).toEqual([route.prefix, 0]);
    expect(show("-4")).toEqual(
      expect.arrayContaining([
        "10.1.0.0/24 dev v1 proto 79 scope link",
        "10.2.0.7 via 198.51.100.9 dev v1 proto 79 onlink",
        "10.3.0.0/16 via inet6 2001:db8::2 dev v1 proto 79",
        "unreachable default proto 79 metric 4278198272",
        "nexthop via 192.0.2.3 dev v1 weight 3",
      ]),
    );
    expect(show("-6")).toEqual(["fd00:1::/64 via 2001:db8::2 dev v1 proto 79 metric 1024 pref medium"]);
    const byText = (a: RouteMessage, b: RouteMessage): number =>
      a.prefix.localeCompare(b.prefix) || a.metric - b.metric;
    const read = await dump();
    expect(read.toSorted(byText)).toEqual(routes.toSorted(byText));
    for (const route of routes) expect(await send(deleteRoute(route))).toBe(0);
    expect(await dump()).toEqual([]);
  });

  it("replace: from one way to several and back, IPv4 and IPv6 -> one route each time, never none", async () => {
    const v1 = index("v1");
    const four = { ...rest, prefix: prefix("10.9.0.0/24") };
    const six = { ...rest, metric: 1024, prefix: prefix("fd00:9::/64") };
    const steps: RouteMessage[] = [
      { ...four, hops: [{ index: v1, via: ip("192.0.2.2") }] },
      { ...four, hops: ["192.0.2.2", "192.0.2.3"].map((via) => ({ index: v1, via: ip(via) })) },
      { ...four, hops: [{ index: v1, via: ip("192.0.2.3") }] },
      { ...six, hops: [{ index: v1, via: ip("2001:db8::2") }] },
      { ...six, hops: ["2001:db8::2", "2001:db8::3"].map((via) => ({ index: v1, via: ip(via) })) },
      { ...six, hops: [{ index: v1, via: ip("2001:db8::3") }] },
    ];
    for (const step of steps) {
      expect(await send(replaceRoute(step))).toBe(0);
      expect((await dump()).filter((route) => route.prefix === step.prefix)).toEqual([step]);
    }
    expect(await send(addRoute(steps[2] as RouteMessage))).not.toBe(0);
    expect(await send(deleteRoute(four))).toBe(0);
    expect(await send(deleteRoute(four))).not.toBe(0);
  });
});

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`bad test value ${text}`);
  return parsed;
}
