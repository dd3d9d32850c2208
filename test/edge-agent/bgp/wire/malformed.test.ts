// Malformed messages and the consequence that RFC 4271 section 6 and RFC 7606 give each. Cases are named for the fault.

import { describe, expect, it } from "vitest";
import type { UpdateContext } from "../../../../edge-agent/bgp/wire/attribute-table.ts";
import { checkHeader, decodeMessage } from "../../../../edge-agent/bgp/wire/message.ts";
import { decodeUpdate } from "../../../../edge-agent/bgp/wire/update.ts";
import { hex, messageOf } from "./hex-message.ts";

const INTERNAL: UpdateContext = { asOctets: 4, internal: true };
const EXTERNAL: UpdateContext = { asOctets: 4, internal: false };

// Well-formed parts, to be combined with one broken part each.
const RD = "00 01 0a 00 00 01 00 64";
const ESI = "00 00 00 00 00 00 00 00 00 00";
const RT2 = `02 21 ${RD} ${ESI} 00 00 00 00 30 02 aa 00 00 00 01 00 00 00 64`;
const RT2_OTHER = RT2.replace("02 aa 00 00 00 01", "02 aa 00 00 00 02");
const ORIGIN = "40 01 01 00";
const AS_PATH = "40 02 00";
const LOCAL_PREF = "40 05 04 00 00 00 64";
const TARGETS = "c0 10 08 00 02 fd e8 00 00 00 64";
const MANDATORY = [ORIGIN, AS_PATH, LOCAL_PREF].join(" ");
const MAC = "02:aa:00:00:00:01";
const OTHER_MAC = "02:aa:00:00:00:02";

const size = (text: string): string => text.split(" ").filter(Boolean).length.toString(16).padStart(4, "0");
const reach = (nlri: string, nextHop = "04 0a 00 00 01"): string => {
  const value = `00 19 46 ${nextHop} 00 ${nlri}`;
  return `90 0e ${size(value)} ${value}`;
};
const unreach = (nlri: string): string => {
  const value = `00 19 46 ${nlri}`;
  return `90 0f ${size(value)} ${value}`;
};

function update(attributes: string, context: UpdateContext = INTERNAL) {
  const octets = hex(attributes);
  const decoded = decodeUpdate(
    Buffer.concat([hex("00 00"), hex(octets.length.toString(16).padStart(4, "0")), octets]),
    context,
  );
  if (decoded.severity === "session-reset") return { severity: decoded.severity, subcode: decoded.subcode };
  const macs = (routes: typeof decoded.announced) => routes.map((it) => (it.type === "mac-ip" ? it.mac : it.type));
  return { severity: decoded.severity, announced: macs(decoded.announced), withdrawn: macs(decoded.withdrawn) };
}

const ok = { severity: "ok", announced: [MAC], withdrawn: [] };
const asWithdraw = { severity: "treat-as-withdraw", announced: [], withdrawn: [MAC] };
const discarded = { severity: "attribute-discard", announced: [MAC], withdrawn: [] };
const reset = (subcode: number) => ({ severity: "session-reset", subcode });

describe("update: well-formed variants", () => {
  it.each([
    ["the attributes in FRR's order", `${reach(RT2)} ${MANDATORY} ${TARGETS}`],
    ["MP_REACH_NLRI last", `${MANDATORY} ${TARGETS} ${reach(RT2)}`],
    ["AS_PATH empty, with the Extended Length flag", `${reach(RT2)} ${ORIGIN} 50 02 00 00 ${LOCAL_PREF}`],
    ["an unknown optional transitive attribute", `${reach(RT2)} ${MANDATORY} e0 c8 02 01 02`],
    ["an unknown optional non-transitive attribute", `${reach(RT2)} ${MANDATORY} 80 c8 02 01 02`],
    ["a route of unknown type beside one of type 2 (RFC 7606 5.4)", `${reach(`ee 03 01 02 03 ${RT2}`)} ${MANDATORY}`],
    [
      "a next hop of 32 octets (RFC 2545)",
      `${reach(RT2, `20 20 01 0d b8 ${"00 ".repeat(11)}01 fe 80 ${"00 ".repeat(13)}01`)} ${MANDATORY}`,
    ],
  ])("%s -> ok", (_, attributes) => {
    expect(update(attributes)).toEqual(ok);
  });

  it("a withdrawal and an announcement in one UPDATE -> both", () => {
    expect(update(`${unreach(RT2_OTHER)} ${reach(RT2)} ${MANDATORY}`)).toEqual({ ...ok, withdrawn: [OTHER_MAC] });
  });

  it("LOCAL_PREF is not mandatory from an external peer (RFC 4271 5.1.5)", () => {
    expect(update(`${reach(RT2)} ${ORIGIN} ${AS_PATH}`, EXTERNAL)).toEqual(ok);
  });

  it("a family that was not agreed -> ignored", () => {
    expect(update(`80 0e 0d 00 01 01 04 0a 00 00 01 00 18 c6 33 64 ${MANDATORY}`)).toEqual({ ...ok, announced: [] });
  });
});

