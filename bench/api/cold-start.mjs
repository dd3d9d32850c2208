// A fresh process: loads the Lambda bundle and asks it for the index, which needs no table and no token. Prints the milliseconds from
// the process's start to the answer, and what it took of the processor, which a busy machine does not stretch.

process.env.OVERSPAN_TABLE = "none";
process.env.OVERSPAN_SECRETS_KEY = "arn:aws:kms:eu-central-1:000000000000:key/none";
process.env.OVERSPAN_TOKEN_ISSUER = "https://issuer.example";
process.env.OVERSPAN_TOKEN_AUDIENCE = "overspan";
process.env.OVERSPAN_TOKEN_KEYS_URL = "https://issuer.example/keys";
process.env.AWS_REGION = "eu-central-1";

const { handler } = await import(process.argv[2]);
const http = { method: "GET", path: "/v1", sourceIp: "127.0.0.1" };
const event = {
  version: "2.0",
  routeKey: "$default",
  rawPath: "/v1",
  rawQueryString: "",
  headers: { host: "api.example" },
  requestContext: { domainName: "api.example", stage: "$default", http },
  isBase64Encoded: false,
};
const { statusCode } = await handler(event, {});
if (statusCode !== 200) throw new Error(`the index answered ${statusCode}`);
const firstAnswerMs = performance.now();
const { user, system } = process.cpuUsage();
process.stdout.write(JSON.stringify({ firstAnswerMs, firstAnswerCpuMs: (user + system) / 1000 }));
