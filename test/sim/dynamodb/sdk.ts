// @aws-sdk/client-dynamodb for the simulation: its commands and its errors, which are all that the functions and the table
// in memory use of it. The SDK's own carry what it takes to send them, made anew for each.

import type {
  BatchGetItemCommandInput,
  CancellationReason,
  DeleteItemCommandInput,
  GetItemCommandInput,
  PutItemCommandInput,
  QueryCommandInput,
  TransactWriteItemsCommandInput,
  UpdateItemCommandInput,
} from "@aws-sdk/client-dynamodb";
import type { WireItem } from "./expression.ts";

class Command<Input> {
  readonly input: Input;
  constructor(input: Input) {
    this.input = input;
  }
}

export class BatchGetItemCommand extends Command<BatchGetItemCommandInput> {}
export class DeleteItemCommand extends Command<DeleteItemCommandInput> {}
export class GetItemCommand extends Command<GetItemCommandInput> {}
export class PutItemCommand extends Command<PutItemCommandInput> {}
export class QueryCommand extends Command<QueryCommandInput> {}
export class TransactWriteItemsCommand extends Command<TransactWriteItemsCommandInput> {}
export class UpdateItemCommand extends Command<UpdateItemCommandInput> {}

type Told = { readonly $metadata: object; readonly message: string };

class ServiceException extends Error {
  readonly $fault = "client";
  readonly $metadata: object;
  constructor({ $metadata, message }: Told) {
    // Where it was made is known: storms make many.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = stackTraceLimit;
    this.$metadata = $metadata;
  }
}

export class ConditionalCheckFailedException extends ServiceException {
  override readonly name = "ConditionalCheckFailedException";
  readonly Item: WireItem | undefined;
  constructor(told: Told & { readonly Item?: WireItem }) {
    super(told);
    this.Item = told.Item;
  }
}

export class TransactionCanceledException extends ServiceException {
  override readonly name = "TransactionCanceledException";
  readonly CancellationReasons: CancellationReason[] | undefined;
  constructor(told: Told & { readonly CancellationReasons?: CancellationReason[] }) {
    super(told);
    this.CancellationReasons = told.CancellationReasons;
  }
}

export class TransactionConflictException extends ServiceException {
  override readonly name = "TransactionConflictException";
}

export class ProvisionedThroughputExceededException extends ServiceException {
  override readonly name = "ProvisionedThroughputExceededException";
}
