// The topic grammar: one topic per host and lane, so that the access rule is one line.
//
//   overspan/v1/hosts/<host>/inbox         cloud -> host    delta, snapshot, leave, in-sync, certificate
//   overspan/v1/hosts/<host>/sync          host -> cloud    what the host holds
//   overspan/v1/hosts/<host>/report        host -> cloud    what its kernel holds
//   overspan/v1/hosts/<host>/certificate   host -> cloud    a request for its next certificate

import { Slug } from "../model/fields.ts";

export type Lane = "inbox" | "sync" | "report" | "certificate";

const TOPIC = /^overspan\/v1\/hosts\/([^/]+)\/(inbox|sync|report|certificate)$/;

export function hostTopic(host: string, lane: Lane): string {
  return `overspan/v1/hosts/${host}/${lane}`;
}

/** Parses a topic of this grammar; undefined for any other, wildcards included. */
export function parseHostTopic(topic: string): { host: string; lane: Lane } | undefined {
  const parts = TOPIC.exec(topic);
  if (!parts || !Slug.safeParse(parts[1]).success) return undefined;
  return { host: parts[1] as string, lane: parts[2] as Lane };
}
