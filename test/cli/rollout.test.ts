// `rollout`: made of files or of an order, watched until it is over, resumed and abandoned.

import { describe, expect, it } from "vitest";
import { fieldOfWrites, readOrder, writesOf } from "../../cli/rollout/order.ts";
import { diff } from "../../cli/apply/diff.ts";
import { readDeclaration } from "../../cli/apply/document.ts";
import { BASICS, createCliUnderTest } from "./cli-under-test.ts";

const host = (id: string, vtep: string, ring: string) =>
  `{kind: host, id: ${id}, site: fra, vtep: ${vtep}, labels: {ring: ${ring}}}`;
const HOSTS = `${host("h1", "192.0.2.11", "a")}\n---\n${host("h2", "192.0.2.12", "a")}\n`;
const files = { "hosts.yaml": HOSTS };

async function withHosts() {
  const under = createCliUnderTest();
  await under.all(...BASICS);
  return under;
}

describe("rollout order", () => {
  it("order: a file with waves or writes -> the order; what declares resources, is several documents or no YAML -> none", () => {
    expect(readOrder("waves: [{writes: []}]")).toEqual({ waves: [{ writes: [] }] });
    expect(readOrder('{"writes":[],"canaryHosts":["h1"]}')).toEqual({ writes: [], canaryHosts: ["h1"] });
    for (const none of [HOSTS, "kind: host\nid: h1", "", "- a", "{", "text"])
      expect(readOrder(none), none).toBeUndefined();
  });

  it("order: ops -> their writes, at the version that was looked at; a field is named by its place in the file", () => {
    const { resources } = readDeclaration([{ path: "f.yaml", text: HOSTS }]);
    const there = new Map([["host/h2", { id: "h2", site: "fra", vtep: "192.0.2.12", version: 7 }]]);
    const ops = diff(resources, there, { set: undefined });
    expect(writesOf(ops)).toMatchObject([
      { method: "PUT", path: "/v1/hosts/h1" },
      { method: "PUT", path: "/v1/hosts/h2", ifMatch: '"7"' },
    ]);
    expect(fieldOfWrites(ops)("writes.1.body.vtep")).toBe("f.yaml:3:33 vtep");
    expect(fieldOfWrites(ops)("canaryHosts")).toBe("--canary");
  });
});

