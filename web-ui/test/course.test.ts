// The course of a message: its steps with the times that the box keeps.
import { describe, expect, test } from "vitest";
import type { InboxMessage, Moment } from "../src/api/types";
import { course } from "../src/screens/messages/course";

const received = "2026-02-03T09:00:00Z";

function message(state: string, moments: Moment[], more: object = {}): InboxMessage {
  return { row: { state }, received, answered: "AA", resources: [], course: moments, ...more } as unknown as InboxMessage;
}

const told = (one: InboxMessage) => course(one).map((step) => [step.what, step.at]);

describe("the course of a message", () => {
  test("tells when a person decided about a held one", () => {
    const moments: Moment[] = [
      { what: "held", at: "2026-02-03T09:00:01Z" },
      { what: "settled", at: "2026-02-03T10:30:00Z" },
      { what: "applied", at: "2026-02-03T10:30:00Z" },
    ];
    expect(told(message("applied", moments, { settled: { by: "Meera" } }))).toEqual([
      ["received", received],
      ["answered", received],
      ["settled", "2026-02-03T10:30:00Z"],
      ["applied", "2026-02-03T10:30:00Z"],
    ]);
    expect(told(message("held", moments.slice(0, 1))).at(-1)).toEqual(["held", "2026-02-03T09:00:01Z"]);
  });

  test("gives an answer that waited for the record its own time", () => {
    const moments: Moment[] = [{ what: "applied", at: "2026-02-03T09:00:02Z" }, { what: "answered", at: "2026-02-03T09:00:03Z" }];
    expect(told(message("applied", moments))[1]).toEqual(["answered", "2026-02-03T09:00:03Z"]);
  });

  test("leaves out a time that a row of an older program does not tell", () => {
    expect(told(message("held", [])).at(-1)).toEqual(["held", null]);
  });

  const steps = (over: object, state: string) => course(message(state, [], over)).map((step) => step.what);
  test("ends where it stands", () => {
    expect(steps({}, "received")).toEqual(["received", "answered", "reading"]);
    expect(steps({}, "held")).toEqual(["received", "answered", "held"]);
    expect(steps({ answered: "AE", error: { code: "101" } }, "refused")).toEqual(["received", "answered", "refused"]);
    expect(steps({ answered: null, settled: { by: "Dr Rao" } }, "dismissed")).toEqual(["received", "notAnswered", "settled", "dismissed"]);
    expect(steps({ answeredLater: { code: "AA", heard: false } }, "applied")).toEqual(["received", "answered", "applied", "laterUnheard"]);
  });
  test("takes the time of the newest record that was stored, and of no other", () => {
    const record = (at: string, version: number | null) => ({ version, json: `{"meta": {"lastUpdated": "${at}"}}` });
    const done = course(message("applied", [], { resources: [record("2026-11-22T10:00:02Z", 1), record("2026-11-22T10:00:01Z", 1), record("2026-11-22T11:00:00Z", null)] }));
    expect(done.at(-1)).toEqual({ what: "applied", at: "2026-11-22T10:00:02Z" });
    expect(course(message("applied", [])).at(-1)?.at).toBeNull();
  });
});
