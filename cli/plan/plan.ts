// What the API answers to `?plan=true`, as far as it is shown here, and how it reads. Pure.

import { type ResourceRef, refOf } from "../api.ts";
import type { Paint } from "../output/paint.ts";
import { visible } from "../output/table.ts";

type Counts = { added: number; removed: number };

export type Plan = {
  operation: string;
  status: number;
  resources: {
    total: number;
    items: { resource: ResourceRef; does: "create" | "change" | "delete" }[];
    leftOut: number;
  };
  hosts: {
    touched: number;
    lines: number;
    items: { host: string; site: string; kernel: Counts; bgp: Counts; lines: string[]; leftOut: number }[];
    leftOut: number;
  };
  tors: { tor?: string; site: string; peer: string; announced: number; withdrawn: number; changed: number }[];
  headroom: { of: string; used: number; limit: number }[];
  isolation: { ok: boolean; checks: { check: string; ok: boolean; findings: string[] }[] };
  beyond?: string;
};

/** True if an answer is a plan, and not what was written. */
export function isPlan(answer: unknown): answer is Plan {
  const plan = answer as Partial<Plan> | null;
  return typeof plan === "object" && plan !== null && plan.resources !== undefined && plan.isolation !== undefined;
}

export function planText(plan: Plan, paint: Paint): string {
  const { resources, hosts, tors, headroom, isolation, beyond } = plan;
  const lines = [
    ...resources.items
      .map(({ resource, does }) => `${SIGN[does]} ${refOf(resource)}`)
      .map((line) => coloured(line, paint)),
    ...leftOut(resources.leftOut, "resources"),
    `${hosts.touched} ${hosts.touched === 1 ? "host" : "hosts"} touched, ${hosts.lines} lines`,
    ...(beyond === undefined ? [] : [paint("yellow", `hosts were not looked at: ${visible(beyond)}`)]),
    ...hosts.items.flatMap((host) => [
      `${paint("bold", host.host)} (${host.site})  kernel +${host.kernel.added} -${host.kernel.removed}, bgp +${host.bgp.added} -${host.bgp.removed}`,
      ...host.lines.map((line) => coloured(`  ${visible(line)}`, paint)),
      ...leftOut(host.leftOut, "lines"),
    ]),
    ...leftOut(hosts.leftOut, "hosts"),
    ...tors.map(
      ({ tor, site, peer, announced, withdrawn, changed }) =>
        `ToR ${tor ?? peer} (${site})  prefixes +${announced} -${withdrawn} ~${changed}`,
    ),
    ...headroom.map(({ of, used, limit }) => headroomLine(`${visible(of)}: ${used} of ${limit}`, used > limit, paint)),
    ...isolation.checks
      .filter(({ ok }) => !ok)
      .map(({ check, findings }) => paint("red", `not isolated (${check}): ${findings.map(visible).join("; ")}`)),
    ...(isolation.ok ? [paint("green", "isolation: no overlap with another tenant, no clash")] : []),
    paint("bold", "nothing was written"),
  ];
  return `${lines.join("\n")}\n`;
}

const SIGN = { create: "+", change: "~", delete: "-" } as const;

function coloured(line: string, paint: Paint): string {
  const sign = line.trimStart().charAt(0);
  return sign === "+"
    ? paint("green", line)
    : sign === "-"
      ? paint("red", line)
      : sign === "~"
        ? paint("yellow", line)
        : line;
}

function headroomLine(line: string, over: boolean, paint: Paint): string {
  return over ? paint("red", `${line}: over`) : line;
}

function leftOut(count: number, what: string): string[] {
  return count === 0 ? [] : [`  … and ${count} more ${what}`];
}
