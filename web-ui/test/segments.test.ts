import { describe, expect, test } from "vitest";
import type { InboxMessage } from "../src/api/types";
import { indent, jsonLines, resourceOf, under } from "../src/screens/messages/segments";

const json = `{
  "resourceType": "Observation",
  "code": {
    "coding": [
      {
        "code": "2823-3"
      },
      {
        "code": "K"
      }
    ],
    "text": "Potassium"
  },
  "valueQuantity": {
    "value": 6.30
  }
}`;

describe("lines of the stored JSON know where they stand", () => {
  const at = (text: string) => jsonLines(json).filter((l) => l.text.includes(text)).map((l) => l.pointer);
  test("members, also inside arrays", () => {
    expect(at('"resourceType"')).toEqual(["/resourceType"]);
    expect(at('"code": "')).toEqual(["/code/coding/0/code", "/code/coding/1/code"]);
    expect(at('"text"')).toEqual(["/code/text"]);
    expect(at('"value"')).toEqual(["/valueQuantity/value"]);
  });
  test("a link covers what stands inside it and nothing beside it", () => {
    expect(under("/valueQuantity/value", "/valueQuantity")).toBe(true);
    expect(under("/valueQuantity", "/valueQuantity")).toBe(true);
    expect(under("/valueQuantityX", "/valueQuantity")).toBe(false);
    expect(under(null, "/valueQuantity")).toBe(false);
  });
});

test("indenting keeps every digit and every string", () => {
  expect(indent('{"a":6.30,"b":"x, {y}: \\" z","c":[],"d":[1,{"e":null}]}')).toBe('{\n  "a": 6.30,\n  "b": "x, {y}: \\" z",\n  "c": [],\n  "d": [\n    1,\n    {\n      "e": null\n    }\n  ]\n}');
});

test("a segment leads to the resource that it mostly became", () => {
  const message = { resources: [{ type: "Patient", json: "{}", links: [{ pointer: "/name", segment: 1 }] }, { type: "Observation", json: "{}", links: [{ pointer: "/a", segment: 3 }, { pointer: "/b", segment: 3 }] }] } as unknown as InboxMessage;
  expect(resourceOf(message, 3)).toBe(1);
  expect(resourceOf(message, 1)).toBe(0);
  expect(resourceOf(message, 9)).toBe(-1);
});
