// What a batch has to tell each host, coalesced: every entry once, in its channel's order, in as few messages as the
// size limit allows. The host's own channel comes first, since it says which networks to hold. Pure.

import { MAX_PAYLOAD_BYTES, type LogEntry } from "../../shared/message/inbox.ts";
import { FIRST_VERSION } from "../../shared/message/version.ts";
import type { Channel } from "../../shared/model/record.ts";
import { ENVELOPE_BYTES } from "./step-items.ts";

/** Which entries go to whom; entries that went in twice come out once. */
export class Outbox {
  readonly #texts = new Map<string, string>();
  readonly #hosts = new Map<string, Map<string, LogEntry>>();
  /** Hosts that joined a network in this batch: a snapshot gives them what the entries build upon. */
  readonly joined = new Map<Channel, Set<string>>();

  add(host: string, entry: LogEntry): void {
    const entries = this.#hosts.get(host) ?? new Map<string, LogEntry>();
    entries.set(entryName(entry), entry);
    this.#hosts.set(host, entries);
  }

  join(host: string, channel: Channel): void {
    const hosts = this.joined.get(channel) ?? new Set();
    this.joined.set(channel, hosts.add(host));
  }

  /** The delta messages of each host, as JSON text. Entries of a network that a host joined are in its snapshot. */
  *messages(): Generator<{ host: string; payload: string }> {
    for (const [host, entries] of this.#hosts) {
      const wanted = [...entries.values()]
        .filter((entry) => !this.joined.get(entry.channel)?.has(host))
        .sort(byChannel);
      for (const payload of deltaMessages(
        host,
        wanted.map((entry) => this.#text(entry)),
      ))
        yield { host, payload };
    }
  }

  /** The text of an entry is made once, however many hosts it goes to. */
  #text(entry: LogEntry): string {
    const name = entryName(entry);
    const known = this.#texts.get(name);
    if (known !== undefined) return known;
    const text = JSON.stringify(entry);
    this.#texts.set(name, text);
    return text;
  }
}

/** Delta messages that hold `entries` (each JSON text), in order, none larger than a message may be. */
export function deltaMessages(host: string, entries: readonly string[]): string[] {
  const head = `{"v":${FIRST_VERSION},"host":${JSON.stringify(host)},"kind":"delta","entries":[`;
  return packTexts(entries, MAX_PAYLOAD_BYTES - ENVELOPE_BYTES).map((pack) => `${head}${pack.join(",")}]}`);
}

/** Cuts a list of JSON texts into runs of at most `maxBytes` with a comma each; a larger one has a run of its own. */
export function packTexts(texts: readonly string[], maxBytes: number): string[][] {
  const packs: string[][] = [];
  let room = 0;
  for (const text of texts) {
    const bytes = Buffer.byteLength(text) + 1;
    const last = packs.at(-1);
    if (last && bytes <= room) {
      last.push(text);
      room -= bytes;
    } else {
      packs.push([text]);
      room = maxBytes - bytes;
    }
  }
  return packs;
}

function entryName(entry: LogEntry): string {
  return `${entry.channel} ${entry.seq}`;
}

function byChannel(a: LogEntry, b: LogEntry): number {
  if (a.channel === b.channel) return a.seq - b.seq;
  return a.channel < b.channel ? -1 : 1;
}
