// Bearer tokens (RFC 6750) that are JWTs of an OpenID Connect issuer (RFC 7519, RFC 9068), checked by `jose`: signature by
// a key of the issuer's own set, algorithm, issuer, audience, times. Keys are kept for ten minutes and asked for anew when
// a token names one that is not among them, but no more often than every half minute: an issuer may rotate its keys, and
// nobody can make us ask it without end. The one file that knows jose.

import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey, jwtVerify } from "jose";
import type { Identified, Identify } from "./access.ts";
import { principalOf } from "./token-claims.ts";

export type TokenOptions = {
  /** Whose tokens: their `iss`, to the letter. */
  issuer: string;
  /** For whom: one of their `aud`. */
  audience: string;
  keys: JWTVerifyGetKey;
  nowMs: () => number;
};

/** Public keys only: with one of them nobody can sign (RFC 8725 3.1). `none` and HMAC are not among these. */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];
const CLOCK_TOLERANCE_SEC = 30;
/** What a gateway lets through in one header is no more. */
const MAX_TOKEN_CHARACTERS = 8192;
const KEEP_KEYS_MS = 10 * 60_000;
const ASK_KEYS_EVERY_MS = 30_000;
const KEYS_TIMEOUT_MS = 5_000;

/** The issuer's key set (RFC 7517) at a URL, asked for when first needed. */
export function remoteKeys(url: string, fetch: (url: string, init: RequestInit) => Promise<Response>): JWTVerifyGetKey {
  return createRemoteJWKSet(new URL(url), {
    cacheMaxAge: KEEP_KEYS_MS,
    cooldownDuration: ASK_KEYS_EVERY_MS,
    timeoutDuration: KEYS_TIMEOUT_MS,
    [customFetch]: fetch,
  });
}

/** Who a request's token says is asking. */
export function tokenIdentify({ issuer, audience, keys, nowMs }: TokenOptions): Identify {
  return async (headers) => {
    const authorization = headers.get("authorization");
    if (authorization === null) return { kind: "nobody" };
    const token = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization)?.[1];
    if (token === undefined) return refused("the Authorization is not a bearer token");
    if (token.length > MAX_TOKEN_CHARACTERS) return refused("the token is too long");
    try {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: ALGORITHMS,
        issuer,
        audience,
        requiredClaims: ["sub", "exp"],
        clockTolerance: CLOCK_TOLERANCE_SEC,
        currentDate: new Date(nowMs()),
      });
      const principal = principalOf(payload);
      return "refused" in principal ? refused(principal.refused) : { kind: "principal", principal };
    } catch (cause) {
      return whyNot(cause);
    }
  };
}

function refused(reason: string): Identified {
  return { kind: "refused", reason };
}

/** Words of ours alone: they go into a header. */
function whyNot(cause: unknown): Identified {
  if (cause instanceof errors.JWTExpired) return refused("the token has expired");
  if (cause instanceof errors.JWTClaimValidationFailed)
    return refused(CLAIM_WORDS[cause.claim] ?? "a claim does not hold");
  if (cause instanceof errors.JOSEAlgNotAllowed)
    return refused("the token is signed by an algorithm that is not allowed");
  if (cause instanceof errors.JWKSNoMatchingKey)
    return refused("the token is signed by a key that the issuer does not have");
  if (cause instanceof errors.JWKSMultipleMatchingKeys)
    return refused("the token does not say which key it is signed by");
  if (cause instanceof errors.JWSSignatureVerificationFailed) return refused("the token's signature is wrong");
  if (isOfTheToken(cause)) return refused("the token is not one");
  return { kind: "unavailable" };
}

const CLAIM_WORDS: Record<string, string> = {
  iss: "the token is of another issuer",
  aud: "the token is for another audience",
  nbf: "the token does not hold yet",
  exp: "the token does not say when it expires",
  sub: "the token does not say whose it is",
};

/** Anything else happened while the keys were fetched, or is our own fault: then nobody is let in either. */
function isOfTheToken(cause: unknown): boolean {
  return (
    cause instanceof errors.JWTInvalid || cause instanceof errors.JWSInvalid || cause instanceof errors.JOSENotSupported
  );
}
