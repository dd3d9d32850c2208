// What every SecretBox promises.

import { describe, expect, it } from "vitest";
import type { SecretBox } from "../../functions/secrets/secret-box.ts";

const PURPOSE = { use: "test", host: "h1" };
const SECRET = "ovj_für-h1";

export function secretBoxContract(name: string, box: () => SecretBox): void {
  describe(`secret box contract: ${name}`, () => {
    it("secret box: sealed -> opens for the same purpose, in any order of its members, again and again", async () => {
      const sealed = await box().seal(SECRET, PURPOSE);
      expect(await box().open(sealed, PURPOSE)).toBe(SECRET);
      expect(await box().open(sealed, { host: PURPOSE.host, use: PURPOSE.use })).toBe(SECRET);
    });

    it("secret box: what is sealed -> has nothing of the secret, and is another each time", async () => {
      const [one, other] = [await box().seal(SECRET, PURPOSE), await box().seal(SECRET, PURPOSE)];
      expect(one).not.toBe(other);
      for (const text of [one, Buffer.from(one, "base64").toString("latin1")]) expect(text).not.toContain("ovj_");
    });

    it("secret box: another purpose, a part of it, more than it -> does not open", async () => {
      const sealed = await box().seal(SECRET, PURPOSE);
      const { use, host } = PURPOSE;
      for (const purpose of [{ use, host: "h2" }, { use: host, host: use }, { use }, { use, host, more: "x" }, {}]) {
        expect(await box().open(sealed, purpose)).toBeUndefined();
      }
    });

    it("secret box: altered, cut, empty, of no sort -> does not open", async () => {
      const octets = Buffer.from(await box().seal(SECRET, PURPOSE), "base64");
      for (let at = 0; at < octets.length; at += 5) {
        const altered = Buffer.from(octets);
        altered[at] = (altered[at] ?? 0) ^ 1;
        expect(await box().open(altered.toString("base64"), PURPOSE)).toBeUndefined();
      }
      for (const junk of [octets.subarray(1).toString("base64"), "", "AAAA", "!"]) {
        expect(await box().open(junk, PURPOSE)).toBeUndefined();
      }
    });

    it("secret box: nothing, or more than 4096 octets -> refused; 4096 -> sealed", async () => {
      await expect(box().seal("x".repeat(4097), PURPOSE)).rejects.toThrow();
      await expect(box().seal("", PURPOSE)).rejects.toThrow();
      const most = "x".repeat(4096);
      expect(await box().open(await box().seal(most, PURPOSE), PURPOSE)).toBe(most);
    });
  });
}
