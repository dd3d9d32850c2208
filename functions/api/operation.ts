// What an operation of the API is: one description, of which its entry in the document (operation-document.ts) and its
// handler (serve-operation.ts) are made, so that the two cannot drift apart. No behaviour here.

import type { OpenAPIHono, z } from "@hono/zod-openapi";
import type { ResourceRef } from "../domain/resource.ts";
import type { Needs, Principal, Reach } from "./access.ts";
import type { Services } from "./answers.ts";
import type { Request } from "./execute.ts";
import type { FieldError, Problem } from "./problem.ts";

export type Shape = Record<string, z.ZodType>;

/** What a write is done on: the store, or a rehearsal (`rehearsed`) that shows what would come of it. */
export type On = Pick<Services, "runtime" | "commands"> & { rehearsed?: true };

/** A write of another operation, as a rollout needs to know it: what it needs, and what is wrong with a body. */
export type KnownWrite = {
  method: string;
  pattern: RegExp;
  needs: Needs;
  reach: Reach;
  faults(body: unknown): FieldError[];
};

/** The app that operations are added to, and what they stand on; `open` is what needs no token. */
export type Api = {
  app: OpenAPIHono;
  services: Services;
  open: { method: string; pattern: RegExp }[];
  /** Every write that has a plan. */
  writes: KnownWrite[];
  /** Every operation that was added, for the document, which is made when it is asked for. */
  operations: DocumentedOperation[];
};

/** What the document says of an operation. */
export type DocumentedOperation = Omit<Operation<Shape, Shape, z.ZodType>, "subject" | "check" | "run">;

export type Operation<P extends Shape, Q extends Shape, B extends z.ZodType> = {
  /** The operationId: a name for generated clients. */
  id: string;
  method: "get" | "post" | "put" | "patch" | "delete";
  /** As in OpenAPI: `/v1/networks/{network}/endpoints/{endpoint}:move`. */
  path: string;
  summary: string;
  description?: string;
  tag: string;
  needs: Needs;
  /** Default: the operator's alone. */
  reach?: Reach;
  params?: P;
  query?: Q;
  /** `patch`: a merge patch. `immutable`: the resource's fields, told apart from unknown ones in a refusal. */
  body?: { schema: B; example: unknown; patch?: boolean; immutable?: readonly string[] };
  /** `created`: 201 as well, if it was made. `tagged`: with an entity tag, so that preconditions can be made. */
  answer: {
    status: 200 | 201;
    created?: boolean;
    tagged?: boolean;
    description: string;
    schema: z.ZodType;
    example: unknown;
    /** Default application/json. */
    type?: string;
  };
  /** It changes nothing that a plan could show. */
  unplanned?: true;
  /** The statuses of its problems besides those that every operation has. */
  problems: readonly number[];
  /** What a write is about, for the audit of a refusal. */
  subject?(params: { [K in keyof P]: z.output<P[K]> }): ResourceRef;
  /** What is wrong with the request by itself, besides what its schemas say. */
  check?(input: ReadInput<P, Q, B>): Problem | undefined;
  run(input: Input<P, Q, B>): Promise<Answer>;
};

export type Input<P extends Shape, Q extends Shape, B extends z.ZodType> = {
  params: { [K in keyof P]: z.output<P[K]> };
  query: { [K in keyof Q]: z.output<Q[K]> };
  body: z.output<B>;
  /** Who asks, and on what terms. */
  request: Request;
  /** Who asks, with all that the token allows; nobody where none is needed. */
  principal: Principal | undefined;
  on: On;
};

/** What an operation answers: a body, or a problem. */
export type Answer =
  | { kind: "answer"; body: unknown; created?: boolean; headers?: Record<string, string> }
  | { kind: "problem"; problem: Problem; headers?: Record<string, string> };

/** An input but for what it is done on. */
export type ReadInput<P extends Shape, Q extends Shape, B extends z.ZodType> = Omit<Input<P, Q, B>, "on" | "principal">;

/** Whether it is a write whose plan can be asked. */
export function canBePlanned({ method, unplanned }: Pick<DocumentedOperation, "method" | "unplanned">): boolean {
  return method !== "get" && !unplanned;
}
