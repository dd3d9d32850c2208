// What the agent's socket answers: `show`, which changes nothing, and `clear`, which releases one frozen MAC and can do
// no more. Who may ask for which is decided before (socket.ts).

import { parseMac } from "../../shared/address/mac.ts";
import type { Agent } from "../agent.ts";
import { answerShow } from "./show.ts";
import type { LocalAnswer, LocalRequest } from "./socket.ts";

/** The line of `--help` about `clear`. */
export const CLEAR_HELP = "clear evpn duplicate MAC";

/** Answers a request of the socket. */
export function answerLocal(agent: Pick<Agent, "view" | "clearDuplicate">, request: LocalRequest): LocalAnswer {
  const [verb, ...words] = request.command;
  return verb === "clear" ? clear(agent, words, request.json) : answerShow(agent.view(), request);
}

function clear(agent: Pick<Agent, "clearDuplicate">, words: readonly string[], json: boolean): LocalAnswer {
  const [scope, what, text = "", ...more] = words;
  const mac = parseMac(text);
  if (scope !== "evpn" || what !== "duplicate" || !mac || more.length > 0) return { error: `usage: ${CLEAR_HELP}` };
  const networks = agent.clearDuplicate(mac);
  if (json) return { text: JSON.stringify({ mac, released: networks }) };
  return {
    text: networks.length > 0 ? `${mac} is released in ${networks.join(", ")}` : `${mac} is frozen in no network`,
  };
}
