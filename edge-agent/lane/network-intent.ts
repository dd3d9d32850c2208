// What intent says of one network, found by MAC: its definition, its members and its endpoints. A record that changes tells
// which MACs it concerns. Pure data; the records are those of the replica, parsed.

import type { IpAddress } from "../../shared/address/ip.ts";
import type { Mac } from "../../shared/address/mac.ts";
import type { EndpointRecord, NetworkRecord, RecordBody, VtepRecord } from "../../shared/model/record.ts";
import { type Declared, firstDeclared } from "../evpn/mac-table.ts";
import { MultiMap } from "../evpn/multi-map.ts";
import { declaredOf, namelessPort } from "../overlay.ts";
import type { OfSite } from "../report/confirmation.ts";

/** What a changed record bears on. */
export type Touched = {
  readonly macs: Iterable<Mac>;
  /** The definition or a member changed: settings and flood list follow from them. */
  readonly settings: boolean;
};

const VTEP = "vtep/";
const ENDPOINT = "endpoint/";
const NOTHING: Touched = { macs: [], settings: false };

export class NetworkRecords {
  readonly id: string;
  definition: NetworkRecord | undefined;
  /** Member hosts by id, this one included. */
  readonly vteps = new Map<string, VtepRecord>();
  readonly endpoints = new Map<string, EndpointRecord>();
  readonly #byMac = new MultiMap<Mac, string>();
  readonly #byHost = new Map<string, Set<string>>();
  readonly #ownHost: string;
  /** The ports of the endpoints on this host, with how many name each. */
  readonly #ports = new Map<string, number>();
  #portChanges = 0;

  constructor(id: string, ownHost: string) {
    this.id = id;
    this.#ownHost = ownHost;
  }

  /** Takes a record as it is now; undefined: it is gone. */
  put(key: string, body: RecordBody | undefined): Touched {
    // The replica parsed keys and bodies when they came (intent/replica.ts): what is left is to tell them apart.
    if (key === "network") {
      if (body === this.definition) return NOTHING;
      this.definition = body as NetworkRecord | undefined;
      return { macs: [], settings: true };
    }
    if (key.startsWith(ENDPOINT)) {
      const id = key.slice(ENDPOINT.length);
      return { macs: this.#putEndpoint(id, body as EndpointRecord | undefined), settings: false };
    }
    return key.startsWith(VTEP) ? this.#putVtep(key.slice(VTEP.length), body as VtepRecord | undefined) : NOTHING;
  }

  /** The keys of all records held. */
  *keys(): IterableIterator<string> {
    if (this.definition) yield "network";
    for (const host of this.vteps.keys()) yield VTEP + host;
    for (const id of this.endpoints.keys()) yield ENDPOINT + id;
  }

  /** The MACs that endpoints have. */
  get macs(): Iterable<Mac> {
    return this.#byMac.keys();
  }

  /** The interfaces of the endpoints on this host. */
  get ports(): Iterable<string> {
    return this.#ports.keys();
  }

  /** Grows whenever `ports` changes. */
  get portChanges(): number {
    return this.#portChanges;
  }

  /** The endpoint that a MAC is taken to be. */
  declared(mac: Mac, ownVtep: IpAddress): Declared | undefined {
    const own = { id: this.#ownHost, vtep: ownVtep };
    let first: Declared | undefined;
    for (const id of this.#byMac.all(mac)) {
      const record = this.endpoints.get(id);
      const declared = record && declaredOf(own, this.vteps, { id, record });
      if (declared) first = firstDeclared(first, declared);
    }
    return first;
  }

  /** The endpoint that a MAC is taken to be, if it is at this site. */
  endpointOfSite(mac: Mac, own: { readonly vtep: IpAddress; readonly site: string }): OfSite<Declared> | undefined {
    const declared = this.declared(mac, own.vtep);
    const host = declared && this.endpoints.get(declared.id)?.host;
    if (!declared || host === undefined) return undefined;
    if (host === this.#ownHost) return { declared, own: true };
    return this.vteps.get(host)?.site === own.site ? { declared, own: false } : undefined;
  }

  /** True if an endpoint of this host has the MAC. */
  isLocal(mac: Mac): boolean {
    return this.#byMac.all(mac).some((id) => this.endpoints.get(id)?.host === this.#ownHost);
  }

  /** The MACs of the endpoints on this host. */
  *localMacs(): IterableIterator<Mac> {
    for (const id of this.#byHost.get(this.#ownHost) ?? []) {
      const record = this.endpoints.get(id);
      if (record) yield record.mac;
    }
  }

  #putVtep(host: string, record: VtepRecord | undefined): Touched {
    const before = this.vteps.get(host);
    if (before === record) return NOTHING;
    if (record) this.vteps.set(host, record);
    else this.vteps.delete(host);
    if (before?.address === record?.address && before?.site === record?.site) return { macs: [], settings: true };
    const ids = Array.from(this.#byHost.get(host) ?? []);
    return { macs: ids.flatMap((id) => this.endpoints.get(id)?.mac ?? []), settings: true };
  }

  #putEndpoint(id: string, record: EndpointRecord | undefined): Mac[] {
    const before = this.endpoints.get(id);
    if (before === record) return [];
    if (before) {
      this.#byMac.delete(before.mac, id);
      this.#leave(before.host, id);
      if (before.host === this.#ownHost) this.#countPort(before.port ?? namelessPort(before.mac), -1);
    }
    if (!record) {
      this.endpoints.delete(id);
      return before ? [before.mac] : [];
    }
    this.endpoints.set(id, record);
    this.#byMac.put(record.mac, id);
    const neighbours = this.#byHost.get(record.host);
    if (neighbours) neighbours.add(id);
    else this.#byHost.set(record.host, new Set([id]));
    if (record.host === this.#ownHost) this.#countPort(record.port ?? namelessPort(record.mac), 1);
    return before && before.mac !== record.mac ? [before.mac, record.mac] : [record.mac];
  }

  #leave(host: string, id: string): void {
    const ids = this.#byHost.get(host);
    ids?.delete(id);
    if (ids?.size === 0) this.#byHost.delete(host);
  }

  #countPort(port: string, by: 1 | -1): void {
    const before = this.#ports.get(port) ?? 0;
    if (before + by > 0) this.#ports.set(port, before + by);
    else this.#ports.delete(port);
    if (before === 0 || before + by === 0) this.#portChanges++;
  }
}
