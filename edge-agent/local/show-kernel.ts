// The views of the kernel below the networks: what other hands changed, and what this kernel can do.

import type { AgentView } from "../agent.ts";
import { counted, duration, type Shown, table } from "./text.ts";

const LAST = 20;

/** `show drift [ID]`: counts per network, and the last changes with what was there before and after. */
export function showDrift(view: AgentView, [only]: readonly string[]): Shown {
  const { recent, byNetwork } = view.drift;
  const names = new Map(view.overlay.networks.map(({ id, state }) => [state.vni, id]));
  const nameOf = (vni: number) => names.get(vni as never) ?? `VNI ${vni}`;
  const wanted = (vni: number) => only === undefined || only === nameOf(vni) || only === String(vni);
  const networks = [...byNetwork]
    .filter(([vni]) => wanted(vni))
    .map(([vni, counts]) => ({ network: nameOf(vni), vni, ...counts }));
  const records = recent.filter(({ vni }) => wanted(vni)).slice(-LAST);
  const data = { networks, recent: records };
  if (
    only !== undefined &&
    networks.length === 0 &&
    ![...names].some(([vni, id]) => only === id || only === String(vni))
  ) {
    return { data, text: `no network ${only} on this host`, missing: true };
  }
  if (networks.length === 0) return { data, text: "nothing was changed by another hand" };
  const counts = table([
    ["NETWORK", "VNI", "FOUND", "REPAIRED", "LAST"],
    ...networks.map(({ network, vni, found, repaired, lastAtMs }) => [
      network,
      vni,
      found,
      repaired,
      `${duration(view.nowMs - lastAtMs)} ago`,
    ]),
  ]);
  const lines = records.flatMap(({ atMs, vni, before, after, foundBy, repaired }) => [
    `${new Date(atMs).toISOString()} ${nameOf(vni)}, ${repaired ? "repaired" : "not repaired yet"}${foundBy === "comparison" ? ", found by comparison only" : ""}`,
    `  was  ${before ?? "nothing"}`,
    `  then ${after ?? "gone"}`,
  ]);
  return { data, text: [counts, "", ...lines].join("\n") };
}

/** `show capabilities`: what was tried in this kernel, and what follows. */
export function showCapabilities(view: AgentView): Shown {
  const rows = view.capabilities;
  const text = table([
    ["CAPABILITY", "HERE", "SO"],
    ...rows.map(({ name, present, detail }) => [name, present ? "yes" : "no", detail]),
  ]);
  const missing = rows.filter((row) => !row.present).length;
  const sum = missing === 0 ? "nothing is missing" : `${counted(missing, "thing")} missing`;
  return { data: rows, text: `${text}\n\nkernel ${view.identity.kernel}: ${sum}` };
}
