// The table in memory keeps the contract of DynamoDB.

import { dynamodbContract } from "../../contract/dynamodb.ts";
import { createMemoryDynamo } from "./engine.ts";

dynamodbContract("in memory", async () => ({ client: createMemoryDynamo().client, name: "table" }));
