// What can be said about a password before the box judges it. The box decides; this only saves a round trip.
import { app } from "../../state/app.svelte";
import type { Key } from "../../text/index.svelte";

/** Shortest password beside a second factor, alone, and shortest passphrase of the box (security sheet, section 7). */
const WITH_SECOND_FACTOR = 8;
const ALONE = 15;
const PASSPHRASE = 16;

export function shortest(kind: "password" | "passphrase" = "password"): number {
  return kind === "passphrase" ? PASSPHRASE : app.status?.secondFactor === "optional" ? ALONE : WITH_SECOND_FACTOR;
}

export function passwordFault(password: string, username: string, kind: "password" | "passphrase" = "password"): Key | null {
  if ([...password].length < shortest(kind)) return "password.short";
  if (username !== "" && password.toLowerCase() === username.toLowerCase()) return "password.hasName";
  if (new Set(password).size < 4) return "password.simple";
  return null;
}
