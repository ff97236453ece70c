// What the box takes for a PIN, so that a person hears of it before sending. Pure.
import type { Key } from "../../text/index.svelte";

/** Why this is no PIN: 6 to 12 digits, not all the same, not a run up or down. */
export function pinFault(pin: string): Key | null {
  if (!/^\d{6,12}$/.test(pin)) return "pin.length";
  const steps = new Set([...pin].slice(1).map((digit, i) => Number(digit) - Number(pin[i])));
  const [step] = steps;
  return steps.size === 1 && (step === 0 || step === 1 || step === -1) ? "pin.easy" : null;
}
