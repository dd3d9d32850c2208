// What a batch has to tell each host, coalesced: every entry once, in its channel's order, in as few messages as the
// size limit allows. The host's own channel comes first, since it says which networks to hold. Pure.

import { type LeaveMessage, type LogEntry, MAX_PAYLOAD_BYTES } from "../../shared/message/inbox.ts";
import { FIRST_VERSION } from "../../shared/message/version.ts";
import { type Channel, hostChannel } from "../../shared/model/record.ts";
import { ENVELOPE_BYTES } from "./step-items.ts";

/** Which entries go to whom; entries that went in twice come out once. */
export class Outbox {
  readonly #texts = new Map<string, string>();
  readonly #hosts = new Map<string, Map<string, LogEntry>>();
  readonly #left = new Map<string, number>();
  /** Networks that a host joined in this batch: a snapshot gives it what the entries build upon. */
  readonly #joined = new Map<string, Set<Channel>>();

  add(host: string, entry: LogEntry): void {
    const entries = this.#hosts.get(host) ?? new Map<string, LogEntry>();
    entries.set(entryName(entry), entry);
    this.#hosts.set(host, entries);
  }

  join(host: string, channel: Channel): void {
    this.#joined.set(host, (this.#joined.get(host) ?? new Set()).add(channel));
  }

  /** The host is no more, as its own channel says at `seq`. */
  leave(host: string, seq: number): void {
    this.#left.set(host, seq);
  }

  hosts(): string[] {
    return [...new Set([...this.#hosts.keys(), ...this.#left.keys()])];
  }

  joined(host: string): readonly Channel[] {
    return [...(this.#joined.get(host) ?? [])];
  }

  /** A host's messages, as JSON text; `coming` are those networks that it joined whose snapshots follow. */
  messages(host: string, coming: readonly Channel[]): string[] {
    const joined = this.#joined.get(host);
    const wanted = [...(this.#hosts.get(host)?.values() ?? [])]
      .filter((entry) => !joined?.has(entry.channel))
      .sort(byChannel);
    const texts = wanted.map((entry) => this.#text(entry));
    const own = this.#left.get(host);
    const farewell = own === undefined ? [] : [farewellMessage(host, own)];
    return [...deltaMessages(host, texts, coming), ...farewell];
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

/** More are not announced: the host finds out by itself, and its first message stays mostly news. */
const MAX_COMING = 200;

/**
 * Delta messages that hold `entries` (each JSON text), in order, none larger than a message may be. The first says which
 * channels are coming.
 */
export function deltaMessages(host: string, entries: readonly string[], coming: readonly Channel[] = []): string[] {
  const head = `{"v":${FIRST_VERSION},"host":${JSON.stringify(host)},"kind":"delta",`;
  const news = coming.length === 0 ? "" : `"coming":${JSON.stringify(coming.slice(0, MAX_COMING))},`;
  const room = MAX_PAYLOAD_BYTES - ENVELOPE_BYTES;
  // An entry that fills a message by itself leaves no room to announce anything.
  const announced = Buffer.byteLength(entries[0] ?? "") + Buffer.byteLength(news) < room ? news : "";
  return packTexts(entries, room - Buffer.byteLength(announced)).map(
    (pack, index) => `${head}${index === 0 ? announced : ""}"entries":[${pack.join(",")}]}`,
  );
}

/** A deleted host holds nothing; its networks it left before, each by an entry of its own channel. */
function farewellMessage(host: string, own: number): string {
  const message: LeaveMessage = { v: FIRST_VERSION, host, kind: "leave", channels: [hostChannel(host)], own };
  return JSON.stringify(message);
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
