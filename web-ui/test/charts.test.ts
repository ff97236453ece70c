import { describe, expect, test } from "vitest";
import { drift, limits, linear, places, side, sparkLimits, ticks } from "../src/charts/scale";

describe("scales", () => {
  test("a value lands where it should, upside down too", () => {
    const y = linear({ low: 0, high: 10 }, { low: 100, high: 0 });
    expect(y(0)).toBe(100);
    expect(y(2.5)).toBe(75);
    expect(y(10)).toBe(0);
  });
  test("one value alone stands in the middle", () => expect(linear({ low: 5, high: 5 }, { low: 0, high: 10 })(5)).toBe(5));
  test("two visits of one test have one axis", () => expect(limits("2823-3", null, [4.1])).toEqual(limits("2823-3", null, [5.9])));
  test("a value outside the clinical limits widens them and is never cut off", () => expect(limits("2823-3", null, [8.2])).toEqual({ low: 2, high: 8.2 }));
  test("an unknown test uses its own range", () => expect(limits("x", { low: 10, high: 20 }, [15])).toEqual({ low: 0, high: 30 }));
  test("without a range there is still air", () => {
    const span = limits("x", null, [4, 6]);
    expect(span.low).toBeLessThan(4);
    expect(span.high).toBeGreaterThan(6);
  });
  test("a sparkline holds the range and the values", () => {
    const span = sparkLimits([8], { low: 4, high: 6 });
    expect(span.low).toBeLessThan(4);
    expect(span.high).toBeGreaterThan(8);
  });
  test("ticks are round", () => {
    expect(ticks({ low: 2, high: 7 })).toEqual([2, 4, 6]);
    expect(ticks({ low: 0, high: 1 })).toEqual([0, 0.25, 0.5, 0.75, 1]);
  });
});

describe("marks along time", () => {
  test("gaps stay to scale when there is room", () => expect(places([0, 100, 400], { low: 0, high: 400 }, 20)).toEqual([0, 100, 400]));
  test("two readings of one day stand apart and in order", () => {
    const at = places([0, 398, 400], { low: 0, high: 400 }, 40);
    expect(at).toEqual([0, 360, 400]);
  });
  test("too many marks are spread evenly", () => expect(places([0, 1, 2, 1000], { low: 0, high: 90 }, 40)).toEqual([0, 30, 60, 90]));
  test("one mark stands in the middle", () => expect(places([5], { low: 0, high: 10 }, 4)).toEqual([5]));
});

test("drift is told against the width of the normal range", () => {
  const range = { low: 3.5, high: 5.1 };
  expect(drift([4.4, 6.1], range)).toBe("rising");
  expect(drift([4.4, 4.5], range)).toBe("steady");
  expect(drift([4.4, 3.2], range)).toBe("falling");
  expect(drift([4.4], range)).toBe("steady");
});
test("the side of the range", () => {
  expect(side(6, { low: 3.5, high: 5.1 })).toBe("high");
  expect(side(3.5, { low: 3.5 })).toBe("in");
  expect(side(1, { low: 3.5 })).toBe("low");
});
