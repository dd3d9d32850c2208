// `create`, `edit` and `delete` of every kind.

import type { Network } from "../../shared/model/resource.ts";
import type { Call, Command, Option } from "../command.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import { usage } from "../failure.ts";
import { send } from "../plan/send.ts";
import type { Session } from "../session.ts";
import { confirm } from "../confirm.ts";
import { tellWritten, termsOf, WRITE_OPTIONS, type Written } from "../write.ts";
import type { Kind, Resource } from "./kind.ts";
import { parentGiven, parentOption, refArg } from "./read.ts";
import { collectionPath, nameOf, parseRef, pathOf, type Ref, refText } from "./ref.ts";
import { bodyOf, fieldOptions, flagOf, SET, UNSET } from "./request.ts";
import { type SubnetPatch, subnetOf, withGateway, withoutSubnet, withSubnet } from "./subnet.ts";

export function createCommand(kind: Kind): Command {
  return {
    words: ["create", kind.name],
    summary: `make ${kind.a}`,
    args: [
      {
        name: refArg(kind),
        help: kind.path ? "its id, in small letters, digits and hyphens" : "of which network, and which prefix",
      },
    ],
    options: [...parentOption(kind), ...fieldOptions(kind, "create"), ...(kind.path ? [SET] : []), ...WRITE_OPTIONS],
    plans: true,
    examples: CREATE_EXAMPLES[kind.name],
    run: async (call, session) => {
      const ref = parseRef(call.args[0] as string, kind, parentGiven(kind, call));
      if (!kind.path) return changeSubnet(ref, call, session, "created");
      const { kind: _, id, parent } = ref;
      const body = { id, ...bodyOf(kind, call.options) };
      const terms = termsOf(call.options, session.world);
      const path = collectionPath(kind, parent);
      const sent = await send(session, call.options, { method: "POST", path, body, terms }, flagOf(kind));
      if ("planned" in sent) return sent.planned;
      const { written } = sent;
      return tellWritten(session, call.options, written, {
        name: refText(kind, written),
        verb: "created",
        kind,
        notes: givenOut(body, written),
      });
    },
  };
}

/** What the API chose. */
function givenOut(asked: Resource, { vni, ips }: Resource): string[] {
  return [
    ...(asked["vniPool"] === undefined ? [] : [`VNI ${String(vni)}`]),
    ...(asked["allocate"] === undefined ? [] : [`addresses ${(ips as string[]).join(", ")}`]),
  ];
}

export function editCommand(kind: Kind): Command {
  return {
    words: ["edit", kind.name],
    summary: `change fields of ${kind.a}; what is not named stays`,
    args: [{ name: refArg(kind), help: "which", kind: kind.name }],
    options: [
      ...parentOption(kind),
      ...fieldOptions(kind, "edit"),
      ...(kind.path ? [SET, UNSET] : []),
      ...WRITE_OPTIONS,
    ],
    ...(kind.path ? { more: "A list replaces the whole list; a label is added to those that are there." } : {}),
    plans: true,
    examples: EDIT_EXAMPLES[kind.name],
    run: async (call, session) => {
      const ref = parseRef(call.args[0] as string, kind, parentGiven(kind, call));
      const body = bodyOf(kind, call.options);
      if (Object.keys(body).length === 0) {
        throw usage("nothing to change", `overspan edit ${kind.name} --help lists what can be`);
      }
      if (!kind.path) return changeSubnet(ref, call, session, "changed");
      const terms = termsOf(call.options, session.world);
      const request = { method: "PATCH" as const, path: pathOf(ref), body, terms };
      const sent = await send(session, call.options, request, flagOf(kind));
      if ("planned" in sent) return sent.planned;
      return tellWritten(session, call.options, sent.written, { name: nameOf(ref), verb: "changed", kind });
    },
  };
}

const CASCADE: Option = { name: "cascade", help: "and everything that is in it or on it" };
export const YES: Option = { name: "yes", short: "y", help: "do not ask" };

export function deleteCommand(kind: Kind): Command {
  const cascades = !["subnet", "prefix", "endpoint"].includes(kind.name);
  return {
    words: ["delete", kind.name],
    summary: `delete ${kind.a}`,
    args: [{ name: refArg(kind), help: "which", kind: kind.name }],
    options: [...parentOption(kind), ...(cascades ? [CASCADE, YES] : []), ...WRITE_OPTIONS],
    ...(cascades ? { more: "Refused with the list of what is in the way, unless that is to go too: --cascade." } : {}),
    plans: true,
    examples: DELETE_EXAMPLES[kind.name],
    run: async (call, session) => {
      const ref = parseRef(call.args[0] as string, kind, parentGiven(kind, call));
      if (!kind.path) return changeSubnet(ref, call, session, "deleted");
      const cascade = call.options.has("cascade");
      if (cascade && !call.options.has("plan")) {
        const agreed = await confirm(session, `delete ${nameOf(ref)} and everything in it?`, call.options);
        if (!agreed) return EXIT.failed;
      }
      const terms = termsOf(call.options, session.world);
      const query: Record<string, string> = cascade ? { cascade: "true" } : {};
      const sent = await send(session, call.options, { method: "DELETE", path: pathOf(ref), terms, query });
      if ("planned" in sent) return sent.planned;
      const cascaded = sent.written["cascaded"] as number | undefined;
      const notes = cascaded ? [`and ${cascaded} more with it`] : [];
      return tellWritten(session, call.options, sent.written, { name: nameOf(ref), verb: "deleted", kind, notes });
    },
  };
}

