// node:zlib for the simulation: the same octets, without the thread pool, whose answers would come at real times.

import { Transform } from "node:stream";
import { gunzipSync, gzipSync } from "node:zlib";

export const createGunzip = (): Transform => atTheEnd(gunzipSync);
export const createGzip = (): Transform => atTheEnd(gzipSync);

/** As the callback form has it, at once. */
export function gzip(octets: Uint8Array, done: (error: Error | null, zipped: Buffer) => void): void {
  done(null, gzipSync(octets));
}

function atTheEnd(convert: (octets: Uint8Array) => Uint8Array): Transform {
  const chunks: Uint8Array[] = [];
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      chunks.push(chunk);
      done();
    },
    flush(done) {
      try {
        done(null, convert(Buffer.concat(chunks)));
      } catch (error) {
        done(error as Error);
      }
    },
  });
}
