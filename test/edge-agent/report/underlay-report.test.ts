import { expect, it } from "vitest";
import type { KernelRoute } from "../../../edge-agent/dataplane/route-kernel.ts";
import { underlayReport } from "../../../edge-agent/report/underlay-report.ts";
import type { UnderlayReport } from "../../../edge-agent/underlay/reconciler.ts";
import { Report } from "../../../shared/message/report.ts";
import type { Prefix } from "../../../shared/address/prefix.ts";
import { REMOTE, TOR1, TOR2, VTEP } from "../underlay/routes.ts";

const hop = (via: typeof TOR1) => ({ device: "eth1", via });
const route = (prefix: Prefix, ...vias: (typeof TOR1)[]): KernelRoute => ({
  prefix,
  hops: vias.map(hop),
  source: VTEP,
});
const OTHER = "10.0.0.3/32" as Prefix;

const report: UnderlayReport = {
  decisions: [],
  desired: [route(REMOTE, TOR1, TOR2), route(OTHER, TOR1), route("10.0.0.4/32" as Prefix, TOR1)],
  installed: [route(REMOTE, TOR2, TOR1), route(OTHER, TOR2)],
  remaining: { ops: [], taken: [], withheld: [] },
  problems: Array.from({ length: 30 }, (_, i) => `${i} `.repeat(200)),
  counters: { passes: 1, retries: 0, applied: 0, refused: 0, drift: 0 },
};

it("underlay report: what is wanted, what the kernel holds of it in any order, and few enough problems for a report", () => {
  const made = underlayReport({ config: { announceVtep: true }, report });
  expect(made).toMatchObject({ routes: 3, installed: 1 });
  expect(made?.problems).toHaveLength(20);
  expect(Report.shape.underlay.safeParse(made).success).toBe(true);
});

it("underlay report: a host that takes no part, or has not read its kernel yet -> nothing", () => {
  expect(underlayReport({ config: undefined, report })).toBeUndefined();
  expect(underlayReport({ config: {}, report: undefined })).toBeUndefined();
});
