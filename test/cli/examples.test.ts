// The table of commands: every example of every help is run, in an order in which it makes sense; help, and docs/cli.md,
// tell what there is.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../cli/commands.ts";
import { EXIT } from "../../cli/exit-code.ts";
import { createCliUnderTest, ownFile } from "./cli-under-test.ts";

/** Exit statuses that are not 0: no agent runs here. */
const ORDER: readonly (string | [line: string, exit: number])[] = [
  'create tenant acme --name "Acme"',
  "create site fra --name Frankfurt --label region=eu",
  "create fabric-peer tor1 --site fra --asn 65100 --address 192.0.2.1",
  "create vni-pool tenants --range 20000-29999",
  "create host h1 --site fra --vtep 192.0.2.11 --asn 65101 --peer 192.0.2.1=65100",
  "create network web --tenant acme --name Web --vni-pool tenants --subnet 10.1.0.0/24 --gateway 10.1.0.1",
  "create subnet web/10.2.0.0/24 --gateway 10.2.0.1",
  "create router core --tenant acme --name Core --vni-pool tenants",
  "edit network web --mtu 1450 --router core",
  "create prefix core/branch --prefix 172.16.0.0/16 --next-hop 10.1.0.254",
  "create endpoint web/vm1 --host h1 --mac 02:00:5e:10:00:01 --port tap1 --allocate ipv4",
  "create endpoint web/vm2 --host h1 --mac 02:00:5e:10:00:02 --ip 10.1.0.20 --port tap2 --label tier=web",
  "edit tenant acme --quota networks=50,endpoints=1000",
  "edit site fra --label region=eu-central",
  "edit fabric-peer tor1 --name ToR-1",
  "edit vni-pool tenants --range 20000-29999,40000-40999",
  "edit host h2 --name Second --set bgp.asn=65102 --set bgp.peers=[]",
  "edit network web --unset mtuBytes",
  "edit subnet web/10.2.0.0/24 --gateway 10.2.0.254",
  "edit router core --import-rt 65000:100 --export-rt 65000:100",
  "edit prefix core/branch --next-hop 10.1.0.253",
  "edit endpoint web/vm2 --ip 10.1.0.20,10.1.0.21 --isolated",
  "get tenants",
  "get sites -o name",
  "get tors",
  "get vni-pool tenants -o json",
  "get hosts -o wide",
  "get networks --label tier=web",
  "get subnets --network web",
  "get router core -o yaml",
  "get prefixes --router core",
  "get endpoints -n web",
  "get endpoints --host h1 -o name",
  "get endpoint web/vm1 -o json --fields id,host,ips",
  "describe tenant acme",
  "describe host h1",
  "describe network web",
  "describe pool tenants",
  "plan create endpoint web/vm9 --host h1 --mac 02:00:5e:10:00:09",
  "plan -f shop.yaml",
  "apply -f shop.yaml --dry-run",
  "apply -f shop.yaml --yes --wait live",
  "apply -f shop.yaml --prune --yes",
  "move web/vm1 --to h2",
  "move web/vm1 --to h1 --port tap9 --wait live",
  "prepare-move web/vm1 --to h2 --wait live",
  "abandon-move web/vm1",
  "prepare-move web/vm1 --to h2 --wait live",
  "activate-move web/vm1 --force",
  "evacuate h1 --to h2 --plan",
  "evacuate h1 --to h2 --parallel 2 --yes",
  "receipt CHANGE",
  "receipt CHANGE --wait live --timeout 30",
  "rollout create -f hosts.yaml --canary h1 --id timers --plan",
  "rollout create -f hosts.yaml --canary h1 --id timers --watch",
  "rollout get timers",
  "rollout watch timers --timeout 600",
  "rollout create -f waves.yaml",
  ["rollout watch ring2", 1],
  "rollout resume ring2 --skip --watch",
  "rollout list --state done",
  "rollout create -f waves.yaml --id ring3",
  "rollout abandon ring3",
  "fleet",
  ["fleet --site fra --check -o name", 1],
  ["trace web/vm1 web/vm2", 1],
  ["trace web/10.1.0.20 web/vm1 -o json", 1],
  "watch --count 1 --timeout 20 -o json",
  "join-token h1 --life 600",
  "revoke h1 --yes",
  "switch-config tor1",
  "audit endpoint/web/vm1 --limit 10",
  "config set-context lab --api https://overspan.example --token-file /run/overspan/token",
  "config show",
  "config use-context lab",
  "completion bash",
  "delete subnet web/10.2.0.0/24",
  "delete prefix core/branch",
  "delete endpoint web/vm2",
  "edit network web --unset router",
  "delete router core --cascade --yes",
  "delete network web --cascade --yes",
  "delete host h3",
  "delete site ams",
  "delete vni-pool tenants",
  "delete fabric-peer tor1",
  "delete tenant acme --cascade --yes",
];

