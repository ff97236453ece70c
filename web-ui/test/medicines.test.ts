import { expect, test } from "vitest";
import type { OwnMedicine } from "../src/api/types";
import { changed, EMPTY, medicineOf, missing, readList, readPack, typedOf, words } from "../src/screens/medicines/medicines";

const tonic: OwnMedicine = { name: "tulsi tonic", abbreviations: ["tulsi", "tt"], class: "cough", forms: ["syp"], unit: "ml", ingredients: [], allergy: [], common: true, dosed: true };

test("words between commas", () => expect(words(" Tulsi ,tulsi,, T  T ")).toEqual(["tulsi", "t t"]));
test("what was written comes back as it was", () => expect(medicineOf(typedOf(tonic), tonic)).toEqual(tonic));
test("what is missing is named", () => {
  expect(missing(EMPTY)).toBe("name");
  expect(missing({ ...EMPTY, name: "a, b", what: "x" })).toBe("name");
  expect(missing({ ...EMPTY, name: "a" })).toBe("what");
  expect(missing({ ...EMPTY, name: "a", what: "x", forms: " , " })).toBe("forms");
  expect(missing({ ...EMPTY, name: "a", what: "x" })).toBeNull();
});
test("one medicine is new, changed, gone; classes stay", () => {
  const classes = [{ name: "herb", words: ["herb"], near: [] }];
  const one = changed({ medicines: [], classes }, null, tonic);
  expect(one).toEqual({ medicines: [tonic], classes });
  expect(changed(one, tonic, { ...tonic, name: "tulsi" }).medicines.map((each) => each.name)).toEqual(["tulsi"]);
  expect(changed(one, tonic, null).medicines).toEqual([]);
  expect(changed(null, null, tonic).medicines).toEqual([tonic]);
});
test("files of another kind are none", () => {
  expect(readList(JSON.stringify({ medicines: [tonic] }))).toEqual({ medicines: [tonic], classes: [] });
  for (const text of ["", "[]", "{}", "null", '{"medicines":1}']) expect(readList(text)).toBeNull();
  const pack = { version: "1", note: "", citations: [], entries: [] };
  expect(readPack(JSON.stringify(pack))).toEqual(pack);
  for (const text of ["x", "[]", '{"version":1}', '{"version":"1","citations":[]}']) expect(readPack(text)).toBeNull();
});
