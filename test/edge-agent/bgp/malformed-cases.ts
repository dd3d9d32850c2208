// UPDATEs with one fault each, and what RFC 7606 (and the RFC of the attribute) makes of them. Each announces `MAC` in one
// route of type 2; the same cases are sent over a session (malformed-session.test.ts).

import { hex } from "./wire/hex-message.ts";

export type Kind = "internal" | "external" | "two-octet-as";
export type Outcome =
  | { readonly result: "accepted" | "attribute-discard" | "treat-as-withdraw" }
  /** The NOTIFICATION is 3/`subcode`, with these octets where the RFC asks for them. */
  | { readonly result: "session-reset"; readonly subcode: number; readonly data?: string };
export type MalformedCase = {
  readonly fault: string;
  readonly source: string;
  readonly outcome: Outcome;
  readonly body: Uint8Array;
  readonly kind: Kind;
};

export const MAC = "02:aa:00:00:00:01";

const RD = "00 01 7f 00 00 01 00 64";
const ESI = "00 00 00 00 00 00 00 00 00 00";
const RT2 = `02 21 ${RD} ${ESI} 00 00 00 00 30 02 aa 00 00 00 01 00 00 00 64`;
const ORIGIN = "40 01 01 00";
const LOCAL_PREF = "40 05 04 00 00 00 64";
const TARGETS = "c0 10 08 00 02 fd e9 00 00 00 64";
/** Of the peer: none if internal, its AS number 65002 if not. */
const AS_PATH: Record<Kind, string> = {
  internal: "40 02 00",
  external: "40 02 06 02 01 00 00 fd ea",
  "two-octet-as": "40 02 04 02 01 fd ea",
};

function octetCount(text: string): string {
  return hex(text).length.toString(16).padStart(4, "0");
}

function attribute(head: string, value: string): string {
  return `${head} ${octetCount(value)} ${value}`;
}

const reach = (nlri = RT2, nextHop = "04 c6 33 64 09") => attribute("90 0e", `00 19 46 ${nextHop} 00 ${nlri}`);
const unreach = (nlri = RT2) => attribute("90 0f", `00 19 46 ${nlri}`);

function bodyOf(attributes: string, { withdrawn = "", nlri = "" } = {}): Uint8Array {
  return hex(`${octetCount(withdrawn)} ${withdrawn} ${octetCount(attributes)} ${attributes} ${nlri}`);
}

const ACCEPTED = { result: "accepted" } as const;
const DISCARD = { result: "attribute-discard" } as const;
const WITHDRAW = { result: "treat-as-withdraw" } as const;
const reset = (subcode: number, data?: string) =>
  ({ result: "session-reset", subcode, ...(data !== undefined && { data }) }) as const;

/** A case whose faulty octets come after an otherwise whole UPDATE. */
function more(source: string, fault: string, octets: string, outcome: Outcome, kind: Kind = "internal"): MalformedCase {
  const mandatory = [ORIGIN, AS_PATH[kind], ...(kind === "internal" ? [LOCAL_PREF] : [])].join(" ");
  return { fault, source, outcome, kind, body: bodyOf(`${reach()} ${mandatory} ${TARGETS} ${octets}`) };
}

/** A case whose attributes are these alone. */
function whole(
  source: string,
  fault: string,
  attributes: string,
  outcome: Outcome,
  kind: Kind = "internal",
): MalformedCase {
  return { fault, source, outcome, kind, body: bodyOf(attributes) };
}

const IBGP_PATH = AS_PATH.internal;
const MANDATORY = `${ORIGIN} ${IBGP_PATH} ${LOCAL_PREF} ${TARGETS}`;

