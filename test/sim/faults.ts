// What may go wrong, how often, and for how long. Drawn once from the seed; printed with a failing seed. Chances are per
// message, call or batch while the storm lasts; the acts of `happenings` come at moments of their own.

import type { Clockwork } from "./clockwork.ts";

export type Weather = {
  /** Messages of the broker, both ways. */
  drop: number;
  duplicate: number;
  corrupt: number;
  /** Extra delay of a message, which lets later ones overtake it. */
  delay: number;
  /** Calls of the store. */
  throttle: number;
  conflict: number;
  lostAnswer: number;
  /** The caller dies at this call, before or after its effect. */
  crash: number;
  /** Stream batches. */
  redeliver: number;
  split: number;
  twoConsumers: number;
  /** Kernel calls. */
  kernelRefuses: number;
  kernelSilent: number;
  /** Writes of the replica. */
  diskRefuses: number;
};

export const CALM: Weather = {
  drop: 0,
  duplicate: 0,
  corrupt: 0,
  delay: 0,
  throttle: 0,
  conflict: 0,
  lostAnswer: 0,
  crash: 0,
  redeliver: 0,
  split: 0,
  twoConsumers: 0,
  kernelRefuses: 0,
  kernelSilent: 0,
  diskRefuses: 0,
};

/** Higher, and nothing would go forward in a storm: a step of a channel takes a dozen calls of the store. */
const WORST: Weather = {
  drop: 0.3,
  duplicate: 0.3,
  corrupt: 0.2,
  delay: 0.4,
  throttle: 0.2,
  conflict: 0.2,
  lostAnswer: 0.1,
  crash: 0.05,
  redeliver: 0.3,
  split: 0.3,
  twoConsumers: 0.3,
  kernelRefuses: 0.1,
  kernelSilent: 0.1,
  diskRefuses: 0.3,
};

/** About half of the faults are absent from a given storm, so that each is also seen without the others. */
export function drawWeather(clockwork: Clockwork): Weather {
  const weather = { ...CALM };
  for (const name of Object.keys(WORST) as (keyof Weather)[]) {
    if (clockwork.chance(0.5)) weather[name] = WORST[name] * clockwork.random();
  }
  return weather;
}

/** In one line, what is there at all. */
export function describeWeather(weather: Weather): string {
  const present = Object.entries(weather).filter(([, chance]) => chance > 0);
  return present.map(([name, chance]) => `${name} ${chance.toFixed(2)}`).join(", ") || "calm";
}

/** What befalls a host, or the broker, at a moment. */
export const HAPPENINGS = [
  "agent killed",
  "cut off",
  "cable to the ToR cut",
  "broker restarts",
  "machine reboots",
  "another hand",
  "disk lost",
  "old disk image",
] as const;
export type Happening = (typeof HAPPENINGS)[number];

/** Every kind of fault, as it is counted. */
export const FAULTS = [
  ...HAPPENINGS,
  "message lost",
  "message twice",
  "message damaged",
  "message late",
  "store throttles",
  "transaction conflict",
  "answer lost",
  "function dies",
  "publish refused",
  "batch again",
  "batch split",
  "two consumers",
  "kernel refuses",
  "kernel silent",
  "agent dies in a write",
  "disk refuses",
  "wrong clock",
] as const;
export type Fault = (typeof FAULTS)[number];

/** Whether a fault of this chance happens now; counted if so. */
export function happening(clockwork: Clockwork, what: Fault, chance: number): boolean {
  if (!clockwork.chance(chance)) return false;
  clockwork.tally(what);
  return true;
}
