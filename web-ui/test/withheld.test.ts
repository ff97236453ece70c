// The emergency door: what a reason must be, and how long a record is open still.
import { expect, test } from "vitest";
import { fault, minutesLeft } from "../src/screens/chart/withheld";

test.each([["", "withheld.reason.short"], ["too short", "withheld.reason.short"], ["a  b   c  d ", "withheld.reason.short"], ["unconscious", null], ["बेहोश, एलर्जी पता नहीं", null], ["x".repeat(500), null], ["x".repeat(501), "withheld.reason.long"]] as const)("reason %j: %s", (reason, wrong) => expect(fault(reason)).toBe(wrong));

test("the last minute counts, and nothing is left after it", () => {
  const now = new Date("2026-11-22T09:00:00Z");
  expect(["2026-11-22T10:00:00Z", "2026-11-22T09:00:01Z", "2026-11-22T09:00:00Z", "2026-11-22T08:00:00Z"].map((until) => minutesLeft(until, now))).toEqual([60, 1, 0, 0]);
});