export const MALFORMED_CASES: readonly MalformedCase[] = [
  // Section 3: what holds for any attribute.
  {
    fault: "attributes longer than the message",
    source: "7606 3.a",
    outcome: reset(1),
    kind: "internal",
    body: hex("00 00 00 05 40"),
  },
  {
    fault: "withdrawn routes longer than the message",
    source: "7606 3.a",
    outcome: reset(1),
    kind: "internal",
    body: hex("00 05 00 00"),
  },
  whole(
    "7606 3.c",
    "ORIGIN with the Optional flag",
    `${reach()} c0 01 01 00 ${IBGP_PATH} ${LOCAL_PREF} ${TARGETS}`,
    WITHDRAW,
  ),
  whole(
    "7606 3.c",
    "AS_PATH without the Transitive flag",
    `${reach()} ${ORIGIN} 00 02 00 ${LOCAL_PREF} ${TARGETS}`,
    WITHDRAW,
  ),
  more("7606 3.c", "MULTI_EXIT_DISC with the Transitive flag", "c0 04 04 00 00 00 01", WITHDRAW),
  more("7606 3.c", "COMMUNITIES without the Transitive flag", "80 08 04 00 00 00 01", WITHDRAW),
  whole(
    "7606 3.c",
    "MP_REACH_NLRI with the Transitive flag",
    `${reach().replace("90 0e", "d0 0e")} ${MANDATORY}`,
    WITHDRAW,
  ),
  whole("7606 3.d", "no ORIGIN", `${reach()} ${IBGP_PATH} ${LOCAL_PREF} ${TARGETS}`, WITHDRAW),
  whole("7606 3.d", "no AS_PATH", `${reach()} ${ORIGIN} ${LOCAL_PREF} ${TARGETS}`, WITHDRAW),
  whole("7606 3.d", "no LOCAL_PREF from an internal peer", `${reach()} ${ORIGIN} ${IBGP_PATH} ${TARGETS}`, WITHDRAW),
  whole("7606 3.g", "MP_REACH_NLRI twice", `${reach()} ${reach()} ${MANDATORY}`, reset(1)),
  whole("7606 3.g", "MP_UNREACH_NLRI twice", `${unreach()} ${unreach()}`, reset(1)),
  more("7606 3.g", "ORIGIN twice: the first one counts", "40 01 01 02", DISCARD),
  more("7606 3.h", "two faults: the worse one counts", "40 06 01 00 80 04 03 00 00 00", WITHDRAW),
  more("4271 6.3", "an unknown well-known attribute", "40 c8 01 07", reset(2, "40 c8 01 07")),
  // Section 4: where the next attribute begins is not known any more.
  more("7606 4", "an attribute that overruns the field", "c0 08 40 00 02", WITHDRAW),
  more("7606 4", "an attribute header that is cut", "c0", WITHDRAW),
  whole("7606 4", "MP_REACH_NLRI that overruns the field", `${MANDATORY} 80 0e 40 00 19 46`, reset(5)),
  // Section 5: the routes themselves.
  whole("7606 5.2", "a fault where no routes are seen", `${ORIGIN} 80 04 03 00 00 00`, reset(5)),
  whole("7606 5.3", "a route longer than its attribute", `${reach(RT2.slice(0, -3))} ${MANDATORY}`, reset(9)),
  whole("7606 5.3", "a route shorter than its layout", `${reach("02 05 00 01 0a 00 00")} ${MANDATORY}`, reset(9)),
  whole("7606 5.3", "a MAC of 47 bits", `${reach(RT2.replace("30 02 aa", "2f 02 aa"))} ${MANDATORY}`, reset(9)),
  whole("7606 5.3", "a withdrawn route that is cut", unreach(RT2.slice(0, -3)), reset(9)),
  {
    fault: "an IPv4 prefix of 33 bits",
    source: "7606 5.3",
    outcome: reset(10),
    kind: "internal",
    body: bodyOf("", { nlri: "21 0a 00 00 00 00" }),
  },
  {
    fault: "a withdrawn IPv4 prefix that is cut",
    source: "7606 5.3",
    outcome: reset(10),
    kind: "internal",
    body: bodyOf("", { withdrawn: "18 0a 00" }),
  },
  whole(
    "9572 3.1",
    "a per-region I-PMSI route of another length beside ours",
    `${reach(`09 03 01 02 03 ${RT2}`)} ${MANDATORY}`,
    ACCEPTED,
  ),
  whole(
    "9572 3.2",
    "an S-PMSI route with a source of 5 bits beside ours",
    `${reach(`0a 0e ${RD} 00 00 00 00 05 00 ${RT2}`)} ${MANDATORY}`,
    ACCEPTED,
  ),
  whole(
    "9572 3.3",
    "a Leaf A-D route that ends in its route key beside ours",
    `${reach(`0b 04 09 14 00 01 ${RT2}`)} ${MANDATORY}`,
    ACCEPTED,
  ),
  whole("7606 5.4", "a route of unknown type beside ours", `${reach(`ee 03 01 02 03 ${RT2}`)} ${MANDATORY}`, ACCEPTED),
  // Section 7, attribute by attribute.
  whole("7606 7.1", "ORIGIN of value 3", `${reach()} 40 01 01 03 ${IBGP_PATH} ${LOCAL_PREF} ${TARGETS}`, WITHDRAW),
  whole(
    "7606 7.1",
    "ORIGIN of two octets",
    `${reach()} 40 01 02 00 00 ${IBGP_PATH} ${LOCAL_PREF} ${TARGETS}`,
    WITHDRAW,
  ),
  ...[
    ["with a segment of unknown type", "40 02 06 09 01 00 00 fd e8"],
    ["with a segment that overruns", "40 02 06 02 02 00 00 fd e8"],
    ["with one octet left over", "40 02 01 02"],
    ["with an empty segment", "40 02 02 02 00"],
  ].map(([what, path]) =>
    whole("7606 7.2", `AS_PATH ${what}`, `${reach()} ${ORIGIN} ${path} ${LOCAL_PREF} ${TARGETS}`, WITHDRAW),
  ),
  more("7606 7.3", "NEXT_HOP of five octets", "40 03 05 0a 00 00 01 00", WITHDRAW),
  more("7606 7.4", "MULTI_EXIT_DISC of three octets", "80 04 03 00 00 00", WITHDRAW),
  whole(
    "7606 7.5",
    "LOCAL_PREF of three octets",
    `${reach()} ${ORIGIN} ${IBGP_PATH} 40 05 03 00 00 64 ${TARGETS}`,
    WITHDRAW,
  ),
  more("7606 7.5", "LOCAL_PREF from an external peer, even malformed", "40 05 03 00 00 64", DISCARD, "external"),
  more("7606 7.6", "ATOMIC_AGGREGATE of one octet", "40 06 01 00", DISCARD),
  more("7606 7.7", "AGGREGATOR of six octets where AS numbers have four", "c0 07 06 fd e8 0a 00 00 01", DISCARD),
  more(
    "7606 7.7",
    "AGGREGATOR of eight octets where AS numbers have two",
    "c0 07 08 00 00 fd e8 0a 00 00 01",
    DISCARD,
    "two-octet-as",
  ),
  more("7606 7.8", "COMMUNITIES of five octets", "c0 08 05 00 00 00 00 00", WITHDRAW),
  more("7606 7.8", "COMMUNITIES of no octets", "c0 08 00", WITHDRAW),
  more("7606 7.9", "ORIGINATOR_ID of three octets", "80 09 03 0a 00 00", WITHDRAW),
  more("7606 7.9", "ORIGINATOR_ID from an external peer", "80 09 04 0a 00 00 01", DISCARD, "external"),
  more("7606 7.10", "CLUSTER_LIST of five octets", "80 0a 05 0a 00 00 01 00", WITHDRAW),
  more("7606 7.10", "CLUSTER_LIST from an external peer", "80 0a 04 0a 00 00 01", DISCARD, "external"),
  whole("7606 7.11", "MP_REACH_NLRI shorter than a family", `80 0e 02 00 19 ${MANDATORY}`, reset(9)),
  whole("7606 7.11", "a next hop of five octets", `${reach(RT2, "05 0a 00 00 01 00")} ${MANDATORY}`, reset(9)),
  whole("7606 7.11", "a next hop beyond the attribute", `80 0e 04 00 19 46 10 ${MANDATORY}`, reset(9)),
  whole("7606 7.12", "MP_UNREACH_NLRI shorter than a family", "80 0f 02 00 19", reset(9)),
  more("7606 7.13", "a traffic engineering attribute, which is not understood", "80 18 03 00 01 02", ACCEPTED),
  more(
    "7606 7.14",
    "a second EXTENDED_COMMUNITIES, of seven octets: the first one counts",
    "c0 10 07 00 02 fd e8 00 00 00",
    DISCARD,
  ),
  whole(
    "7606 7.14",
    "EXTENDED_COMMUNITIES of seven octets",
    `${reach()} ${ORIGIN} ${IBGP_PATH} ${LOCAL_PREF} c0 10 07 00 02 fd e9 00 00 00`,
    WITHDRAW,
  ),
  whole(
    "7606 7.14",
    "EXTENDED_COMMUNITIES of no octets",
    `${reach()} ${ORIGIN} ${IBGP_PATH} ${LOCAL_PREF} c0 10 00`,
    WITHDRAW,
  ),
  more("7606 7.15", "IPv6 address specific communities of 19 octets", `c0 19 13 ${"00 ".repeat(19)}`, WITHDRAW),
  more("7606 7.15", "IPv6 address specific communities of no octets", "c0 19 00", WITHDRAW),
  more(
    "7606 7.15",
    "an IPv6 address specific community as it should be",
    `c0 19 14 00 02 20 01 0d b8 ${"00 ".repeat(12)} 00 64`,
    ACCEPTED,
  ),
  more("7606 7.16", "an ATTR_SET, which is not understood", "c0 80 03 00 00 fd", ACCEPTED),
  // Attributes that came after RFC 7606, or that it does not name.
  whole("4271 6.3", "a multicast next hop", `${reach(RT2, "04 e0 00 00 01")} ${MANDATORY}`, WITHDRAW),
  whole(
    "7607 2",
    "AS_PATH with AS 0",
    `${reach()} ${ORIGIN} 40 02 06 02 01 00 00 00 00 ${LOCAL_PREF} ${TARGETS}`,
    WITHDRAW,
  ),
  more("7607 2", "AGGREGATOR with AS 0", "c0 07 08 00 00 00 00 0a 00 00 01", DISCARD),
  more("7607 2", "AS4_PATH with AS 0", "c0 11 06 02 01 00 00 00 00", DISCARD, "two-octet-as"),
  more("7607 2", "AS4_AGGREGATOR with AS 0", "c0 12 08 00 00 00 00 0a 00 00 01", DISCARD, "two-octet-as"),
  more("6514 5", "PMSI_TUNNEL of four octets", "c0 16 04 00 06 00 00", WITHDRAW),
  more("6793 6", "AS4_PATH from a peer with 4-octet AS numbers", "c0 11 06 02 01 00 00 fd e8", DISCARD),
  more(
    "6793 6",
    "AS4_PATH with an empty segment from a peer with 2-octet ones",
    "c0 11 02 02 00",
    DISCARD,
    "two-octet-as",
  ),
  more("6793 6", "AS4_AGGREGATOR from a peer with 4-octet AS numbers", "c0 12 08 00 00 fd e8 0a 00 00 01", DISCARD),
  more(
    "6793 6",
    "AS4_AGGREGATOR of six octets from a peer with 2-octet ones",
    "c0 12 06 fd e8 0a 00 00 01",
    DISCARD,
    "two-octet-as",
  ),
  more("7311 3.3", "an AIGP attribute, which is not asked for", "80 1a 03 01 00 00", ACCEPTED),
  more("8092 6", "LARGE_COMMUNITY of 11 octets", `c0 20 0b ${"00 ".repeat(11)}`, WITHDRAW),
  more("8092 6", "LARGE_COMMUNITY of no octets", "c0 20 00", WITHDRAW),
  more("8092 6", "a large community as it should be", `c0 20 0c ${"00 ".repeat(12)}`, ACCEPTED),
  more("4271 5", "an unknown optional transitive attribute", "e0 c8 02 01 02", ACCEPTED),
  more("4271 5", "an unknown optional non-transitive attribute", "80 c8 02 01 02", ACCEPTED),
];
