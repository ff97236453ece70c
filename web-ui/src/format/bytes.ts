// Sizes of files for people: two digits are enough to choose by.
const STEPS = ["B", "kB", "MB", "GB"] as const;

/** "340 kB", "2.1 MB": in thousands, as phones show it. */
export function sizeText(bytes: number): string {
  let [value, step] = [Math.max(0, bytes), 0];
  while (value >= 999.5 && step < STEPS.length - 1) (value /= 1000), (step += 1);
  const shown = value < 9.95 && step > 0 ? value.toFixed(1).replace(/\.0$/, "") : String(Math.round(value));
  return `${shown} ${STEPS[step]}`;
}
