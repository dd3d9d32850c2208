import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { httpSnapshots } from "../../../edge-agent/intent/download.ts";
import { fetchSnapshot, type SnapshotSource } from "../../../edge-agent/intent/fetch-snapshot.ts";
import type { OfferMessage } from "../../../shared/message/inbox.ts";
import { createCloudModel, endpointBody, networkBody } from "./cloud-model.ts";

function cloudWith(endpoints: number) {
  const cloud = createCloudModel("h1");
  const changes = Array.from({ length: endpoints }, (_, i) => ({ key: `endpoint/e${i}`, body: endpointBody(i) }));
  cloud.commit("net:blue", [{ key: "network", body: networkBody }, ...changes]);
  return cloud;
}

/** A source that gives a file in pieces of `size` octets. */
function pieces(file: Uint8Array, size = 1_000): SnapshotSource {
  return {
    async *open() {
      for (let at = 0; at < file.length; at += size) yield file.subarray(at, at + size);
    },
  };
}

const forever = new AbortController().signal;
const fetchIt = (source: SnapshotSource, offer: OfferMessage) => fetchSnapshot(source, offer, undefined, forever);

/** An offer of other lines than the channel's, consistent in itself. */
function forged(offer: OfferMessage, file: Uint8Array, change: (text: string) => string) {
  const other = gzipSync(change(gunzipSync(file).toString("utf8")));
  const sha256 = createHash("sha256").update(other).digest("hex");
  return { offer: { ...offer, bytes: other.length, sha256 }, file: other };
}

describe("fetch snapshot", () => {
  it.each([1, 7, 100_000])(
    "fetch: in pieces of %d octets -> the channel, as a message would have brought it",
    async (size) => {
      const { offer, file } = cloudWith(50).offer("net:blue");
      const replica = await fetchIt(pieces(file, size), offer);
      expect([replica.seq, replica.digest, replica.records.size]).toEqual([1, offer.digest, 51]);
    },
  );

  it("fetch: beside what is held -> records that are the same are shared, others come and go", async () => {
    const cloud = cloudWith(20);
    const first = cloud.offer("net:blue");
    const held = await fetchIt(pieces(first.file), first.offer);
    cloud.commit("net:blue", [
      { key: "endpoint/e1", body: null },
      { key: "endpoint/e2", body: endpointBody(99) },
      { key: "endpoint/e50", body: endpointBody(50) },
    ]);
    const { offer, file } = cloud.offer("net:blue");
    const replica = await fetchSnapshot(pieces(file), offer, held, forever);
    const shared = [...replica.records].filter(([key, record]) => held.records.get(key) === record);
    expect(shared).toHaveLength(19);
    expect(replica.records.size).toBe(21);
    expect(held.records.size).toBe(21);
    expect(held.seq).toBe(1);
  });

  it.each<[string, (text: string) => string, RegExp]>([
    ["another channel's file", (text) => text.replace('"net:blue"', '"net:red"'), /channel is net:red/],
    ["another seq", (text) => text.replace('"seq":1', '"seq":2'), /seq is 2/],
    ["another content", (text) => text.replace("tap3", "tap4"), /do not sum/],
    ["a record too few", (text) => text.replace(/[^\n]*endpoint\/e3[^\n]*\n/, ""), /do not sum/],
    ["a record too many", (text) => `${text}{"key":"endpoint/x","version":1,"body":{}}\n`, /more than the 11 records/],
    ["a record that cannot be", (text) => text.replace("endpoint/e3", "host"), /cannot be in net:blue/],
    ["no JSON", (text) => text.replace("{", ""), /JSON|Unexpected/],
    ["a last line that is cut", (text) => text.slice(0, -4), /cut short/],
    ["an endless line", (text) => text + "x".repeat(1_100_000), /a line of more than/],
  ])("fetch: %s, with a checksum that is right -> refused with the reason", async (_, change, reason) => {
    const { offer, file } = cloudWith(10).offer("net:blue");
    const other = forged(offer, file, change);
    await expect(fetchIt(pieces(other.file), other.offer)).rejects.toThrow(reason);
  });

  it("fetch: more octets than offered, fewer, others -> refused", async () => {
    const { offer, file } = cloudWith(10).offer("net:blue");
    await expect(fetchIt(pieces(Buffer.concat([file, file])), offer)).rejects.toThrow(/more than/);
    await expect(fetchIt(pieces(file.subarray(0, -1)), offer)).rejects.toThrow();
    await expect(fetchIt(pieces(file), { ...offer, sha256: "0".repeat(64) })).rejects.toThrow("SHA-256 differs");
    await expect(fetchIt(pieces(Buffer.from("no gzip")), { ...offer, bytes: 7 })).rejects.toThrow(/header/);
  });

  it("fetch: 100,000 endpoints onto an older copy of themselves -> within 1.5 times the memory of one copy", {
    timeout: 120_000,
  }, async () => {
    const script = fileURLToPath(new URL("./snapshot-memory.ts", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", "--import", "tsx", script]);
    const { copyMb, peakMb } = JSON.parse(stdout) as { copyMb: number; peakMb: number };
    expect(copyMb).toBeGreaterThan(20);
    expect(peakMb).toBeLessThan(copyMb * 1.5);
  });
});

describe("download", () => {
  const realTimer = (afterMs: number, callback: () => void) => {
    const timer = setTimeout(callback, afterMs);
    return () => clearTimeout(timer);
  };

  async function served(status: number, headers: Record<string, string> = {}) {
    const seen: IncomingHttpHeaders[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers);
      response.writeHead(status, headers);
      response.end("body");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    return { seen, url: `http://127.0.0.1:${port}/x`, close: () => server.close() };
  }

  async function textOf(source: SnapshotSource, url: string, signal = forever): Promise<string> {
    let text = "";
    for await (const chunk of source.open({ url, headers: { "x-overspan-grant": "g" } }, signal))
      text += Buffer.from(chunk).toString();
    return text;
  }

  it("download: an offer -> its headers are sent, its octets come", async () => {
    const { seen, url, close } = await served(200);
    expect(await textOf(httpSnapshots({ allowPlain: true, setTimer: realTimer }), url)).toBe("body");
    expect(seen[0]?.["x-overspan-grant"]).toBe("g");
    close();
  });

  it("download: plain HTTP under a broker with TLS -> not even asked", async () => {
    const { seen, url, close } = await served(200);
    const source = httpSnapshots({ allowPlain: false, setTimer: realTimer });
    await expect(textOf(source, url)).rejects.toThrow("an offer over http: is not taken");
    expect(seen).toEqual([]);
    close();
  });

  it("download: refused, or sent elsewhere -> rejected with the reason", async () => {
    const source = httpSnapshots({ allowPlain: true, setTimer: realTimer });
    const refused = await served(403);
    await expect(textOf(source, refused.url)).rejects.toThrow("status 403");
    refused.close();
    const elsewhere = await served(302, { location: "http://127.0.0.1:1/" });
    await expect(textOf(source, elsewhere.url)).rejects.toThrow();
    elsewhere.close();
  });

  it("download: nothing comes for too long -> given up", async () => {
    const server = createServer(() => undefined);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    let fire = () => {};
    const source = httpSnapshots({
      allowPlain: true,
      setTimer(_, callback) {
        fire = callback;
        return () => {};
      },
    });
    const result = expect(textOf(source, `http://127.0.0.1:${port}/`)).rejects.toThrow("nothing came for 30 s");
    await expect.poll(() => server.listening).toBe(true);
    fire();
    await result;
    server.closeAllConnections();
    server.close();
  });
});
