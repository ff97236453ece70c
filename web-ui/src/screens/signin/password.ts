// What can be said about a password before the box judges it. The box decides; this only saves a round trip.
import type { Key } from "../../text/index.svelte";

/** Shortest password the box takes. */
export const SHORTEST = 12;

export function passwordFault(password: string, username: string): Key | null {
  if ([...password].length < SHORTEST) return "password.short";
  if (username !== "" && password.toLowerCase().includes(username.toLowerCase())) return "password.hasName";
  if (new Set(password).size < 5) return "password.simple";
  return null;
}
