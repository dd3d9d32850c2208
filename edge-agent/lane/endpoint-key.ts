// Record keys of endpoints, told apart without parsing: they were parsed when they came.

const ENDPOINT = "endpoint/";

/** The endpoint's id; undefined for other records. */
export function endpointOf(key: string): string | undefined {
  return key.startsWith(ENDPOINT) ? key.slice(ENDPOINT.length) : undefined;
}