describe("update: treat-as-withdraw", () => {
  it.each([
    ["ORIGIN of value 3 (7606 7.1)", `${reach(RT2)} 40 01 01 03 ${AS_PATH} ${LOCAL_PREF}`],
    ["ORIGIN of two octets (7606 7.1)", `${reach(RT2)} 40 01 02 00 00 ${AS_PATH} ${LOCAL_PREF}`],
    [
      "AS_PATH with a segment of unknown type (7606 7.2)",
      `${reach(RT2)} ${ORIGIN} 40 02 06 09 01 00 00 fd e8 ${LOCAL_PREF}`,
    ],
    [
      "AS_PATH with an overrunning segment (7606 7.2)",
      `${reach(RT2)} ${ORIGIN} 40 02 06 02 02 00 00 fd e8 ${LOCAL_PREF}`,
    ],
    ["AS_PATH with an empty segment (7606 7.2)", `${reach(RT2)} ${ORIGIN} 40 02 02 02 00 ${LOCAL_PREF}`],
    ["AS_PATH with one octet left over (7606 7.2)", `${reach(RT2)} ${ORIGIN} 40 02 01 02 ${LOCAL_PREF}`],
    ["NEXT_HOP of five octets (7606 7.3)", `${reach(RT2)} ${MANDATORY} 40 03 05 0a 00 00 01 00`],
    ["MULTI_EXIT_DISC of three octets (7606 7.4)", `${reach(RT2)} ${MANDATORY} 80 04 03 00 00 00`],
    ["LOCAL_PREF of three octets (7606 7.5)", `${reach(RT2)} ${ORIGIN} ${AS_PATH} 40 05 03 00 00 64`],
    ["COMMUNITIES of five octets (7606 7.8)", `${reach(RT2)} ${MANDATORY} c0 08 05 00 00 00 00 00`],
    ["COMMUNITIES of no octets (7606 7.8)", `${reach(RT2)} ${MANDATORY} c0 08 00`],
    ["ORIGINATOR_ID of three octets (7606 7.9)", `${reach(RT2)} ${MANDATORY} 80 09 03 0a 00 00`],
    ["CLUSTER_LIST of five octets (7606 7.10)", `${reach(RT2)} ${MANDATORY} 80 0a 05 0a 00 00 01 00`],
    ["EXTENDED COMMUNITIES of seven octets (7606 7.14)", `${reach(RT2)} ${MANDATORY} c0 10 07 00 02 fd e8 00 00 00`],
    ["PMSI_TUNNEL of four octets (6514 5)", `${reach(RT2)} ${MANDATORY} c0 16 04 00 06 00 00`],
    [
      "PMSI_TUNNEL to an address of three octets (6514 5)",
      `${reach(RT2)} ${MANDATORY} c0 16 08 00 06 00 00 64 0a 00 00`,
    ],
    ["ORIGIN with optional flags (7606 3.c)", `${reach(RT2)} c0 01 01 00 ${AS_PATH} ${LOCAL_PREF}`],
    [
      "EXTENDED COMMUNITIES without the Transitive flag (7606 3.c)",
      `${reach(RT2)} ${MANDATORY} 80 10 08 00 02 fd e8 00 00 00 64`,
    ],
    ["MP_REACH_NLRI with the Transitive flag (7606 3.c)", `${reach(RT2).replace("90 0e", "d0 0e")} ${MANDATORY}`],
    ["no ORIGIN (7606 3.d)", `${reach(RT2)} ${AS_PATH} ${LOCAL_PREF}`],
    ["no AS_PATH (7606 3.d)", `${reach(RT2)} ${ORIGIN} ${LOCAL_PREF}`],
    ["no LOCAL_PREF from an internal peer (7606 3.d)", `${reach(RT2)} ${ORIGIN} ${AS_PATH}`],
    ["an attribute that overruns the field (7606 4)", `${reach(RT2)} ${MANDATORY} c0 10 40 00 02`],
    ["an attribute header that is cut (7606 4)", `${reach(RT2)} ${MANDATORY} c0`],
    ["next hop 0.0.0.0 (4271 6.3)", `${reach(RT2, "04 00 00 00 00")} ${MANDATORY}`],
    ["a multicast next hop (4271 6.3)", `${reach(RT2, "04 e0 00 00 01")} ${MANDATORY}`],
    ["two faults, the milder one first (7606 3.h)", `${reach(RT2)} ${MANDATORY} 40 06 01 00 80 04 03 00 00 00`],
  ])("%s", (_, attributes) => {
    expect(update(attributes)).toEqual(asWithdraw);
  });

  it("a route for a multicast MAC -> that one alone is withdrawn (4271 6.3)", () => {
    const multicast = RT2.replace("02 aa 00 00 00 01", "01 00 5e 00 00 01");
    expect(update(`${reach(`${multicast} ${RT2}`)} ${MANDATORY}`)).toEqual({
      severity: "treat-as-withdraw",
      announced: [MAC],
      withdrawn: ["01:00:5e:00:00:01"],
    });
  });

  it("a route for MAC 00:00:00:00:00:00, which is the kernel's key of flood entries -> withdrawn", () => {
    const zero = RT2.replace("02 aa 00 00 00 01", "00 00 00 00 00 00");
    expect(update(`${reach(zero)} ${MANDATORY}`)).toMatchObject({ announced: [], withdrawn: ["00:00:00:00:00:00"] });
  });

  it("an inclusive multicast route whose originator is 127.0.0.1 -> withdrawn", () => {
    expect(update(`${reach(`03 11 ${RD} 00 00 00 00 20 7f 00 00 01`)} ${MANDATORY}`)).toMatchObject({
      withdrawn: ["imet"],
    });
  });
});

