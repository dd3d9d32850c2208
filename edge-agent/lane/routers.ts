// The lane of tenant routers: intent and the fabric's routes in, VRFs for the kernel and prefixes for the ToRs out, and the
// proof of what the kernel holds. A router is worked out as a whole (router.ts) whenever something of it changed, at a pace
// that leaves most of the time to others. What a router adds to its networks is known before their lane works on them.

import type { Prefix } from "../../shared/address/prefix.ts";
import { importsAny } from "../../shared/address/rt.ts";
import { EMPTY_DIGEST } from "../../shared/message/digest.ts";
import { type Channel, channelNetwork, channelRouter, hostChannel } from "../../shared/model/record.ts";
import { type ReceivedRoute, type RouteChange, routeKey } from "../bgp/route.ts";
import { debounce } from "../clock.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { RouterKernel, RouterSupport } from "../dataplane/router-kernel.ts";
import { describeRouterProblem } from "../dataplane/router-problem.ts";
import { createRouterReconciler, type RouterReport, type RoutersReport } from "../dataplane/router-reconciler.ts";
import { routeDistinguishers } from "../../shared/evpn/mac-vrf.ts";
import { leadsWhereAllowed, nextHopList } from "../evpn/policy.ts";
import type { IntentChange } from "../intent/session.ts";
import { routerIdOf } from "../overlay.ts";
import { createLineDigest, prefixLines, routedLines } from "../report/router-digest.ts";
import type { ChannelPart, Lane, LaneContext } from "./lane.ts";
import type { Routing } from "./network.ts";
import { hostRecord } from "./peers.ts";
import { createRouterIntents, type RouterIntent } from "./router-intent.ts";
import { createRouterProofs, type ProvenPicture } from "./router-proofs.ts";
import { pictureRouter, routerImports, type RouterPicture, routingOf } from "./router.ts";

/** A router as `show` has it. */
export type RouterView = RouterPicture & {
  readonly report: RouterReport | undefined;
  readonly allProblems: readonly string[];
};

export type RoutersLane = Lane & {
  /** What a router adds to a network; the same object as long as it is the same. */
  routing(network: string): Routing | undefined;
  view(): {
    readonly support: RouterSupport;
    readonly routers: readonly RouterView[];
    readonly report: RoutersReport | undefined;
  };
};

/** Changes within this time are worked out together. */
const SETTLE_MS = 5;
/** What was worked out in a time is not worked out again for so many times that time. */
const REST_FACTOR = 4;

