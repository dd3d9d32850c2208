// HostIdentities without certificates: for tests of the API that are about something else.

import type { HostIdentities } from "../../functions/api/host-identities.ts";

export function createTestIdentities(): HostIdentities & { readonly revoked: string[] } {
  const tokens = new Map<string, string>();
  const revoked: string[] = [];
  return {
    revoked,
    async createToken(host, lifeSec) {
      const token = `ovj_${String(tokens.size).padStart(43, "0")}`;
      tokens.set(token, host);
      return { token, expiresAtMs: Date.UTC(2030, 0, 1) + lifeSec * 1000 };
    },
    async join(token, csr) {
      const host = tokens.get(token);
      if (host === undefined) return { refused: "token" };
      if (!csr.includes("CERTIFICATE REQUEST")) return { refused: "csr", reason: "is no request" };
      tokens.delete(token);
      return { host, certificateId: "ab".repeat(32), certificate: "PEM", brokerUrl: "mqtts://broker.example:8883" };
    },
    async revoke(host) {
      revoked.push(host);
      return 1;
    },
  };
}
