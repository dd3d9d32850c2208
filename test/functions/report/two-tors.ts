// Three hosts of a network at two ToRs: h1 has sessions with both, h2 with the first, h3 with the second; each has one
// endpoint. Not a test by itself.

import { endpointItem, hostItem, networkItem, type StoredItem } from "../publish/fixtures.ts";
import { AT_TWO_TORS, fabricHosts, type Said, TOR1, TOR2 } from "./fabric-hosts.ts";

export type TwoTors = Awaited<ReturnType<typeof hostsAtTwoTors>>;

export async function hostsAtTwoTors() {
  const hosts = fabricHosts();
  const { world } = hosts;
  for (const host of ["h1", "h2", "h3"]) world.agent(host);
  const guard = { pk: `PEER#site-1#${TOR1}`, sk: "GUARD", type: "guard", owner: "leaf-1", version: 1 };
  await world.write(guard);
  await world.publish(
    hostItem("h1", 1, { asns: [65001, 64512, 64512] }),
    hostItem("h2", 2, { asns: [65002, 64512] }),
    { ...hostItem("h3", 3), bgp: { asn: 65003, peers: [{ address: TOR2, asn: 64512 }] } },
    networkItem("n1", 100),
  );
  const first = endpoint(1, "h1");
  await world.publish(first, endpoint(2, "h2"), endpoint(3, "h3"));
  return {
    hosts,
    /** Of the endpoint on h1. */
    mac: first["mac"] as string,
    says: (host: string, more: Said = {}) => hosts.report(host, { ...AT_TWO_TORS[host], ...more }),
    tors: async (change = "c1-1", id = "e1") => (await hosts.receipt(change, id)).tors,
  };
}

/** The change of an endpoint `e<index>` is `c<index>-<version>`. */
export function endpoint(index: number, host: string, version = 1): StoredItem {
  return endpointItem(`e${index}`, { network: "n1", host, index, version, change: `c${index}-${version}` });
}
