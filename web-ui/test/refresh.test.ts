import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { QUIET_MS, refresher, SPACING_MS } from "../src/state/refresh";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** A refresher and the times at which it asked. */
function watched(takes = 0) {
  const asked: number[] = [];
  const refresh = refresher(async () => {
    asked.push(Date.now());
    if (takes > 0) await new Promise((done) => setTimeout(done, takes));
  });
  return { asked, refresh };
}
async function stream(refresh: { soon(): void }, every: number, lasting: number) {
  for (let at = 0; at < lasting; at += every) {
    refresh.soon();
    await vi.advanceTimersByTimeAsync(every);
  }
}
const gaps = (times: number[]) => times.slice(1).map((at, i) => at - (times[i] ?? 0));

test("a burst is one question, soon after it", async () => {
  const { asked, refresh } = watched();
  const start = Date.now();
  await stream(refresh, 20, 100);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(asked).toEqual([start + 80 + QUIET_MS]);
});

test.each([50, QUIET_MS - 1, QUIET_MS + 1, 1_000])("a change every %i ms is asked about every few seconds, not never and not each time", async (every) => {
  const { asked, refresh } = watched();
  await stream(refresh, every, 30_000);
  expect(asked.length).toBeGreaterThan(7);
  for (const gap of gaps(asked)) expect(gap).toBeGreaterThanOrEqual(SPACING_MS);
  for (const gap of gaps(asked)) expect(gap).toBeLessThanOrEqual(SPACING_MS + every + QUIET_MS);
});

test("the last change of a stream is not lost, also while an answer is awaited", async () => {
  const { asked, refresh } = watched(1_000);
  refresh.soon();
  await vi.advanceTimersByTimeAsync(QUIET_MS + 500);
  refresh.soon();
  await vi.advanceTimersByTimeAsync(400);
  expect(asked.length).toBe(1);
  await vi.advanceTimersByTimeAsync(SPACING_MS + 200);
  expect(asked.length).toBe(2);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked.length).toBe(2);
});

test("a screen that is gone asks nothing", async () => {
  const { asked, refresh } = watched();
  refresh.soon();
  refresh.stop();
  refresh.soon();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toEqual([]);
});
