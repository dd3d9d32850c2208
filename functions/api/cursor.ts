// Cursors of lists: a position and the list it is of, so that a cursor cannot be used on another list.
// Opaque to callers and no secret: what is in it was in the page before.

import { canonicalJson } from "../../shared/message/digest.ts";

/** Positions are ids, or two of them where a list spans networks. */
const POSITION = /^[a-z0-9-]{1,48}(#[a-z0-9-]{1,48})?$/;

export function formatCursor(list: object, position: string): string {
  return Buffer.from(JSON.stringify([canonicalJson(list), position])).toString("base64url");
}

/** The position; undefined if the text is no cursor of this list. */
export function parseCursor(list: object, text: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
  if (!Array.isArray(value) || value.length !== 2 || value[0] !== canonicalJson(list)) return undefined;
  const position: unknown = value[1];
  return typeof position === "string" && POSITION.test(position) ? position : undefined;
}
