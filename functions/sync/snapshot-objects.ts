// The port to the store of snapshot files.

/** A request that fetches one object, for a while: the URL is worth nothing without the headers. */
export type SignedRequest = { readonly url: string; readonly headers: Readonly<Record<string, string>> };

export type SnapshotObjects = {
  put(key: string, body: Uint8Array): Promise<void>;
  has(key: string): Promise<boolean>;
  /** Signs a request for `host`, with the secret `grant` in it, that is good for `forSec` seconds. */
  sign(
    key: string,
    to: { readonly host: string; readonly grant: string; readonly forSec: number },
  ): Promise<SignedRequest>;
};
