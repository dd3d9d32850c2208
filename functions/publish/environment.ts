// The environment of the event-driven functions, parsed once at the start.

export type Environment = {
  readonly table: string;
  /** URL of the IoT data endpoint; undefined for the SDK's own choice. */
  readonly iotEndpoint: string | undefined;
  /** The bucket of snapshot files; undefined where none are made. */
  readonly snapshots: string | undefined;
};

/** @throws if OVERSPAN_TABLE is missing: a function without a table can only fail. */
export function readEnvironment(env: Readonly<Record<string, string | undefined>>): Environment {
  const table = env["OVERSPAN_TABLE"];
  if (!table) throw new Error("OVERSPAN_TABLE is not set: it names the DynamoDB table");
  // An endpoint in the SDK's own variable (a local runtime's) wins: a client's `endpoint` would hide it.
  const endpoint = env["AWS_ENDPOINT_URL_IOT_DATA_PLANE"] ? undefined : env["OVERSPAN_IOT_ENDPOINT"];
  const snapshots = env["OVERSPAN_SNAPSHOTS"] || undefined;
  return { table, iotEndpoint: endpoint ? `https://${endpoint}` : undefined, snapshots };
}
