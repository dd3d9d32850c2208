// What `npm start` prints when it is ready: the addresses, and commands to try that work as they stand. Pure.

export type Addresses = { apiUrl: string; brokerUrl: string; controlUrl: string; tokenKeyFile: string };

/** The command that gets a token; the others have it from there. */
export function tokenCommand({ tokenKeyFile }: Pick<Addresses, "tokenKeyFile">): string {
  return `TOKEN=$(npm run --silent token -- --key '${tokenKeyFile}')`;
}

/** Commands that make one tenant, site, host, network and endpoint, and list what there is; a test runs them. */
export function commandsToTry({ apiUrl }: Pick<Addresses, "apiUrl">): string[] {
  const curl = `curl -s --oauth2-bearer $TOKEN`;
  const post = (path: string, body: object) =>
    `${curl} ${apiUrl}${path} -H 'content-type: application/json' -d '${JSON.stringify(body)}'`;
  return [
    post("/v1/tenants", { id: "acme", name: "Acme" }),
    post("/v1/sites", { id: "ams", name: "Amsterdam" }),
    post("/v1/hosts", { id: "h1", site: "ams", vtep: "198.51.100.1" }),
    post("/v1/networks", { id: "blue", tenant: "acme", name: "Blue", vni: 10100, subnets: ["10.0.0.0/24"] }),
    post("/v1/networks/blue/endpoints", {
      id: "web-1",
      host: "h1",
      mac: "02:00:00:00:00:01",
      ips: ["10.0.0.11"],
      port: "tap0",
    }),
    `${curl} ${apiUrl}/v1/networks/blue/endpoints`,
    post("/v1/hosts/h1/join-tokens", {}),
  ];
}

/** The text after the progress lines. */
export function whatNext(addresses: Addresses): string {
  return `
Overspan runs on this machine.
  API, with its documentation   ${addresses.apiUrl}/docs
  MQTT broker for the agents    ${addresses.brokerUrl}
  Control                       ${addresses.controlUrl}

Try, in another terminal:
${[tokenCommand(addresses), ...commandsToTry(addresses)].map((command) => `  ${command}`).join("\n")}

The API takes no request without a token. npm run token -- --help tells how to get others: to read only, of a tenant.
Ctrl-C ends it.
`;
}