const SHOP = "{kind: set, id: shop}\n---\n{kind: network, id: shop, tenant: acme, name: Shop, vniPool: tenants}\n";
const HOSTS =
  "{kind: host, id: h1, site: fra, vtep: 192.0.2.11, labels: {ring: a}}\n---\n" +
  "{kind: host, id: h2, site: fra2, vtep: 192.0.2.12, labels: {ring: a}}\n";
const WAVES = `id: ring2
waves:
  - name: canary
    writes:
      - { method: PATCH, path: /v1/hosts/h1, body: { labels: { ring: b } } }
      - { method: DELETE, path: /v1/sites/none }
`;
/** Not an example, but what the order needs. */
const NEEDED = new Set([
  "edit network web --unset router",
  "rollout watch ring2",
  "rollout create -f waves.yaml --id ring3",
]);

describe("cli examples", () => {
  it("examples: those that help shows -> each is run here", () => {
    const shown = COMMANDS.flatMap(({ examples }) => examples.map(({ line }) => line));
    const run = ORDER.map((step) => (typeof step === "string" ? step : step[0])).filter((line) => !NEEDED.has(line));
    expect(new Set(run)).toEqual(new Set(shown));
    expect(COMMANDS.filter(({ words, examples }) => examples.length === 0 && words[0] !== "describe")).toEqual([]);
  });

  it("examples: run in their order -> each does what it says", { timeout: 60_000 }, async () => {
    const { cli, all, api } = createCliUnderTest();
    await all(
      "create site fra2 --name F",
      "create site ams --name Amsterdam",
      "create host h3 --site fra2 --vtep 192.0.2.13",
      "create host h2 --site fra2 --vtep 192.0.2.12",
    );
    let change = "";
    const files: Record<string, string | ReturnType<typeof ownFile>> = {
      "shop.yaml": SHOP,
      "hosts.yaml": HOSTS,
      "waves.yaml": WAVES,
    };
    const onWrite = (path: string, text: string) => (files[path] = ownFile(text));
    for (const step of ORDER) {
      const [line, exit] = typeof step === "string" ? [step, EXIT.done] : step;
      const words = line.replace("CHANGE", change).match(/"[^"]*"|\S+/g) ?? [];
      const stream = () => Promise.resolve(new Response('id: 1\nevent: change\ndata: {"a":1}\n\n'));
      const ran = await cli(
        words.map((word) => word.replaceAll('"', "")),
        {
          files,
          onWrite,
          env: { OVERSPAN_API: "http://127.0.0.1:1" },
          ...(line.startsWith("watch") ? { fetch: stream } : {}),
        },
      );
      expect(ran.exit, `${line}\n${ran.out}${ran.err}`).toBe(exit);
      expect(ran.out, line).not.toBe("");
      change = /\(change (\w{26})\)/.exec(ran.out)?.[1] ?? change;
    }
    expect(api.logs).toEqual([]);
  });

  it.each(COMMANDS.map((command) => [command.words.join(" ")]))(
    "help: of %s -> its usage, options and examples",
    async (words) => {
      const { exit, out } = await createHelp()(`${words} --help`);
      expect(exit).toBe(0);
      expect(out).toContain(`overspan ${words}`);
      expect(out).toContain("options of every command:");
    },
  );

  it("help: of all -> every verb; a version", async () => {
    const help = createHelp();
    const { out } = await help("--help");
    for (const { words } of COMMANDS) expect(out).toContain(`\n  ${words[0]} `);
    expect((await help("--version")).out).toBe("overspan 1.2.3\n");
  });
});

/** Help asks nothing of the API: one for all. */
const helper = createCliUnderTest();
function createHelp() {
  return (line: string) => helper.cli(line);
}

describe("docs/cli.md", () => {
  const page = readFileSync(fileURLToPath(new URL("../../docs/cli.md", import.meta.url)), "utf8");
  it("docs: the table of exit statuses -> those that there are", () => {
    const told = [...page.matchAll(/^\| (\d+) \|/gm)].map(([, status]) => Number(status));
    expect(told).toEqual([...Object.values(EXIT), 130]);
  });

  it("docs: every command -> shown or named", () => {
    const missing = COMMANDS.filter(({ words }) => !page.includes(words[0] as string)).map(({ words }) =>
      words.join(" "),
    );
    expect(missing).toEqual([]);
  });
});
