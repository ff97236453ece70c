import { expect, test } from "vitest";
import { pieces } from "../src/format/unbroken";

const whole = (text: string) => pieces(text).filter((p) => p.whole).map((p) => p.text);

test.each([
  ["ATORVASTATIN 10 mg 0-0-1, 90 days until 18-Aug-2026 10:40.", ["10 mg", "0-0-1", "18-Aug-2026 10:40"]],
  ["Potassium 6.1 mmol/L, SpO2 97 %, weight 68.4 kg", ["6.1 mmol/L", "97 %", "68.4 kg"]],
  ["आया 21-नवं-2026", ["21-नवं-2026"]],
  ["BP 152/94 mmHg", ["152/94 mmHg"]],
  ["5 girls came", []],
  ["BMI ▲ H 29.0 kg/m²", ["29 kg/m²"]],
  ["Pulse 84/min", ["84/min"]],
])("%s", (text, expected) => expect(whole(text)).toEqual(expected));
test("a flag of the box is a flag of the page", () => expect(pieces("BP ▲ HH 190/110 mmHg").map((p) => [p.flag ?? "", p.text])).toEqual([["", "BP "], ["HH", "190/110 mmHg"]]));
test("nothing of the sentence is lost", () => {
  const text = "1-0-1 with 5 mL until 02-Jan-2027.";
  expect(pieces(text).map((p) => p.text).join("")).toBe(text);
});
