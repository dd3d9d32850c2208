// What a report says of the underlay: how many routes there should be and are, and why some are not.

import type { Report } from "../../shared/message/report.ts";
import type { UnderlayView } from "../lane/underlay.ts";
import { sameRoute } from "../underlay/route-diff.ts";

const MOST_PROBLEMS = 20;
const MOST_CHARACTERS = 300;

/** Undefined for a host that takes no part, or has not read its kernel yet. */
export function underlayReport({ config, report }: Pick<UnderlayView, "config" | "report">): Report["underlay"] {
  if (!config || !report) return undefined;
  const installed = new Map(report.installed.map((route) => [route.prefix, route]));
  const right = report.desired.filter((route) => {
    const held = installed.get(route.prefix);
    return held !== undefined && sameRoute(route, held);
  });
  return {
    routes: report.desired.length,
    installed: right.length,
    problems: report.problems.slice(0, MOST_PROBLEMS).map((text) => text.slice(0, MOST_CHARACTERS)),
  };
}
