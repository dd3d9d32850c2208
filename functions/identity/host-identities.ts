// How hosts join and are shut out, over the table's join tokens and the issuer.

import type { HostIdentities } from "../api/host-identities.ts";
import { getItem, type Table } from "../publish/table.ts";
import type { Issuer } from "./issuer.ts";
import { createJoinToken, hostOfToken, useJoinToken } from "./join-token.ts";

export function hostIdentities(options: {
  readonly table: Table;
  readonly issuer: Issuer;
  /** Where hosts connect, and whom the broker's certificate is of. */
  readonly broker: { readonly url: string; readonly ca?: string };
  readonly now: () => number;
  readonly random: (octets: number) => Uint8Array;
}): HostIdentities {
  const { table, issuer, broker, now, random } = options;
  return {
    createToken: (host, lifeSec) => createJoinToken(table, { host, lifeSec, nowMs: now() }, random),
    async join(token, csr) {
      // A request that cannot be granted does not use the token up.
      const named = await hostOfToken(table, token, now());
      if (named === undefined || !(await isThere(table, named))) return { refused: "token" };
      // What reads certificates is large, and hosts join seldom: it is loaded with the first one.
      const { faultOfCsr } = await import("./csr.ts");
      const reason = await faultOfCsr(csr, named);
      if (reason !== undefined) return { refused: "csr", reason };
      const host = await useJoinToken(table, { token, csr, nowMs: now() });
      if (host === undefined) return { refused: "token" };
      const issued = await issuer.issue(host, csr);
      const { url: brokerUrl, ca } = broker;
      return { host, ...issued, brokerUrl, ...(ca === undefined ? {} : { ca }) };
    },
    revoke: (host) => issuer.revoke(host),
  };
}

/** Whether the API knows the host: one that was deleted gets nothing. */
export async function isThere(table: Table, host: string): Promise<boolean> {
  const item = await getItem(table, { pk: "HOSTS", sk: host });
  return item !== undefined && item["deleted"] !== true;
}
