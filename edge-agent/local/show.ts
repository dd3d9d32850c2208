// The views of `overspan-agent show …` by name, and the answer to a request of the socket. Reads the agent's view only.

import type { AgentView } from "../agent.ts";
import { showBgpErrors, showBgpNeighbor, showBgpSummary } from "./show-bgp.ts";
import { showDuplicates } from "./show-duplicates.ts";
import { showGuards, showUnknown } from "./show-guards.ts";
import { showChannels, showEvents, showFdb, showSummary } from "./show-host.ts";
import { showCapabilities, showDrift } from "./show-kernel.ts";
import { showEndpoints, showNetworks } from "./show-networks.ts";
import { showRouterRoutes, showRouters } from "./show-routers.ts";
import { showBgpRib, showBgpRoute } from "./show-routes.ts";
import { showBgpUnicast, showUnderlay } from "./show-unicast.ts";
import type { LocalAnswer, LocalRequest } from "./socket.ts";
import { type Shown, table } from "./text.ts";

type View = {
  readonly help: string;
  /** What may follow the view's name. */
  readonly argument?: string;
  readonly show: (view: AgentView, words: readonly string[]) => Shown;
};

const VIEWS: Readonly<Record<string, View>> = {
  summary: { help: "the host, its connections, and what is live", show: showSummary },
  network: { argument: "[ID]", help: "each network: VNI, entries, state, and why it is not live", show: showNetworks },
  endpoint: { argument: "[MAC|IP|ID]", help: "each endpoint: where it is, and who says so", show: showEndpoints },
  router: { argument: "[ID]", help: "each tenant router: networks, routes, and why it is not live", show: showRouters },
  route: { argument: "[ROUTER]", help: "the routes of tenant routers, from which source", show: showRouterRoutes },
  fdb: { help: "what the kernel was read back to hold, as bridge(8) and ip(8) write it", show: showFdb },
  drift: { argument: "[NETWORK]", help: "what other hands changed, and what became of it", show: showDrift },
  capabilities: { help: "what this host's kernel can do, and what follows", show: showCapabilities },
  guard: { argument: "[PORT]", help: "what each port may send, and what was dropped there", show: showGuards },
  unknown: { help: "machines seen on a port that nobody declared there", show: showUnknown },
  "bgp summary": { help: "the sessions with the ToRs, a line each", show: showBgpSummary },
  "bgp neighbor": {
    argument: "[ADDRESS]",
    help: "each session in full: capabilities, counters, why it ended",
    show: showBgpNeighbor,
  },
  "bgp rib": { help: "the EVPN routes that networks import, and those of this host", show: showBgpRib },
  "bgp route": {
    argument: "MAC|IP|PREFIX",
    help: "the routes of one machine, with every path's attributes",
    show: showBgpRoute,
  },
  "bgp ipv4 unicast": {
    argument: "[IP|PREFIX]",
    help: "IPv4 routes of the underlay: every path, and which are used",
    show: showBgpUnicast("ipv4-unicast"),
  },
  "bgp ipv6 unicast": {
    argument: "[IP|PREFIX]",
    help: "the same of IPv6",
    show: showBgpUnicast("ipv6-unicast"),
  },
  "bgp errors": { help: "malformed messages: counted, and the last ones in hex", show: showBgpErrors },
  "evpn duplicate": { help: "MACs that moved of late, and those frozen for it", show: showDuplicates },
  underlay: { help: "the underlay's routes, and what the kernel holds of them", show: showUnderlay },
  channels: { help: "the channels of intent: sequence numbers and digests", show: showChannels },
  events: { help: "the last warnings, and a count of each kind", show: showEvents },
};

/** The lines of `--help` about `show`. */
export function showHelp(): string {
  return table(
    Object.entries(VIEWS).map(([name, { argument, help }]) => [`  show ${[name, argument ?? ""].join(" ")}`, help]),
  );
}

/** Answers a request of the socket; an unknown view gets the list of those there are. */
export function answerShow(view: AgentView, request: LocalRequest): LocalAnswer {
  const [verb, ...words] = request.command;
  const name = Object.keys(VIEWS).find((key) => words.slice(0, key.split(" ").length).join(" ") === key);
  if (verb !== "show" || !name) {
    return { error: `unknown command "${request.command.join(" ")}"; there is:\n${showHelp()}` };
  }
  const { show, argument = "" } = VIEWS[name] as View;
  const rest = words.slice(name.split(" ").length);
  const required = argument !== "" && !argument.startsWith("[");
  if (rest.length > (argument === "" ? 0 : 1) || (required && rest.length === 0)) {
    return { error: `usage: show ${name} ${argument}`.trimEnd() };
  }
  const { data, text, missing = false } = show(view, rest);
  if (missing) return { error: text };
  return { text: request.json ? JSON.stringify(data, null, 2) : text };
}
