// The API's documentation page: Swagger UI from its npm package, pointed at the API's own /openapi.json. Everything
// comes from this machine, and the content security policy sees to it.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export type Page = { status: number; headers: Record<string, string>; body: Buffer | string };

const HTML = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Overspan API</title>
    <link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
    <link rel="stylesheet" href="/docs/swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;

const START_SCRIPT = `window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null,
});
`;

const ASSETS: ReadonlyMap<string, string> = new Map([
  ["swagger-ui.css", "text/css"],
  ["swagger-ui-bundle.js", "text/javascript"],
  ["favicon-32x32.png", "image/png"],
]);

/** Swagger UI styles inline and has its icons as data URLs; nothing is loaded from elsewhere. */
const SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The page for a path below /docs; undefined if the path is not of the page. */
export async function docsPage(path: string): Promise<Page | undefined> {
  if (path === "/docs" || path === "/docs/") return page("text/html; charset=utf-8", HTML);
  if (path === "/docs/start.js") return page("text/javascript", START_SCRIPT);
  const name = path.startsWith("/docs/") ? path.slice("/docs/".length) : "";
  const type = ASSETS.get(name);
  if (type === undefined) return undefined;
  const folder = dirname(createRequire(import.meta.url).resolve("swagger-ui-dist/package.json"));
  return page(type, await readFile(join(folder, name)));
}

function page(type: string, body: Buffer | string): Page {
  return {
    status: 200,
    headers: {
      "content-type": type,
      "content-security-policy": SECURITY_POLICY,
      "x-content-type-options": "nosniff",
      "cache-control": "no-cache",
    },
    body,
  };
}
