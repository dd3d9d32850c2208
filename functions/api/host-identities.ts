// The port through which the API lets hosts join and shuts them out. functions/identity implements it.

export type JoinToken = { token: string; expiresAtMs: number };

export type Joined = {
  host: string;
  certificateId: string;
  /** PEM. */
  certificate: string;
  /** Whom the broker's certificate is of, PEM; absent: a CA that every system knows. */
  ca?: string;
  /** `mqtts://…`. */
  brokerUrl: string;
};

export type HostIdentities = {
  createToken(host: string, lifeSec: number): Promise<JoinToken>;
  /** `token`: there is no such token, it ran out, or it was used. `csr`: why the request is not granted. */
  join(token: string, csr: string): Promise<Joined | { refused: "token" } | { refused: "csr"; reason: string }>;
  /** Makes all certificates of the host useless; how many there were. */
  revoke(host: string): Promise<number>;
};
