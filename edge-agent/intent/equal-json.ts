// Equality of JSON values, by content and whatever the order of members. Pure, and makes nothing.

export function equalJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    return a.every((member, index) => equalJson(member, b[index]));
  }
  if (Array.isArray(b)) return false;
  const [one, other] = [a as Record<string, unknown>, b as Record<string, unknown>];
  let members = 0;
  for (const name in one) {
    if (one[name] === undefined) continue;
    members++;
    if (!equalJson(one[name], other[name])) return false;
  }
  for (const name in other) if (other[name] !== undefined) members--;
  return members === 0;
}
