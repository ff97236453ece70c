import { describe, expect, it } from "vitest";
import { paiseOf, rupees } from "../src/screens/consultations/money";

describe("money", () => {
  it("reads and shows rupees in Indian grouping", () => {
    for (const [paise, text] of [[50_000, "₹500"], [50_005, "₹500.05"], [12_345_600, "₹1,23,456"], [0, "₹0"]] as const) {
      expect(rupees(paise).replace(/\s/g, "")).toBe(text);
      expect(paiseOf(rupees(paise))).toBe(paise);
    }
  });
  it("refuses what is no amount", () => {
    for (const text of ["", "abc", "-5", "5.005", "1e3", "99999999"]) expect(paiseOf(text)).toBeNull();
    expect(paiseOf(" 1,500.5 ")).toBe(150_050);
  });
});
