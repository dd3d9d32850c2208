// /v1/networks/{network}/endpoints/{endpoint}:move and the two phases of a live migration

import { Slug } from "../../../shared/model/fields.ts";
import { answerOutcome } from "../answers.ts";
import * as example from "../example.ts";
import type { Api } from "../operation.ts";
import { addOperation } from "../serve-operation.ts";
import { AbandonmentSchema, ActivationSchema, EndpointMoveSchema, EndpointSchema } from "../schema.ts";

const ONE = "/v1/networks/{network}/endpoints/{endpoint}";

export function addMoves(api: Api): void {
  const { receipts } = api.services;
  const moved = { ...example.endpoint, ...example.endpointMove, mobility: 1, version: 2 };
  const common = {
    method: "post" as const,
    tag: "Endpoints",
    needs: "write" as const,
    reach: "path" as const,
    params: { network: Slug, endpoint: Slug },
    problems: [404, 409],
    subject: ({ network, endpoint }: { network: string; endpoint: string }) =>
      ({ kind: "endpoint", network, id: endpoint }) as const,
  };
  const answer = (description: string, shown: object) => ({
    status: 200 as const,
    tagged: true,
    description,
    schema: EndpointSchema,
    example: shown,
  });
  addOperation(api, {
    ...common,
    id: "moveEndpoint",
    path: `${ONE}:move`,
    summary: "Move an endpoint to another host",
    description: "Raises its mobility sequence (RFC 7432 section 15). A move to where it is changes nothing.",
    body: { schema: EndpointMoveSchema, example: example.endpointMove },
    answer: answer("The endpoint after the move.", moved),
    run: async ({ params: { network, endpoint: id }, body, request, on: { commands } }) =>
      answerOutcome(await commands.endpoint.move(request, { ...body, network, id })),
  });
  addOperation(api, {
    ...common,
    id: "prepareMove",
    path: `${ONE}:prepareMove`,
    summary: "Prepare a move",
    description:
      "The target host gets the network, the port and its guards; frames still go to the source. The `change` of the answer is live when the target is ready. Prepared already for the same place: nothing.",
    body: { schema: EndpointMoveSchema, example: example.endpointMove },
    answer: answer("The endpoint with its `next`.", example.preparedEndpoint),
    run: async ({ params: { network, endpoint: id }, body, request, on: { commands } }) =>
      answerOutcome(await commands.endpoint.prepareMove(request, { ...body, network, id })),
  });
  addOperation(api, {
    ...common,
    id: "activateMove",
    path: `${ONE}:activateMove`,
    summary: "Activate a prepared move",
    description:
      "The endpoint is where it was prepared to be, with its mobility sequence raised. Refused while the target has not reported that it is ready, unless it is forced.",
    body: { schema: ActivationSchema, example: {} },
    answer: answer("The endpoint after the move.", moved),
    run: async ({ params: { network, endpoint: id }, body, request, on: { commands } }) =>
      answerOutcome(await commands.endpoint.activateMove(request, { network, id }, body.force ? undefined : receipts)),
  });
  addOperation(api, {
    ...common,
    id: "abandonMove",
    path: `${ONE}:abandonMove`,
    summary: "Abandon a prepared move",
    description: "The endpoint stays where it is, and the target forgets it. Nothing prepared: nothing.",
    body: { schema: AbandonmentSchema, example: {} },
    answer: answer("The endpoint without `next`.", { ...example.endpoint, version: 3 }),
    run: async ({ params: { network, endpoint: id }, request, on: { commands } }) =>
      answerOutcome(await commands.endpoint.abandonMove(request, { network, id })),
  });
}
