// Issuer over AWS IoT: a thing for each host, certificates attached to it and to the one policy of all hosts. The policy
// allows a connection only as the thing that its certificate is attached to, so a certificate speaks for one host.

import {
  AttachPolicyCommand,
  AttachThingPrincipalCommand,
  CreateCertificateFromCsrCommand,
  CreateThingCommand,
  DetachPolicyCommand,
  DetachThingPrincipalCommand,
  IoTClient,
  ListThingPrincipalsCommand,
  ResourceAlreadyExistsException,
  ResourceNotFoundException,
  UpdateCertificateCommand,
} from "@aws-sdk/client-iot";
import type { Issuer } from "./issuer.ts";

/** With a client of its own, of the environment's region and credentials. */
export function environmentIotIssuer(policyName: string): Issuer {
  return iotIssuer(new IoTClient({}), policyName);
}

export function iotIssuer(client: Pick<IoTClient, "send">, policyName: string): Issuer {
  async function principalsOf(host: string): Promise<string[]> {
    const principals: string[] = [];
    let nextToken: string | undefined;
    do {
      const command = new ListThingPrincipalsCommand({ thingName: host, nextToken });
      const answer = await client.send(command).catch(unlessAbsent);
      principals.push(...(answer?.principals ?? []));
      nextToken = answer?.nextToken;
    } while (nextToken !== undefined);
    return principals;
  }

  return {
    async issue(host, csr) {
      await client.send(new CreateThingCommand({ thingName: host })).catch((error: unknown) => {
        // One with other attributes: it is there, which is all that matters.
        if (!(error instanceof ResourceAlreadyExistsException)) throw error;
      });
      const command = new CreateCertificateFromCsrCommand({ certificateSigningRequest: csr, setAsActive: true });
      const { certificateArn, certificateId, certificatePem } = await client.send(command);
      if (!certificateArn || !certificateId || !certificatePem) throw new Error("AWS IoT issued no certificate");
      await client.send(new AttachThingPrincipalCommand({ thingName: host, principal: certificateArn }));
      // Last: until then the certificate may nothing.
      await client.send(new AttachPolicyCommand({ policyName, target: certificateArn }));
      return { certificateId, certificate: certificatePem };
    },
    async revoke(host, keep) {
      let revoked = 0;
      for (const principal of await principalsOf(host)) {
        const certificateId = principal.slice(principal.lastIndexOf("/") + 1);
        if (certificateId === keep) continue;
        // The policy first: AWS IoT asks it for every message, so that a connection that is open is of no use at once.
        await client.send(new DetachPolicyCommand({ policyName, target: principal })).catch(unlessAbsent);
        await client.send(new UpdateCertificateCommand({ certificateId, newStatus: "REVOKED" })).catch(unlessAbsent);
        await client.send(new DetachThingPrincipalCommand({ thingName: host, principal })).catch(unlessAbsent);
        revoked++;
      }
      return revoked;
    },
  };
}

function unlessAbsent(error: unknown): undefined {
  if (error instanceof ResourceNotFoundException) return undefined;
  throw error;
}
