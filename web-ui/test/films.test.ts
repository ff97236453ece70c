import { describe, expect, it } from "vitest";
import type { Recording } from "../src/api/types";
import { films, standing } from "../src/screens/room/films";

const one = (id: string, began: string, lastsMs: number, state: Recording["state"] = "whole"): Recording => ({
  id, began, lastsMs, state, person: { id: "p", name: id, part: "patient" }, operator: "Meera", bytes: 1, pictures: true, modes: [], lost: 0, deleted: null,
});

describe("recordings on one time", () => {
  it("stand where they began", () => {
    const shelf = films([one("b", "2026-11-20T10:00:03Z", 9_000), one("a", "2026-11-20T10:00:00Z", 10_000, "cut"), one("x", "2026-11-20T09:00:00Z", 5_000, "deleted")]);
    expect(shelf.films.map((film) => [film.id, film.from])).toEqual([["b", 3_000], ["a", 0]]);
    expect([shelf.lasts, shelf.began, shelf.cut]).toEqual([12_000, "2026-11-20T10:00:00Z", true]);
    const [b] = shelf.films;
    expect(b && [0, 3_000, 5_500, 12_000].map((at) => standing(b, at))).toEqual([
      { inside: false, seconds: 0 },
      { inside: true, seconds: 0 },
      { inside: true, seconds: 2.5 },
      { inside: false, seconds: 9 },
    ]);
  });

  it("are nothing when there is nothing to play", () => {
    expect(films([one("a", "2026-11-20T10:00:00Z", 0, "growing")])).toEqual({ films: [], began: "", lasts: 0, cut: false });
  });
});