describe("update: attribute-discard", () => {
  it.each([
    ["ATOMIC_AGGREGATE of one octet (7606 7.6)", `${reach(RT2)} ${MANDATORY} 40 06 01 00`],
    [
      "AGGREGATOR of six octets where AS numbers have four (7606 7.7)",
      `${reach(RT2)} ${MANDATORY} c0 07 06 fd e8 0a 00 00 01`,
    ],
    ["an attribute that occurs twice (7606 3.g)", `${reach(RT2)} ${MANDATORY} 40 01 01 02`],
    ["AS4_PATH from a peer with 4-octet AS numbers (6793 6)", `${reach(RT2)} ${MANDATORY} c0 11 06 02 01 00 00 fd e8`],
  ])("%s", (_, attributes) => {
    expect(update(attributes)).toEqual(discarded);
  });

  it.each([
    ["LOCAL_PREF from an external peer, even malformed (7606 7.5)", "40 05 03 00 00 64"],
    ["ORIGINATOR_ID from an external peer (7606 7.9)", "80 09 04 0a 00 00 01"],
    ["CLUSTER_LIST from an external peer (7606 7.10)", "80 0a 04 0a 00 00 01"],
  ])("%s", (_, attribute) => {
    expect(update(`${reach(RT2)} ${ORIGIN} ${AS_PATH} ${attribute}`, EXTERNAL)).toEqual(discarded);
  });
});

describe("update: session-reset", () => {
  it.each([
    ["MP_REACH_NLRI twice (7606 3.g)", `${reach(RT2)} ${reach(RT2)} ${MANDATORY}`, 1],
    ["MP_UNREACH_NLRI twice (7606 3.g)", `${unreach(RT2)} ${unreach(RT2)}`, 1],
    ["an unknown well-known attribute (4271 6.3)", `${reach(RT2)} ${MANDATORY} 40 c8 01 00`, 2],
    ["MP_REACH_NLRI that overruns the field (7606 4)", `${MANDATORY} 80 0e 40 00 19 46`, 5],
    ["MP_REACH_NLRI shorter than a family (7606 7.11)", `80 0e 02 00 19 ${MANDATORY}`, 9],
    ["a next hop of five octets (7606 7.11)", `${reach(RT2, "05 0a 00 00 01 00")} ${MANDATORY}`, 9],
    ["a next hop beyond the attribute (7606 7.11)", `80 0e 04 00 19 46 10 ${MANDATORY}`, 9],
    ["a route longer than its attribute (7606 5.3)", `${reach(RT2.slice(0, -3))} ${MANDATORY}`, 9],
    ["a route shorter than its layout (7606 5.3)", `${reach("02 05 00 01 0a 00 00")} ${MANDATORY}`, 9],
    ["a MAC length of 47 bits (7606 5.3)", `${reach(RT2.replace("30 02 aa", "2f 02 aa"))} ${MANDATORY}`, 9],
    ["an IP length of 33 bits (7606 5.3)", `${reach(RT2.replace("01 00 00 00 64", "01 21 00 00 64"))} ${MANDATORY}`, 9],
    [
      "an IP prefix of 33 bits (7606 5.3)",
      `${reach(`05 22 ${RD} ${ESI} 00 00 00 00 21 c6 33 64 00 00 00 00 00 00 13 88`)} ${MANDATORY}`,
      9,
    ],
    ["a withdrawn route that is cut (7606 5.3)", unreach(RT2.slice(0, -3)), 9],
    ["a fault that withdraws, where no routes are seen (7606 5.2)", `${ORIGIN} 80 04 03 00 00 00`, 5],
    ["a fault that withdraws, hiding the routes behind it (7606 5.2)", `${MANDATORY} c0 10 ff 00`, 5],
  ])("%s", (_, attributes, subcode) => {
    expect(update(attributes)).toEqual(reset(subcode));
  });

  it.each([
    ["withdrawn routes longer than the message (7606 3.a)", "00 05 00 00", 1],
    ["attributes longer than the message (7606 3.a)", "00 00 00 05 40", 1],
    ["no room for the lengths", "00", 1],
    ["an IPv4 prefix of 33 bits (7606 5.3)", "00 00 00 00 21 0a 00 00 00 00", 10],
    ["a withdrawn IPv4 prefix that is cut (7606 5.3)", "00 02 18 0a 00 00", 10],
  ])("%s", (_, body, subcode) => {
    expect(decodeUpdate(hex(body), INTERNAL)).toMatchObject(reset(subcode));
  });

  it("the NOTIFICATION's data is the attribute, for 3/2 and 3/9 (4271 6.3)", () => {
    const body = hex("00 00 00 04 40 c8 01 07");
    expect(decodeUpdate(body, INTERNAL)).toMatchObject({ subcode: 2, data: hex("40 c8 01 07") });
  });
});

