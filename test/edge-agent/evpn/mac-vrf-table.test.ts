// What the incremental table keeps of the fabric's routes; that it makes the same entries as the whole one is tested in
// lane/networks.property.test.ts.

import { expect, it } from "vitest";
import { MacVrfTable } from "../../../edge-agent/evpn/mac-vrf-table.ts";
import { HIGH, macRoute } from "./fabric-routes.ts";

it("table: the routes of a MAC with and without IP are deleted in their turn -> none is passed over", () => {
  // Found by the simulation, seed 5020: the second one stayed when a filter took both.
  const table = new MacVrfTable();
  table.put(macRoute(1, HIGH));
  for (const ip of ["10.0.0.1", "10.0.0.2"]) table.put(macRoute(1, HIGH, { ip }));
  for (const route of table.routes()) table.delete(route);
  expect([...table.routes()]).toEqual([]);
});