export function createRoutersLane(
  context: Pick<
    LaneContext,
    "clock" | "diary" | "intent" | "speaker" | "setImports" | "trust" | "reportChanged" | "pace"
  >,
  options: {
    /** Absent only without support. */
    readonly kernel: RouterKernel | undefined;
    readonly support: RouterSupport;
    readonly compareEveryMs: number;
    /** VTEPs of the fabric that may be sent to; absent: any. */
    readonly fabricVteps?: readonly Prefix[] | undefined;
    /** `routing` says something else of the network. */
    readonly onRouting: (network: string) => void;
  },
): RoutersLane {
  const { clock, diary, intent, speaker } = context;
  const { support } = options;
  const mayUse = options.fabricVteps && nextHopList(options.fabricVteps);
  const intents = createRouterIntents(intent);
  /** Routes that could be a router's, of all peers. */
  const fabric = new Map<string, ReceivedRoute>();
  const announced = new Map<string, string>();
  const proofs = createRouterProofs(clock);
  const digests = new Map<Channel, ReturnType<typeof createLineDigest>>();
  let routers: ReadonlyMap<string, RouterIntent> = new Map();
  let routing = new Map<string, { readonly text: string; readonly value: Routing }>();
  let pictures: readonly RouterPicture[] = [];
  let report: RoutersReport | undefined;
  let reports: ReadonlyMap<number, RouterReport> = new Map();
  /** L3 VNIs that the kernel was read to hold, the last time that it could be. */
  let held: readonly Vni[] = [];
  /** What this host carries has changed, and is still to be worked out. */
  let ownChanged = false;
  let refused = new Set<string>();
  let begun = false;
  let restMs = 0;
  let lastMs = clock.nowMs();

  const { kernel } = options;
  const reconciler =
    support.vrf && kernel
      ? createRouterReconciler({
          kernel,
          clock,
          compareEveryMs: options.compareEveryMs,
          log: (level, text) => (level === "info" ? diary.info("routers", text) : diary.warn("routers", text)),
        })
      : undefined;
  reconciler?.onReport((now) => {
    report = now;
    reports = new Map(now.routers.map((each) => [each.vni, each]));
    if (now.error === undefined) held = now.routers.map(({ vni }) => vni);
    context.reportChanged();
  });
  const turn = context.pace.add(() => {
    workOut();
    return false;
  });
  const settled = debounce(clock, SETTLE_MS, () => {
    const waitMs = restMs - (clock.nowMs() - lastMs);
    if (waitMs > 0) later.trigger();
    else turn.wake();
  });
  const later = debounce(clock, SETTLE_MS * REST_FACTOR, () => settled.trigger());

  /** Which routers there are and what they add to their networks, at once: the networks' lane asks in its next turn. */
  function readIntent(): void {
    const host = hostRecord(intent);
    routers = host ? intents.read() : new Map();
    const next: typeof routing = new Map();
    for (const router of routers.values()) {
      if (!host || !support.vrf) break;
      const value = routingOf(router, { record: host });
      const text = JSON.stringify(value);
      for (const { id, here } of router.networks) {
        const known = routing.get(id);
        if (here) next.set(id, known?.text === text ? known : { text, value });
      }
    }
    const before = routing;
    routing = next;
    for (const id of new Set([...before.keys(), ...next.keys()])) {
      if (before.get(id)?.text !== next.get(id)?.text) options.onRouting(id);
    }
  }

  function workOut(): void {
    const host = hostRecord(intent);
    // A host that knows nothing of itself yet touches nothing; one that was told to leave everything clears up.
    if (!host && !intent.inSync) return;
    begun = true;
    ownChanged = false;
    const startMs = clock.nowMs();
    const all = host ? [...routers.values()] : [];
    const routerId = host && routerIdOf(host);
    const rds = routerId
      ? routeDistinguishers(
          all.map(({ definition }) => definition.vni),
          { routerId, given: host.bgp?.routeDistinguishers },
        )
      : undefined;
    const routes = [...fabric.values()];
    const work = all.flatMap((router): ProvenPicture[] => {
      if (!host) return [];
      const part = { record: host, rd: rds?.get(router.definition.vni) };
      const imports = routerImports(router, part);
      const imported = routes.filter((route) => importsAny(imports, route.routeTargets));
      return [{ picture: pictureRouter(router, part, imported), imported, speaks: support.vrf }];
    });
    pictures = work.map(({ picture }) => picture);
    context.setImports("routers", new Set(pictures.flatMap(({ imports }) => [...imports])));
    announce();
    reconciler?.setDesired({ routers: pictures.map(({ state }) => state) }, context.trust());
    proofs.put(work, host);
    lastMs = clock.nowMs();
    restMs = (lastMs - startMs) * REST_FACTOR;
    context.reportChanged();
  }

  function announce(): void {
    const now = new Map<string, (typeof pictures)[number]["announced"][number]>();
    // Without a VRF nobody here would take a frame of the L3 VNI.
    if (support.vrf)
      for (const picture of pictures) for (const each of picture.announced) now.set(routeKey(each.route.nlri), each);
    const changes: Parameters<typeof speaker.changeExports>[0][number][] = [];
    const refusals = new Set<string>();
    for (const [key, { route, reason }] of now) {
      const text = JSON.stringify(route);
      if (reason) {
        refusals.add(`${reason}: ${JSON.stringify(route.nlri)}`);
        now.delete(key);
      } else if (announced.get(key) !== text) {
        announced.set(key, text);
        changes.push({ key, route });
      }
    }
    for (const key of announced.keys()) {
      if (now.has(key)) continue;
      announced.delete(key);
      changes.push({ key, route: undefined });
    }
    for (const text of refusals) if (!refused.has(text)) diary.warn("export-refused", text);
    refused = refusals;
    if (changes.length > 0) speaker.changeExports(changes);
  }

  function problemsOf({ state, problems }: RouterPicture): readonly string[] {
    if (!support.vrf) return [describeRouterProblem({ kind: "no-vrf", reason: support.reason })];
    const found = (reports.get(state.vni)?.problems ?? []).map(describeRouterProblem);
    return [...problems, ...found, ...(report?.error === undefined ? [] : [report.error])];
  }

  /** The host's own channel is live once the kernel has let go of what it names no more. */
  function leftBehind(): string[] {
    if (ownChanged) return ["the routers of this host are still to be worked out"];
    const wanted = new Set(pictures.map(({ state }) => state.vni));
    const left = held.filter((vni) => !wanted.has(vni));
    return left.map((vni) => `the router of L3 VNI ${vni} is not this host's any more, and still in its kernel`);
  }

  function digest(channel: Channel, lines: readonly string[]): ChannelPart["kernel"] {
    const of = digests.get(channel) ?? createLineDigest();
    digests.set(channel, of);
    return of(lines);
  }

  return {
    intent(change: IntentChange) {
      const own = hostChannel(intent.host);
      const touched = [...change.keys()].filter((channel) => channel === own || bearsOn(channel, routers));
      if (touched.length === 0 && begun) return;
      if (change.has(own)) ownChanged = support.vrf;
      intents.forget(touched);
      for (const channel of digests.keys()) if (!intent.channels.has(channel)) digests.delete(channel);
      readIntent();
      settled.trigger();
    },
    routes(changes: readonly RouteChange[]) {
      let any = false;
      for (const { peer, key, before, after } of changes) {
        const route = after && isRouted(after) && (!mayUse || leadsWhereAllowed(after, mayUse)) ? after : undefined;
        const name = `${peer}|${key}`;
        if (!route && !(before && fabric.has(name))) continue;
        if (route) fabric.set(name, route);
        else fabric.delete(name);
        any = true;
      }
      if (any) settled.trigger();
    },
    session(peer, established) {
      if (!established) proofs.sessionLost(peer);
    },
    endOfRib(peer, family) {
      if (family !== "evpn") return;
      proofs.sentAll(peer);
      settled.trigger();
    },
    complete: () => settled.trigger(),
    heard: () => {
      // In sync without a record of its own: it is to leave everything.
      if (!begun && intent.inSync) settled.trigger();
    },
    channel(channel): ChannelPart | undefined {
      if (channel === hostChannel(intent.host)) return { kernel: undefined, problems: leftBehind() };
      const routerId = channelRouter(channel);
      if (routerId !== undefined) {
        const picture = pictures.find((each) => each.intent.id === routerId);
        if (!picture) return undefined;
        const verified = reports.get(picture.state.vni)?.verified;
        const kernel = verified && digest(channel, prefixLines(picture, verified));
        return { kernel, problems: problemsOf(picture), statics: proofs.of(routerId) };
      }
      const id = channelNetwork(channel);
      const picture = pictures.find(({ intent: router }) => router.networks.some((network) => network.id === id));
      const network = picture?.intent.networks.find((each) => each.id === id);
      if (!picture || !network) return undefined;
      const verified = reports.get(picture.state.vni)?.verified;
      const problems = support.vrf ? [] : problemsOf(picture);
      // A network that is bridged here is live but for its gateway, which the digest then lacks.
      if (!verified) return { kernel: network.here ? EMPTY_DIGEST : undefined, problems };
      return { kernel: digest(channel, routedLines(network, picture, verified)), problems };
    },
    routing: (network) => routing.get(network)?.value,
    view: () => ({
      support,
      report,
      routers: pictures.map((picture) => ({
        ...picture,
        report: reports.get(picture.state.vni),
        allProblems: problemsOf(picture),
      })),
    }),
    async close() {
      turn.close();
      settled.close();
      later.close();
      await reconciler?.close();
    },
  };
}

/** Of a network that no router has, nothing here depends; of one that no router has yet, its router's channel tells. */
function bearsOn(channel: Channel, routers: ReadonlyMap<string, RouterIntent>): boolean {
  if (channelRouter(channel) !== undefined) return true;
  const id = channelNetwork(channel);
  return [...routers.values()].some(
    ({ networks, pending }) => networks.some((network) => network.id === id) || pending.some((each) => each === id),
  );
}

/** A route that an IP-VRF could import: most of a fabric's are for bridging only. */
function isRouted({ nlri }: ReceivedRoute): boolean {
  return nlri.type === "ip-prefix" || (nlri.type === "mac-ip" && nlri.ip !== undefined && !!nlri.l3Vni);
}
