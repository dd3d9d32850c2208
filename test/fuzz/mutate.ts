// Makes inputs of inputs: bits, octets, numbers and stretches changed, repeated, removed, or taken from another input.

/** Whole numbers from 0 to below `limit`; the same for the same seed. */
export type Chance = (limit: number) => number;

export const MAX_INPUT_OCTETS = 4096;

const INTERESTING = [0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 33, 47, 48, 64, 127, 128, 129, 254, 255] as const;
const INTERESTING_16 = [0, 1, 18, 19, 23, 255, 256, 4095, 4096, 4097, 0x7fff, 0x8000, 0xfffe, 0xffff] as const;

/** Mulberry32. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

/** One input of `corpus`, changed in one to eight ways; `words` are octets that mean something to the target. */
export function mutate(corpus: readonly Uint8Array[], words: readonly Uint8Array[], chance: Chance): Uint8Array {
  let octets: Uint8Array = pick(corpus, chance).slice();
  for (let times = 1 << chance(4); times > 0; times--) octets = step(octets, corpus, words, chance);
  return octets.subarray(0, MAX_INPUT_OCTETS);
}

function step(
  octets: Uint8Array,
  corpus: readonly Uint8Array[],
  words: readonly Uint8Array[],
  chance: Chance,
): Uint8Array {
  if (octets.length === 0) return Uint8Array.of(chance(256));
  const at = chance(octets.length);
  switch (chance(words.length > 0 ? 11 : 9)) {
    case 0:
      octets[at] = (octets[at] as number) ^ (1 << chance(8));
      return octets;
    case 1:
      octets[at] = chance(256);
      return octets;
    case 2:
      octets[at] = INTERESTING[chance(INTERESTING.length)] as number;
      return octets;
    case 3:
      octets[at] = (octets[at] as number) + chance(5) - 2;
      return octets;
    case 4:
      return splice(octets, at, Math.min(2, octets.length - at), sixteenBits(chance));
    case 5:
      return splice(octets, at, 1 + chance(Math.min(32, octets.length - at)), new Uint8Array(0));
    case 6:
      return splice(octets, chance(octets.length), 0, stretch(octets, at, chance));
    case 7:
      return splice(
        octets,
        at,
        0,
        Uint8Array.from({ length: 1 + chance(8) }, () => chance(256)),
      );
    case 8: {
      const other = pick(corpus, chance);
      return other.length === 0 ? octets : splice(octets, at, chance(9), stretch(other, chance(other.length), chance));
    }
    case 9:
      return splice(octets, at, 0, pick(words, chance));
    default: {
      const word = pick(words, chance);
      return splice(octets, at, word.length, word);
    }
  }
}

/** Later inputs, which found something new of late, are taken more often. */
function pick(from: readonly Uint8Array[], chance: Chance): Uint8Array {
  const last = from.length - 1;
  return from[last - Math.min(chance(from.length), chance(from.length))] as Uint8Array;
}

function sixteenBits(chance: Chance): Uint8Array {
  const value = chance(2) === 0 ? (INTERESTING_16[chance(INTERESTING_16.length)] as number) : chance(0x10000);
  return Uint8Array.of(value >> 8, value & 0xff);
}

function stretch(octets: Uint8Array, at: number, chance: Chance): Uint8Array {
  return octets.slice(at, at + 1 + chance(Math.min(64, octets.length - at)));
}

function splice(octets: Uint8Array, at: number, removed: number, inserted: Uint8Array): Uint8Array {
  const rest = Math.min(octets.length, at + removed);
  const made = new Uint8Array(at + inserted.length + octets.length - rest);
  made.set(octets.subarray(0, at));
  made.set(inserted, at);
  made.set(octets.subarray(rest), at + inserted.length);
  return made;
}
