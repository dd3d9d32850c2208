import { describe, expect, it } from "vitest";
import type { ReceivedRoute } from "../../../edge-agent/bgp/route.ts";
import type { HostIntent } from "../../../edge-agent/intent/view.ts";
import type { IpAddress } from "../../../shared/address/ip.ts";
import type { Asn, Vni } from "../../../shared/address/vni.ts";
import { endpointLines, forwardingDigest } from "../../../shared/message/forwarding.ts";
import { EMPTY_DIGEST } from "../../../shared/message/digest.ts";
import { HIGH, LOW, macOf, macRoute, OWN } from "../evpn/fabric-routes.ts";
import { networkWorld } from "../lane/network-world.ts";

const asn = 65001 as Asn;
const [tor1, tor2] = ["192.0.2.254", "192.0.2.253"] as [IpAddress, IpAddress];
const [near, far, abroad] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"] as [IpAddress, IpAddress, IpAddress];
const vtep = (address: IpAddress, site = "ams") => ({ site, address, asns: [asn] });
const record = (host: string, n: number, ip: IpAddress) => ({
  host,
  mac: macOf(n),
  ips: [ip],
  port: `tap${n}`,
  mobility: 0,
});
const intent: HostIntent = {
  id: "h1",
  host: { site: "ams", vtep: OWN, bgp: { asn, peers: [] } },
  pending: [],
  networks: [
    {
      id: "blue",
      definition: { tenant: "acme", name: "blue", vni: 100 as Vni, subnets: [] },
      vteps: new Map([
        ["h1", vtep(OWN)],
        ["h2", vtep(LOW)],
        ["h3", vtep(HIGH, "fra")],
      ]),
      endpoints: [
        { id: "e1", record: record("h1", 1, near) },
        { id: "e2", record: record("h2", 2, far) },
        { id: "e3", record: record("h3", 3, abroad) },
      ],
    },
  ],
};
const from = (peer: IpAddress, route: ReceivedRoute): ReceivedRoute => ({ ...route, peer });
const whole = forwardingDigest(endpointLines({ mac: macOf(2), ips: [far] }, LOW));

function host() {
  const world = networkWorld();
  world.declares(intent);
  return { ...world, part: () => world.lane.channel?.("net:blue") };
}

describe("confirmations", () => {
  it("announced: the endpoints of this host -> what the cloud sums over their lines; without BGP nothing", () => {
    const { part, put, rest } = host();
    const digest = forwardingDigest(endpointLines({ mac: macOf(1), ips: [near] }, OWN));
    expect(part()?.announced).toEqual({ digest, count: 1 });
    put("host:h1", "host", { site: "ams", vtep: OWN });
    rest();
    expect(part()?.announced).toEqual({ digest: EMPTY_DIGEST, count: 0 });
    put("host:h1", "host", intent.host);
    rest();
    expect(part()?.announced).toEqual({ digest, count: 1 });
  });

  it("seen: a ToR passes on the very route of another host's endpoint -> proven for that ToR alone", () => {
    const { part, sees } = host();
    expect(part()?.seen).toEqual([]);
    sees(from(tor1, macRoute(2, LOW)), from(tor1, macRoute(2, LOW, { ip: far })), from(tor2, macRoute(2, LOW)));
    const partly = forwardingDigest(endpointLines({ mac: macOf(2), ips: [] }, LOW));
    expect(part()?.seen).toEqual([
      { peer: tor1, digest: whole, count: 1 },
      { peer: tor2, digest: partly, count: 1 },
    ]);
  });

  it.each([
    ["another VTEP", macRoute(2, HIGH, { ip: far })],
    ["an address that nobody declared", macRoute(2, LOW, { ip: "10.0.0.99" })],
    ["an endpoint of another site, which is not in this site's EVPN", macRoute(3, HIGH, { ip: abroad })],
    ["a MAC that nobody declared", macRoute(9, LOW)],
  ])("seen: a route with %s -> proves nothing", (_, route) => {
    const { part, sees } = host();
    sees(from(tor1, route));
    expect(part()?.seen).toEqual([]);
  });

  it("seen: the second ToR withdraws, and the entry stays the same -> proven for the first alone", () => {
    const { part, sees } = host();
    const both = [tor1, tor2].map((tor) => from(tor, macRoute(2, LOW, { ip: far })));
    sees(...both);
    expect(part()?.seen).toHaveLength(2);
    sees(...both.slice(0, 1));
    expect(part()?.seen).toEqual([{ peer: tor1, digest: whole, count: 1 }]);
  });

  it("seen: the endpoint moves to another host -> the old route proves nothing any more", () => {
    const { part, sees, put, rest } = host();
    sees(from(tor1, macRoute(2, LOW, { ip: far })));
    put("net:blue", "endpoint/e2", { ...record("h3", 2, far), mobility: 1 });
    rest();
    expect(part()?.seen).toEqual([]);
    put("net:blue", "vtep/h3", vtep(HIGH));
    sees(from(tor1, macRoute(2, HIGH, { ip: far, sequence: 1 })));
    expect(part()?.seen).toHaveLength(1);
    put("net:blue", "vtep/h3", vtep(HIGH, "fra"));
    rest();
    expect(part()?.seen).toEqual([]);
  });
});