describe("cli rollout", () => {
  it("rollout create: declared hosts and a canary -> its own change first, each wave live before the next", async () => {
    const { cli, api, requests } = await withHosts();
    const ran = await cli("rollout create -f hosts.yaml --canary h2 --id ring --pause 30 --watch", { files });
    expect(ran.exit, ran.err).toBe(0);
    const order = requests.find(({ method, path }) => method === "POST" && path === "/v1/rollouts");
    expect(JSON.parse(order?.body ?? "")).toMatchObject({ id: "ring", canaryHosts: ["h2"], pauseSec: 30 });
    expect(order?.headers.get("idempotency-key")).toMatch(/^key-/);
    expect(ran.out).toMatch(/^rollout\/ring done {2}done: 2 waves are live\n {2}by /);
    expect(ran.out).toMatch(
      /wave 1 \(canary\): live\n.*\n {2}PUT \/v1\/hosts\/h2 +200 +\w{26}\nwave 2 \(rest\): live\n/,
    );
    expect(ran.err).toContain("rollout/ring: wave 1 of 2 is live; the next one begins at");
    expect((await api.get("/v1/hosts/h1")).body).toMatchObject({ labels: { ring: "a" } });
    const again = await cli("rollout create -f hosts.yaml --canary h2", { files });
    expect(again).toMatchObject({ exit: 2 });
    expect(again.err).toContain("there is nothing to roll out");
  });

  it.each([
    ["rollout create -f order.yaml --prune", /--prune is for files that declare resources; order\.yaml is an order/],
    ["rollout create -f order.yaml --set shop", /--set is for files that declare resources/],
    ["rollout create -f hosts.yaml --canary h2 --timeout 60", /--timeout is for how long --watch waits/],
    ["rollout resume ring --timeout 60", /--timeout is for how long --watch waits/],
  ])("%s: an option that would do nothing -> refused, exit status 2", async (line, reason) => {
    const { cli } = await withHosts();
    const ran = await cli(line, { files: { ...files, "order.yaml": "waves: [{writes: []}]" } });
    expect(ran.exit).toBe(2);
    expect(ran.err).toMatch(reason);
  });

  it("rollout create --plan -> what all waves would change, and no rollout", async () => {
    const { cli } = await withHosts();
    for (const line of [
      "rollout create -f hosts.yaml --canary h1 --plan",
      "plan rollout create -f hosts.yaml --canary h1",
    ]) {
      const ran = await cli(line, { files });
      expect(ran.exit, ran.err).toBe(0);
      expect(ran.out).toMatch(/~ host\/h1\n~ host\/h2\n[^]*nothing was written\n$/);
    }
    expect((await cli("rollout list")).out).toBe("no rollouts\n");
  });

  it("rollout watch: a receipt that fails -> stopped, exit status 1, and what to do; resumed -> done", async () => {
    const { cli, api } = await withHosts();
    api.receipts.states.splice(0, 1, "published");
    const line = "rollout create -f hosts.yaml --canary h1 --id ring --live-within 20 --watch";
    const stopped = await cli(line, { files });
    expect(stopped.exit).toBe(1);
    expect(stopped.out).toMatch(
      /^rollout\/ring stopped {2}stopped in wave 1 of 2: [^]*\n {2}late: [^]*wave 2 \(rest\): planned/,
    );
    expect(stopped.err).toContain("overspan rollout resume ring");
    expect((await api.get("/v1/hosts/h2")).body["labels"]).toBeUndefined();
    api.receipts.states.splice(0, 1, "live");
    expect(await cli("rollout resume ring --watch")).toMatchObject({ exit: 0 });
    expect((await cli("rollout list --state done -o name")).out).toBe("rollout/ring\n");
    expect((await cli("rollout list")).out).toMatch(/^ID +STATE +BY +CREATED +SUMMARY\nring +done +/);
    expect(await cli("rollout abandon ring")).toMatchObject({ exit: 4 });
  });

  it("rollout watch --timeout: not over in time -> exit status 5; abandoned -> exit status 1", async () => {
    const { cli, api } = await withHosts();
    api.receipts.states.splice(0, 1, "published");
    await cli("rollout create -f hosts.yaml --canary h1 --id ring", { files });
    const late = await cli("rollout watch ring --timeout 5");
    expect(late.exit).toBe(5);
    expect(late.out).toMatch(
      /^rollout\/ring waiting {2}wave 1 of 2: waiting for 1 change[^]*waiting for change \w{26}\n/,
    );
    expect((await cli("rollout abandon ring")).out).toContain("rollout/ring abandoned");
    expect(await cli("rollout watch ring")).toMatchObject({ exit: 1 });
    expect(JSON.parse((await cli("rollout get ring -o json")).out)).toMatchObject({ id: "ring", state: "abandoned" });
  });

  it.each([
    ["rollout create -f hosts.yaml", 2, /who goes first\? say --canary HOST/],
    ["rollout create --canary h1", 2, /which files\? say -f FILE/],
    ["rollout create -f hosts.yaml --canary h9", 1, /./],
    ["rollout create -f waves.yaml --canary h1", 2, /it is one or the other/],
    ["rollout create -f waves.yaml", 1, /waves\.yaml waves\.0\.writes\.0\.path/],
    ["rollout get none", 3, /There is no rollout none/],
    ["rollout list --state late", 2, /--state takes one of planned/],
    ["rollout", 2, /overspan rollout takes one of: create, list, get, watch, resume, abandon/],
  ])("rollout: %s -> exit status %i", async (line, exit, message) => {
    const { cli } = await withHosts();
    const waves = "waves: [{writes: [{method: PUT, path: /v1/nothing}]}]";
    const ran = await cli(line, { files: { ...files, "waves.yaml": waves } });
    expect(ran.err).toMatch(message);
    expect(ran.exit, ran.err).toBe(exit);
  });
});
