// What an agent finds on disk when it starts in the fdb bench: its config, an identity, and a copy of intent with so many
// endpoints elsewhere, spread over networks and VTEPs. And what the cloud of that bench knows of it.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeCertificateRequest } from "../../edge-agent/identity/certificate-request.ts";
import { type ChannelReplica, fromSnapshot } from "../../edge-agent/intent/replica.ts";
import { openReplicaFiles } from "../../edge-agent/intent/replica-files.ts";
import { openCertificateAuthority } from "../../local/certificate-authority.ts";
import { digestSum, EMPTY_DIGEST, hashRecord } from "../../shared/message/digest.ts";
import { endpointLines, floodLine, forwardingDigest } from "../../shared/message/forwarding.ts";
import type { Channel } from "../../shared/model/record.ts";
import { entryOf, LOCAL, VNI, vtepOf } from "./entries.ts";

export const HOST = "h";
export const BROKER = { address: "127.0.0.1", port: 8883 };
/** Inside the state's folder. */
export const CONFIG_FILE = "config.json";
export const CLOUD_FILE = "cloud.json";

/** What the cloud has of the channels, and its certificate. */
export type CloudKnows = {
  readonly channels: readonly Pick<ChannelReplica, "channel" | "seq" | "digest" | "forwarding">[];
  readonly tls: { readonly key: string; readonly cert: string; readonly ca: string };
};

/** Writes the folder, which is that of one host. */
export async function writeState(
  folder: string,
  size: { readonly endpoints: number; readonly networks: number; readonly vteps: number },
): Promise<void> {
  const identity = join(folder, "identity");
  await mkdir(identity, { recursive: true, mode: 0o700 });
  const files = new Map<string, string>();
  const authority = await openCertificateAuthority({
    store: { load: async (name) => files.get(name), save: async (name, text) => void files.set(name, text) },
    now: Date.now,
  });
  const { keyPem, csrPem } = await makeCertificateRequest(HOST);
  const { certificatePem } = await authority.sign(csrPem);
  const secret = { mode: 0o600 };
  await writeFile(join(identity, "identity.pem"), `${keyPem.trimEnd()}\n${certificatePem}\n`, secret);
  await writeFile(join(identity, "ca.pem"), authority.caPem, secret);
  const replicas = replicasOf(size);
  const store = await openReplicaFiles(join(folder, "replica"));
  for (const replica of replicas) await store.save(replica);
  const config = {
    host: HOST,
    broker: { url: `mqtts://${BROKER.address}:${BROKER.port}` },
    stateDir: folder,
    socket: join(folder, "agent.sock"),
  };
  await writeFile(join(folder, CONFIG_FILE), JSON.stringify(config), secret);
  const served = await authority.serve([BROKER.address]);
  const knows: CloudKnows = {
    channels: replicas.map(({ channel, seq, digest, forwarding }) => ({ channel, seq, digest, forwarding })),
    tls: { key: served.keyPem, cert: served.certificatePem, ca: authority.caPem },
  };
  await writeFile(join(folder, CLOUD_FILE), JSON.stringify(knows), secret);
}

function replicasOf(size: { readonly endpoints: number; readonly networks: number; readonly vteps: number }) {
  const { endpoints, networks, vteps } = size;
  const others = Array.from({ length: vteps }, (_, index) => vtepOf(index));
  const members = Object.fromEntries(
    [LOCAL, ...others].map((address, at) => [
      `vtep/${at === 0 ? HOST : `v${at - 1}`}`,
      { site: "s", address, asns: [] },
    ]),
  );
  const carried = Object.fromEntries(Array.from({ length: networks }, (_, at) => [`network/n${at}`, {}]));
  const own = replica(`host:${HOST}`, { host: { site: "s", vtep: LOCAL }, ...carried }, EMPTY_DIGEST);
  const all = Array.from({ length: networks }, (_, network) => {
    const records: Record<string, unknown> = {
      network: { tenant: "t", name: `n${network}`, vni: VNI + network, subnets: [] },
      ...members,
    };
    const lines = [LOCAL, ...others].map(floodLine);
    for (let i = network; i < endpoints; i += networks) {
      const { mac, ip } = entryOf(i);
      const endpoint = { mac, ips: [ip] };
      records[`endpoint/e${i}`] = { host: `v${i % vteps}`, ...endpoint, mobility: 0 };
      lines.push(...endpointLines(endpoint, vtepOf(i % vteps)));
    }
    return replica(`net:n${network}`, records, forwardingDigest(lines));
  });
  return [own, ...all];
}

/** A channel at its first entry. */
function replica(
  channel: Channel,
  records: Readonly<Record<string, unknown>>,
  forwarding: ChannelReplica["forwarding"],
): ChannelReplica {
  const changes = Object.entries(records).map(([key, body]) => ({ key, version: 1, body }));
  const digest = digestSum(changes.map((it) => hashRecord(it)));
  const made = fromSnapshot({ channel, seq: 1, digest, forwarding, records: changes });
  if (!made) throw new Error(`${channel}: the digest is not that of its records`);
  return made;
}
