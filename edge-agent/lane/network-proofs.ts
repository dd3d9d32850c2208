// The proofs of the network lane, for the report: what the kernel was read back to hold of each network, what is announced of
// it, and what the ToRs confirm. Keys that changed are noted at once and worked off in parts, after everything that forwards.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { Vni } from "../../shared/address/vni.ts";
import type { PeerKey } from "../bgp/route.ts";
import type { Clock } from "../clock.ts";
import type { Reconciler } from "../dataplane/reconciler.ts";
import type { DataplaneReport } from "../dataplane/report.ts";
import type { Declared } from "../evpn/mac-table.ts";
import { Confirmations } from "../report/confirmation.ts";
import { ENDPOINT_LINES } from "../report/endpoint-lines.ts";
import { NetworkReceipt } from "../report/kernel-digest.ts";
import type { ChannelPart } from "./lane.ts";
import type { Network, NetworkStep } from "./network.ts";
import { createSteadiness } from "./steadiness.ts";

export type NetworkProofs = {
  /** The network is in the kernel under this VNI from now on; its devices may be there already. */
  open(network: Network, vni: Vni): void;
  close(network: Network): void;
  /** What a step changed. `generation`: of the desired state that it went into; undefined: the kernel was told nothing. */
  told(network: Network, step: Pick<NetworkStep, "delta" | "endpoints">, generation: number | undefined): void;
  read(report: DataplaneReport): void;
  /** What the peer passed on before is of a session that is no more. */
  sessionLost(peer: PeerKey): void;
  /** Its whole table has come; what it changed is still to be worked off. */
  sentAll(peer: PeerKey): void;
  /** The network imports other routes: what of them is here says no more what is passed on, or was. */
  importsChanged(network: Network): void;
  of(network: Network): Pick<ChannelPart, "kernel" | "fabric"> | undefined;
  readonly busy: boolean;
  /** Works off about `most` keys. */
  work(most: number): void;
};

type Proof = {
  readonly vni: Vni;
  readonly receipt: NetworkReceipt;
  readonly confirmations: Confirmations<Mac, Declared>;
  /** Endpoints that may be announced or confirmed otherwise. */
  readonly unsure: Set<Mac>;
  /** What came and went by other imports is not worked off yet. */
  imports: "steady" | "changed";
};

const NO_IPS: readonly IpAddress[] = [];

/** `changed` is called when a report would say something else. */
export function createNetworkProofs(options: {
  reconciler: Pick<Reconciler, "verified">;
  clock: Pick<Clock, "nowMs">;
  changed: () => void;
}): NetworkProofs {
  const { reconciler, clock, changed } = options;
  const proofs = new Map<Network, Proof>();
  const byVni = new Map<Vni, Network>();
  const unproven = new Set<Network>();
  const unconfirmed = new Set<Network>();
  /** To be proven once the kernel was read back for a desired state at least as new. */
  const awaited = new Map<Network, number>();
  const steadiness = createSteadiness();

  function noteEntries(network: Network, { vni, receipt }: Proof, { entries, flood }: NetworkStep["delta"]): void {
    const verified = reconciler.verified(vni);
    for (const { mac, before, after } of entries) {
      receipt.macChanged(mac, verified, network.table);
      for (const ip of before?.ips ?? NO_IPS) receipt.ipChanged(ip, verified, network.table);
      for (const ip of after?.ips ?? NO_IPS) receipt.ipChanged(ip, verified, network.table);
    }
    if (flood) receipt.floodChanged();
  }

  function prove(network: Network, { vni, receipt }: Proof, most: number): void {
    const before = receipt.digest;
    receipt.step(reconciler.verified(vni), network.table, most);
    if (!receipt.dirty) unproven.delete(network);
    if (receipt.digest !== before) changed();
  }

  function confirm(network: Network, proof: Proof, most: number): void {
    const { confirmations, unsure, imports } = proof;
    const isSteady = (peer: PeerKey) => imports === "steady" && steadiness.isSteady(peer);
    const context = { nowMs: clock.nowMs(), isSteady };
    let left = most;
    for (const mac of unsure) {
      if (left-- === 0) return;
      unsure.delete(mac);
      const routes = { announced: network.announcedOf(mac), received: network.table.routesOf(mac) };
      confirmations.put(mac, network.endpointOfSite(mac), routes, context);
    }
    unconfirmed.delete(network);
    proof.imports = "steady";
    settle();
    changed();
  }

  /** Work here comes after all other: with nothing left to be put, all that came by now has been. */
  function settle(): void {
    if (unconfirmed.size === 0) steadiness.settle();
  }

  return {
    open(network, vni) {
      const receipt = new NetworkReceipt();
      receipt.readAnew(reconciler.verified(vni));
      const confirmations = new Confirmations<Mac, Declared>(ENDPOINT_LINES);
      proofs.set(network, { vni, receipt, confirmations, unsure: new Set(), imports: "steady" });
      byVni.set(vni, network);
      unproven.add(network);
    },
    close(network) {
      const proof = proofs.get(network);
      if (proof) byVni.delete(proof.vni);
      proofs.delete(network);
      unproven.delete(network);
      unconfirmed.delete(network);
      awaited.delete(network);
    },
    told(network, { delta, endpoints }, generation) {
      const proof = proofs.get(network);
      if (!proof) return;
      noteEntries(network, proof, delta);
      for (const mac of endpoints) proof.unsure.add(mac);
      for (const mac of delta.undeclared) if (proof.confirmations.isFollowed(mac)) proof.unsure.add(mac);
      if (proof.unsure.size > 0) unconfirmed.add(network);
      // What is about to be written is proven when it was read back.
      if (generation === undefined) unproven.add(network);
      else awaited.set(network, generation);
    },
    read(report) {
      for (const [vni, change] of report.changed) {
        const network = byVni.get(vni);
        if (!network) continue;
        proofs.get(network)?.receipt.verifiedChanged(change, reconciler.verified(vni));
        unproven.add(network);
      }
      for (const [network, generation] of awaited) {
        if (generation > report.generation) continue;
        awaited.delete(network);
        unproven.add(network);
      }
    },
    sessionLost(peer) {
      steadiness.sessionLost(peer);
      for (const { confirmations } of proofs.values()) confirmations.forget(peer);
    },
    sentAll(peer) {
      steadiness.sentAll(peer);
    },
    importsChanged(network) {
      const proof = proofs.get(network);
      if (!proof) return;
      proof.imports = "changed";
      proof.confirmations.forget(undefined);
      unconfirmed.add(network);
    },
    of(network) {
      const proof = proofs.get(network);
      if (!proof) return undefined;
      return { kernel: reconciler.verified(proof.vni) && proof.receipt.digest, fabric: proof.confirmations.proofs };
    },
    get busy() {
      return unproven.size + unconfirmed.size > 0 || steadiness.pending;
    },
    work(most) {
      if (unproven.size + unconfirmed.size === 0) settle();
      const [first] = unproven.size > 0 ? unproven : unconfirmed;
      const proof = first && proofs.get(first);
      if (!first || !proof) return;
      if (unproven.size > 0) prove(first, proof, most);
      else confirm(first, proof, most);
    },
  };
}
