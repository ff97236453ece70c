// Several people's recordings on one time: where each file stands at a moment of the whole.
import type { Recording } from "../../api/types";

export interface Film {
  id: string;
  name: string;
  pictures: boolean;
  /** Milliseconds of the whole at which it begins, and how many it plays. */
  from: number;
  lasts: number;
}

export interface Shelf {
  films: Film[];
  /** When the whole begins, and how many milliseconds it plays. */
  began: string;
  lasts: number;
  /** Some file was cut short. */
  cut: boolean;
}

/** The files that can be played, on one time. */
export function films(all: readonly Recording[]): Shelf {
  const plays = all.filter((one) => one.state === "whole" || one.state === "cut");
  const times = plays.map((one) => Date.parse(one.began));
  const first = Math.min(...times);
  const films = plays.map((one, i) => ({ id: one.id, name: one.person.name, pictures: one.pictures, from: (times[i] ?? first) - first, lasts: one.lastsMs }));
  return {
    films,
    began: plays[times.indexOf(first)]?.began ?? "",
    lasts: Math.max(0, ...films.map((film) => film.from + film.lasts)),
    cut: plays.some((one) => one.state === "cut"),
  };
}

/** Whether a file plays at this moment of the whole, and at which of its seconds. */
export function standing(film: Film, at: number): { inside: boolean; seconds: number } {
  const own = at - film.from;
  return { inside: own >= 0 && own < film.lasts, seconds: Math.min(Math.max(own, 0), film.lasts) / 1000 };
}
