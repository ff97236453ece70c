import { expect, test } from "vitest";
import { summary, type Facts } from "../src/screens/home/summary";

const well: Facts = { known: true, waiting: 0, more: false, held: 0, noBackup: false };

test("the worst comes first", () => {
  expect(summary(well)).toBe("well");
  expect(summary({ ...well, noBackup: true })).toBe("backup");
  expect(summary({ ...well, noBackup: true, held: 1 })).toBe("held");
  expect(summary({ ...well, held: 1, more: true })).toBe("incomplete");
  expect(summary({ ...well, held: 1, more: true, waiting: 1 })).toBe("critical");
});

test("nothing is said to be well that was not read to its end", () => {
  for (const waiting of [0, 2]) for (const held of [0, 2]) for (const noBackup of [false, true]) {
    expect(summary({ known: true, more: true, waiting, held, noBackup })).toMatch(/critical|incomplete/);
    expect(summary({ known: false, more: false, waiting, held, noBackup })).toBe("unknown");
  }
});
