// Exhaustiveness: what a closed union's `switch` ends in. Reaching it is our own bug, so it throws.

/** Ends an exhaustive `switch`; throws if a value outside its type ever arrives. */
export function assertNever(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
