#!/usr/bin/env node
// What npm links as `overspan`: the built command line, or how to get it. It is there before any build, since npm makes no
// link to a file that is not.

await import("./dist/overspan.js").catch((cause) => {
  if (cause.code !== "ERR_MODULE_NOT_FOUND") throw cause;
  console.error("overspan: it is not built yet; npm run build does that");
  process.exitCode = 2;
});
