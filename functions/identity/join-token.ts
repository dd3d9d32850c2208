// Join tokens: each lets one host get its first certificate, once, for a short time. The table has only a token's hash,
// so that who reads the table can join nothing.
//
//   JOIN#<SHA-256 of the token>   JOIN   {host, expiresAtMs, usedBy?: SHA-256 of the request, ttl}

import { createHash } from "node:crypto";
import { getItem, putItem, type Table } from "../publish/table.ts";

/** 256 random bits. */
const TOKEN_OCTETS = 32;
const TOKEN = /^ovj_[A-Za-z0-9_-]{43}$/;

export type JoinToken = { readonly token: string; readonly expiresAtMs: number };

/** Makes a token for the host; the only time that it is seen in clear. */
export async function createJoinToken(
  table: Table,
  order: { readonly host: string; readonly nowMs: number; readonly lifeSec: number },
  random: (octets: number) => Uint8Array,
): Promise<JoinToken> {
  const token = `ovj_${Buffer.from(random(TOKEN_OCTETS)).toString("base64url")}`;
  const expiresAtMs = order.nowMs + order.lifeSec * 1000;
  const ttl = Math.ceil(expiresAtMs / 1000);
  await putItem(table, { ...keyOf(token), type: "join-token", host: order.host, expiresAtMs, ttl });
  return { token, expiresAtMs };
}

/** The host that a token is for, while it can be used. */
export async function hostOfToken(table: Table, token: string, nowMs: number): Promise<string | undefined> {
  if (!TOKEN.test(token)) return undefined;
  const item = await getItem(table, keyOf(token));
  return item && (item["expiresAtMs"] as number) > nowMs ? (item["host"] as string) : undefined;
}

/**
 * Uses the token for a request; the host that it is for, or undefined if there is no such token, or it has run out or
 * been used. The same request may come again, since its answer may have been lost.
 */
export async function useJoinToken(
  table: Table,
  use: { readonly token: string; readonly csr: string; readonly nowMs: number },
): Promise<string | undefined> {
  const { token, csr, nowMs } = use;
  if (!TOKEN.test(token)) return undefined;
  const item = await getItem(table, keyOf(token));
  if (!item || (item["expiresAtMs"] as number) <= nowMs) return undefined;
  const usedBy = sha256(csr);
  const won = await putItem(
    table,
    { ...item, usedBy },
    {
      expression: "attribute_exists(pk) AND (attribute_not_exists(usedBy) OR usedBy = :by)",
      values: { ":by": usedBy },
    },
  );
  return won ? (item["host"] as string) : undefined;
}

function keyOf(token: string) {
  return { pk: `JOIN#${sha256(token)}`, sk: "JOIN" };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