/** A subnet is written by a patch of its network, at the version that was read. */
async function changeSubnet(
  ref: Ref,
  { options }: Call,
  session: Session,
  verb: "created" | "changed" | "deleted",
): Promise<ExitCode> {
  const client = await session.client();
  const network: Network = await client.networks.get(ref.parent as string);
  const body = subnetPatch(network, ref.id, verb, options.text("gateway"));
  const terms = { ifMatch: network.version, ...termsOf(options, session.world) };
  const path = `/v1/networks/${encodeURIComponent(network.id)}`;
  const nameField = (field: string) => (field.startsWith("gateways") ? "--gateway" : "the subnet");
  const sent = await send(session, options, { method: "PATCH", path, body, terms }, nameField);
  if ("planned" in sent) return sent.planned;
  const written = sent.written as unknown as Network;
  const shown: Written =
    verb === "deleted" ? { change: written.change } : { ...subnetOf(written, ref.id), change: written.change };
  return tellWritten(session, options, shown, { name: nameOf(ref), verb, kind: ref.kind });
}

function subnetPatch(network: Network, id: string, verb: string, gateway: string | undefined): SubnetPatch {
  if (verb === "created") return withSubnet(network, id, gateway);
  return verb === "deleted" ? withoutSubnet(network, id) : withGateway(network, id, gateway as string);
}

const CREATE_EXAMPLES: Record<Kind["name"], Command["examples"]> = {
  tenant: [{ line: 'create tenant acme --name "Acme"', says: "a tenant" }],
  site: [{ line: "create site fra --name Frankfurt --label region=eu", says: "a site with a label" }],
  "fabric-peer": [
    { line: "create fabric-peer tor1 --site fra --asn 65100 --address 192.0.2.1", says: "a ToR of a site" },
  ],
  "vni-pool": [{ line: "create vni-pool tenants --range 20000-29999", says: "VNIs to give out" }],
  host: [
    {
      line: "create host h1 --site fra --vtep 192.0.2.11 --asn 65101 --peer 192.0.2.1=65100",
      says: "a hypervisor that peers with the ToR",
    },
  ],
  network: [
    {
      line: "create network web --tenant acme --name Web --vni-pool tenants --subnet 10.1.0.0/24 --gateway 10.1.0.1",
      says: "a network with the next free VNI",
    },
  ],
  subnet: [{ line: "create subnet web/10.2.0.0/24 --gateway 10.2.0.1", says: "one more subnet of a network" }],
  router: [{ line: "create router core --tenant acme --name Core --vni-pool tenants", says: "a router" }],
  prefix: [{ line: "create prefix core/branch --prefix 172.16.0.0/16 --next-hop 10.1.0.254", says: "a static route" }],
  endpoint: [
    {
      line: "create endpoint web/vm1 --host h1 --mac 02:00:5e:10:00:01 --port tap1 --allocate ipv4",
      says: "an endpoint with the next free address",
    },
    {
      line: "create endpoint web/vm2 --host h1 --mac 02:00:5e:10:00:02 --ip 10.1.0.20 --port tap2 --label tier=web",
      says: "an endpoint with a given address and a label",
    },
  ],
};

const EDIT_EXAMPLES: Record<Kind["name"], Command["examples"]> = {
  tenant: [{ line: "edit tenant acme --quota networks=50,endpoints=1000", says: "other quotas" }],
  site: [{ line: "edit site fra --label region=eu-central", says: "another value of a label" }],
  "fabric-peer": [{ line: "edit fabric-peer tor1 --name ToR-1", says: "a name" }],
  "vni-pool": [{ line: "edit vni-pool tenants --range 20000-29999,40000-40999", says: "one more range" }],
  host: [
    {
      line: "edit host h2 --name Second --set bgp.asn=65102 --set bgp.peers=[]",
      says: "a BGP speaker without peers yet",
    },
  ],
  network: [
    { line: "edit network web --mtu 1450 --router core", says: "another MTU, and routed" },
    { line: "edit network web --unset mtuBytes", says: "the default MTU again" },
  ],
  subnet: [{ line: "edit subnet web/10.2.0.0/24 --gateway 10.2.0.254", says: "another gateway" }],
  router: [{ line: "edit router core --import-rt 65000:100 --export-rt 65000:100", says: "route targets" }],
  prefix: [{ line: "edit prefix core/branch --next-hop 10.1.0.253", says: "another next hop" }],
  endpoint: [
    { line: "edit endpoint web/vm2 --ip 10.1.0.20,10.1.0.21 --isolated", says: "two addresses, and isolated" },
  ],
};

const DELETE_EXAMPLES: Record<Kind["name"], Command["examples"]> = {
  tenant: [{ line: "delete tenant acme --cascade --yes", says: "a tenant and all it has, without being asked" }],
  site: [{ line: "delete site ams", says: "a site that has no hosts" }],
  "fabric-peer": [{ line: "delete fabric-peer tor1", says: "a ToR" }],
  "vni-pool": [{ line: "delete vni-pool tenants", says: "a pool; what it gave out stays" }],
  host: [{ line: "delete host h3", says: "a host that is empty: overspan evacuate makes it so" }],
  network: [{ line: "delete network web --cascade --yes", says: "a network and its endpoints" }],
  subnet: [{ line: "delete subnet web/10.2.0.0/24", says: "a subnet that no endpoint needs" }],
  router: [{ line: "delete router core --cascade --yes", says: "a router and its prefixes; its networks stay" }],
  prefix: [{ line: "delete prefix core/branch", says: "a static route" }],
  endpoint: [{ line: "delete endpoint web/vm2", says: "an endpoint" }],
};
