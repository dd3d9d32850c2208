import type { World } from "./world.ts";
export async function openMemoryWorld(_: unknown): Promise<World> {
  throw new Error("not yet");
}
