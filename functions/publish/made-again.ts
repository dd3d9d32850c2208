// A network that was deleted and made again before its deletion was published. Its endpoints are in other partitions of the
// stream, so that those of the new network may be in the log, and in kernels, when the old deletion comes: published as it
// is, it would take the new network from its hosts until the next record. (Found by the simulation, seed 103793.)

import { type Channel, channelNetwork } from "../../shared/model/record.ts";
import { changeOf, type NetworkChange } from "./resource-change.ts";
import { parseResource } from "./resource-image.ts";
import { getItem, type Table } from "./table.ts";

/** If the network is deleted by `changes` and there again by now: the change that it is there by. @throws if the store fails */
export async function madeAgain(
  table: Table,
  channel: Channel,
  changes: readonly NetworkChange[],
): Promise<NetworkChange[]> {
  const deletion = changes.find((change) => change.kind === "network" && change.body === null);
  const id = channelNetwork(channel);
  if (!deletion || id === undefined) return [];
  const item = await getItem(table, { pk: "NETWORKS", sk: id });
  const image = item && parseResource("network", item);
  if (typeof image !== "object" || image.deleted || image.resource.version <= deletion.version) return [];
  const { change } = changeOf(image);
  return change.kind === "network" ? [change] : [];
}
