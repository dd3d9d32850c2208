// Who is who at the broker, as AWS IoT keeps it: things, certificates, which certificate is attached to which thing and
// policy. A certificate speaks for a thing only while it is active, attached to that thing and no other, and has the
// policy. What changes is told at once, so that a connection ends with the certificate that it was made with.

import type { CertificateId } from "./certificate-authority.ts";
import type { SecretStore } from "./data-folder.ts";

export type CertificateStatus = "ACTIVE" | "INACTIVE" | "REVOKED";

export type Identities = {
  addThing: (thing: string) => Promise<void>;
  hasThing: (thing: string) => boolean;
  add: (id: CertificateId, status: CertificateStatus) => Promise<void>;
  /** Each returns false if there is no such certificate (or thing). */
  setStatus: (id: CertificateId, status: CertificateStatus) => Promise<boolean>;
  attachThing: (id: CertificateId, thing: string) => Promise<boolean>;
  detachThing: (id: CertificateId, thing: string) => Promise<boolean>;
  attachPolicy: (id: CertificateId, policy: string) => Promise<boolean>;
  detachPolicy: (id: CertificateId, policy: string) => Promise<boolean>;
  certificatesOf: (thing: string) => CertificateId[];
  /** The thing that the certificate may speak for now, under `policy`. */
  thingOf: (id: CertificateId, policy: string) => string | undefined;
  /** Called with the certificate whose rights have changed. */
  onChange: (listener: (id: CertificateId) => void) => void;
};

type Certificate = { status: CertificateStatus; things: string[]; policies: string[] };
type Saved = { things: string[]; certificates: Record<CertificateId, Certificate> };

const FILE = "identities";

export async function openIdentities(store: SecretStore): Promise<Identities> {
  const saved = await store.load(FILE);
  const initial: Saved = saved === undefined ? { things: [], certificates: {} } : (JSON.parse(saved) as Saved);
  const things = new Set(initial.things);
  const certificates = new Map(Object.entries(initial.certificates));
  const listeners: ((id: CertificateId) => void)[] = [];
  let saving: Promise<void> = Promise.resolve();

  function save(): Promise<void> {
    const text = JSON.stringify({ things: [...things], certificates: Object.fromEntries(certificates) });
    const write = () => store.save(FILE, text);
    saving = saving.then(write, write);
    return saving;
  }

  async function change(id: CertificateId, act: (certificate: Certificate) => boolean): Promise<boolean> {
    const certificate = certificates.get(id);
    if (!certificate || !act(certificate)) return false;
    for (const listener of listeners) listener(id);
    await save();
    return true;
  }

  const add = (list: string[], name: string): boolean => {
    if (!list.includes(name)) list.push(name);
    return true;
  };
  const remove = (list: string[], name: string): boolean => {
    const at = list.indexOf(name);
    if (at >= 0) list.splice(at, 1);
    return at >= 0;
  };

  return {
    async addThing(thing) {
      things.add(thing);
      await save();
    },
    hasThing: (thing) => things.has(thing),
    async add(id, status) {
      certificates.set(id, { status, things: [], policies: [] });
      await save();
    },
    setStatus: (id, status) =>
      change(id, (certificate) => {
        certificate.status = status;
        return true;
      }),
    attachThing: (id, thing) => change(id, (certificate) => things.has(thing) && add(certificate.things, thing)),
    detachThing: (id, thing) => change(id, (certificate) => remove(certificate.things, thing)),
    attachPolicy: (id, policy) => change(id, (certificate) => add(certificate.policies, policy)),
    detachPolicy: (id, policy) => change(id, (certificate) => remove(certificate.policies, policy)),
    certificatesOf: (thing) =>
      Array.from(certificates).flatMap(([id, certificate]) => (certificate.things.includes(thing) ? [id] : [])),
    thingOf(id, policy) {
      const certificate = certificates.get(id);
      if (certificate?.status !== "ACTIVE" || !certificate.policies.includes(policy)) return undefined;
      const [thing, ...more] = certificate.things;
      return more.length === 0 ? thing : undefined;
    },
    onChange: (listener) => void listeners.push(listener),
  };
}
