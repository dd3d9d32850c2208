// A plan of the API for people. Pure.

import { type Plan, refOf } from "../api.ts";
import type { Paint } from "../output/paint.ts";
import { visible } from "../output/table.ts";

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
