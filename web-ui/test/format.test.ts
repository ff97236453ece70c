import { afterEach, describe, expect, test } from "vitest";
import { ageOn } from "../src/format/age";
import { civil, civilOf, clock, day, distance, inWords, sameDay, showCivil, stamp, time, useZone } from "../src/format/dates";
import { asNumber, clinicalNumber, phoneDigits, phoneText, rangeText, unitText, valueText } from "../src/format/numbers";

const words = { between: (a: string, b: string) => `${a} to ${b}`, below: (a: string) => `below ${a}`, above: (a: string) => `above ${a}` };

describe("dates", () => {
  test("a day is dd-Mmm-yyyy, never numbers only", () => {
    expect(day("2026-11-21", "en")).toBe("21-Nov-2026");
    expect(day("2026-11-21", "hi")).toBe("21-नवं-2026");
    expect(day("2026-03", "en")).toBe("Mar-2026");
    expect(day("2019", "en")).toBe("2019");
  });
  test("an instant has its day and 24-hour time", () => {
    const at = new Date(2026, 10, 21, 9, 5).toISOString();
    expect(stamp(at, "en")).toBe("21-Nov-2026 09:05");
  });
  test("what is no date is shown as it came", () => expect(day("soon", "en")).toBe("soon"));
  test("days that do not exist are not dates", () => {
    expect(civil("2026-02-29")).toBeNull();
    expect(civil("2024-02-29")).toEqual({ year: 2024, month: 2, day: 29 });
    expect(civil("2024-00")).toBeNull();
  });
  test("a partial date keeps its precision", () => expect(showCivil({ year: 2020, month: 0, day: 0 }, "en")).toBe("2020"));
  test("dates inside a text of the box are written out, other digits stay", () => {
    expect(inWords("born 1968-03-14, order 2291-04", "en")).toBe("born 14-Mar-1968, order 2291-04");
    expect(inWords(new Date(2026, 10, 21, 9, 15).toISOString(), "en")).toBe("21-Nov-2026 09:15");
    expect(inWords("2026-99-99", "en")).toBe("2026-99-99");
  });
  test("distance in the unit people use", () => {
    const now = new Date(2026, 10, 21, 12);
    expect(distance("2026-11-21", now)).toEqual({ unit: "today" });
    expect(distance("2026-11-16", now)).toEqual({ unit: "day", n: 5, past: true });
    expect(distance("2026-08-18", now)).toEqual({ unit: "month", n: 3, past: true });
    expect(distance("2025-11-14", now)).toEqual({ unit: "year", n: 1, past: true });
    expect(distance("2026-11-24", now)).toEqual({ unit: "day", n: 3, past: false });
  });
});

describe("the clinic's time zone", () => {
  afterEach(() => useZone(undefined));
  // 20:00 on the 21st in Greenwich: already the 22nd in India, still the 21st in New York.
  const at = "2026-11-21T20:00:07Z";
  test.each([
    ["Asia/Kolkata", "22-Nov-2026 01:30", "Sun 22-Nov-2026, 01:30"],
    ["America/New_York", "21-Nov-2026 15:00", "Sat 21-Nov-2026, 15:00"],
    ["UTC", "21-Nov-2026 20:00", "Sat 21-Nov-2026, 20:00"],
  ])("an instant in %s", (zone, stamped, clocked) => {
    useZone(zone);
    expect(stamp(at, "en")).toBe(stamped);
    expect(time(at, true)).toMatch(/:07$/);
    expect(clock(new Date(at), "en")).toBe(clocked);
    expect(inWords(`sent ${at}.`, "en")).toBe(`sent ${stamped}.`);
  });
  test("midnight is 00:00, and a plain day is nobody's instant", () => {
    useZone("Asia/Kolkata");
    expect(stamp("2026-11-21T18:30:00Z", "en")).toBe("22-Nov-2026 00:00");
    expect(stamp("2026-11-21", "en")).toBe("21-Nov-2026");
  });
  test("today and distance count the clinic's days", () => {
    useZone("Asia/Kolkata");
    const now = new Date(at);
    expect(civilOf(now)).toEqual({ year: 2026, month: 11, day: 22 });
    expect(sameDay("2026-11-21T18:29:59Z", now)).toBe(false);
    expect(sameDay("2026-11-21T18:30:00Z", now)).toBe(true);
    expect(distance("2026-11-22", now)).toEqual({ unit: "today" });
    expect(distance("2026-11-21T18:29:59Z", now)).toEqual({ unit: "day", n: 1, past: true });
  });
  test("a zone that the browser does not know leaves its own", () => {
    const own = stamp(at, "en");
    useZone("Mars/Olympus");
    expect(stamp(at, "en")).toBe(own);
  });
});

describe("age", () => {
  const on = { year: 2026, month: 11, day: 21 };
  test.each([
    ["1968-03-14", 58, "y", false],
    ["1968-11-22", 57, "y", false],
    ["1968-11-21", 58, "y", false],
    ["1968", 58, "y", true],
    ["1995-05", 31, "y", true],
    ["2024-12-01", 23, "m", false],
    ["2026-10-10", 6, "w", false],
    ["2026-11-15", 6, "d", false],
    ["2026-11-21", 0, "d", false],
  ])("%s is %d %s", (born, n, unit, about) => expect(ageOn(born, on)).toEqual({ n, unit, about }));
  test("nobody is born tomorrow", () => expect(ageOn("2026-12-21", on)).toBeNull());
});

describe("numbers on clinical screens", () => {
  test.each([[".5", "0.5"], ["5.0", "5"], ["6.10", "6.1"], ["007", "7"], [104000, "1,04,000"], ["436200.50", "4,36,200.5"], ["-2.0", "-2"], ["Negative", "Negative"], ["10^3", "10^3"]])("%s is shown as %s", (given, shown) => expect(clinicalNumber(given)).toBe(shown));
  test("limits are words, not signs", () => {
    expect(valueText("<0.010", words)).toBe("below 0.01");
    expect(valueText(">= 90", words)).toBe("above 90");
  });
  test.each([
    [{ low: 3.5, high: 5.1 }, "3.5 to 5.1"],
    [{ high: "100" }, "below 100"],
    [{ low: 40 }, "above 40"],
    [{ text: "70-100" }, "70 to 100"],
    [{ text: "<200" }, "below 200"],
    [{ text: "not seen" }, "not seen"],
    [null, ""],
  ])("range %j", (range, shown) => expect(rangeText(range, words)).toBe(shown));
  test("only plain numbers are drawn", () => {
    expect(asNumber("6.1")).toBe(6.1);
    expect(asNumber("<5")).toBeNull();
    expect(asNumber("")).toBeNull();
  });
  test("units are written out", () => {
    expect(unitText("ug/L")).toBe("mcg/L");
    expect(unitText("µg/mg")).toBe("mcg/mg");
    expect(unitText("mm[Hg]")).toBe("mmHg");
    expect(unitText("10*3/uL")).toBe("10³/µL");
    expect(unitText("unheard/of")).toBe("unheard/of");
  });
  test("phones are five and five", () => {
    expect(phoneText("7000041207")).toBe("70000 41207");
    expect(phoneText("+91 70000-41207")).toBe("70000 41207");
    expect(phoneText("02425 22334")).toBe("02425 22334");
    expect(phoneDigits("०७०००-०४१२०७")).toBe("7000041207");
  });
});