describe("message: header errors (RFC 4271 6.1)", () => {
  const keepalive = messageOf("00 13 04");
  const error = (octets: Uint8Array, max = 4096) => {
    const result = checkHeader(octets, max);
    return typeof result === "number" ? result : [result.error.code, result.error.subcode, [...result.error.data]];
  };
  it.each([
    ["a marker that is not all ones", Uint8Array.from(keepalive).fill(0, 4, 5), [1, 1, []]],
    ["length 18", messageOf("00 12 04"), [1, 2, [0, 18]]],
    ["a KEEPALIVE of 20 octets", messageOf("00 14 04 00"), [1, 2, [0, 20]]],
    ["an OPEN of 28 octets", messageOf("00 1c 01"), [1, 2, [0, 28]]],
    ["an UPDATE of 22 octets", messageOf("00 16 02"), [1, 2, [0, 22]]],
    ["a NOTIFICATION of 20 octets", messageOf("00 14 03"), [1, 2, [0, 20]]],
    ["a ROUTE-REFRESH of 22 octets", messageOf("00 16 05"), [1, 2, [0, 22]]],
    ["an UPDATE of 4097 octets", messageOf("10 01 02"), [1, 2, [16, 1]]],
    ["type 0", messageOf("00 13 00"), [1, 3, [0]]],
    ["type 6", messageOf("00 13 06"), [1, 3, [6]]],
  ])("%s", (_, octets, expected) => {
    expect(error(octets)).toEqual(expected);
  });

  it("extended messages agreed -> a long UPDATE passes, a long OPEN does not (RFC 8654 section 4)", () => {
    expect(error(messageOf("ff ff 02"), 65535)).toBe(65535);
    expect(error(messageOf("10 01 01"), 65535)).toEqual([1, 2, [16, 1]]);
  });
});

describe("message: OPEN errors (RFC 4271 6.2)", () => {
  const HEAD = "fd e8 00 5a 0a 00 00 01";
  it.each([
    ["version 3; the data is ours", `00 1d 01 03 ${HEAD} 00`, [2, 1, [0, 4]]],
    ["an authentication parameter", `00 20 01 04 ${HEAD} 03 01 01 00`, [2, 4, []]],
    ["parameters beyond the message", `00 1d 01 04 ${HEAD} 05`, [2, 0, []]],
    ["octets after the parameters", `00 1e 01 04 ${HEAD} 00 00`, [2, 0, []]],
    ["a parameter beyond the others", `00 1f 01 04 ${HEAD} 02 02 09`, [2, 0, []]],
    ["a capability beyond its parameter", `00 21 01 04 ${HEAD} 04 02 02 01 04`, [2, 0, []]],
  ])("%s", (_, text, expected) => {
    const message = decodeMessage(messageOf(text));
    if (!("error" in message)) return expect.unreachable(JSON.stringify(message));
    expect([message.error.code, message.error.subcode, [...message.error.data]]).toEqual(expected);
  });

  it("a known capability of a wrong length -> kept as octets, the OPEN accepted (RFC 5492 section 3)", () => {
    const message = decodeMessage(messageOf(`00 23 01 04 ${HEAD} 06 02 04 41 02 fd e8`));
    expect(message).toMatchObject({
      open: { asn: 65000, capabilities: [{ kind: "unknown", code: 65, value: "fde8" }] },
    });
  });
});
