// The port to whoever issues the hosts' certificates: AWS IoT in the cloud (iot-issuer.ts).

export type Issued = {
  /** SHA-256 of the certificate's DER form, hex. */
  readonly certificateId: string;
  /** PEM. */
  readonly certificate: string;
};

export type Issuer = {
  /** Issues a certificate with which the host, and nobody else, may connect as itself. `csr`: a checked request, PEM. */
  issue(host: string, csr: string): Promise<Issued>;
  /** Makes every certificate of the host useless, other than `keep`; how many there were. */
  revoke(host: string, keep?: string): Promise<number>;
};
