import { describe, expect, test } from "vitest";
import { readBirth } from "../src/format/birth";

const now = new Date(2026, 10, 21);

describe("what people type for a birth date or an age", () => {
  test.each([
    ["14/3/68", "1968-03-14", "day"],
    ["14-03-1968", "1968-03-14", "day"],
    ["14.3.1968", "1968-03-14", "day"],
    ["1968-03-14", "1968-03-14", "day"],
    ["14 mar 1968", "1968-03-14", "day"],
    ["14 March 68", "1968-03-14", "day"],
    ["14 मार्च 1968", "1968-03-14", "day"],
    ["१४/३/६८", "1968-03-14", "day"],
    ["mar 1968", "1968-03", "month"],
    ["3/1968", "1968-03", "month"],
    ["1968", "1968", "year"],
    ["29/2/2024", "2024-02-29", "day"],
    ["21/11/26", "2026-11-21", "day"],
    ["1/1/27", "1927-01-01", "day"],
  ])("%s is %s", (typed, date, precision) => {
    expect(readBirth(typed, now)).toMatchObject({ kind: "date", date, precision });
  });

  test.each([
    ["58y", 58, "years", 1968],
    ["58 years", 58, "years", 1968],
    ["58 वर्ष", 58, "years", 1968],
    ["५८ साल", 58, "years", 1968],
    ["7m", 7, "months", 2026],
    ["11 months", 11, "months", 2025],
    ["3w", 3, "weeks", 2026],
    ["2 सप्ताह", 2, "weeks", 2026],
    ["8 माह", 8, "months", 2026],
  ])("%s is %d %s", (typed, n, unit, about) => {
    expect(readBirth(typed, now)).toEqual({ kind: "age", n, unit, about });
  });

  test.each([
    ["31/2/1968", "noSuchDay"],
    ["29/2/2023", "noSuchDay"],
    ["0/5/1990", "noSuchDay"],
    ["14/13/1968", "noSuchDay"],
    ["22/11/2026", "future"],
    ["2027", "future"],
    ["1/1/1800", "tooOld"],
    ["126y", "tooOld"],
    ["58", "dayOrMonth"],
    ["14 foo 1968", "unclear"],
    ["yesterday", "unclear"],
    ["14/3", "unclear"],
  ])("%s is refused: %s", (typed, why) => {
    expect(readBirth(typed, now)).toEqual({ kind: "bad", why });
  });

  test("nothing typed is not an answer", () => {
    expect(readBirth("  ", now)).toBeNull();
  });
});
