// The version of this package, which the build puts in the place of the name.

declare const OVERSPAN_VERSION: string | undefined;

/** `0.1.0`; from the source, without a build, it says so. */
export const VERSION = typeof OVERSPAN_VERSION === "string" ? OVERSPAN_VERSION : "0.0.0-source";
