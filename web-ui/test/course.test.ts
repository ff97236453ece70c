// The course of a message: its steps with the times that the box keeps.
import { describe, expect, it } from "vitest";
import type { InboxMessage, Moment } from "../src/api/types";
import { course } from "../src/screens/messages/course";

const received = "2026-02-03T09:00:00Z";

function message(state: string, moments: Moment[], more: object = {}): InboxMessage {
  return { row: { state }, received, answered: "AA", resources: [], course: moments, ...more } as unknown as InboxMessage;
}

const told = (one: InboxMessage) => course(one).map((step) => [step.what, step.at]);

describe("the course of a message", () => {
  it("tells when a person decided about a held one", () => {
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

  it("gives an answer that waited for the record its own time", () => {
    const moments: Moment[] = [{ what: "applied", at: "2026-02-03T09:00:02Z" }, { what: "answered", at: "2026-02-03T09:00:03Z" }];
    expect(told(message("applied", moments))[1]).toEqual(["answered", "2026-02-03T09:00:03Z"]);
  });

  it("leaves out a time that a row of an older program does not tell", () => {
    expect(told(message("held", [])).at(-1)).toEqual(["held", null]);
  });
});
