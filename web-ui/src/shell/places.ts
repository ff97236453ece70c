// The places of the app bar, by what this session may do.
import type { Component } from "svelte";
import { alerts } from "../state/alerts.svelte";
import { may } from "../state/app.svelte";
import type { Key } from "../text/index.svelte";
import type { Route } from "../routes";
import { Exchange, Home, Inbox, Machine, People, Pill, Rupee, Staff, Stethoscope } from "../ui/icons";

export interface Place {
  route: Route;
  key: Key;
  letter: string;
  icon: Component<{ class?: string }>;
  covers: Route["at"][];
  /** How many things there need this role. */
  count?: number;
}

export function places(): Place[] {
  const open = alerts()?.alerts.filter((alert) => !alert.seen).length ?? 0;
  const all: (Place & { open: boolean })[] = [
    { route: { at: "home" }, key: "place.home", letter: "h", icon: Home, covers: ["home"], open: true },
    { route: { at: "patients" }, key: "place.patients", letter: "p", icon: People, covers: ["patients", "register", "chart"], open: may("demographics") },
    { route: { at: "consultations" }, key: "place.consultations", letter: "c", icon: Stethoscope, covers: ["consultations"], open: may("queue") && (may("visits") || may("invoices", "W")) },
    { route: { at: "messages", seq: null }, key: "place.messages", letter: "m", icon: Inbox, covers: ["messages", "outbox"], open: may("inbox") },
    { route: { at: "prices" }, key: "place.prices", letter: "r", icon: Rupee, covers: ["prices"], open: may("settings") },
    { route: { at: "medicines" }, key: "place.medicines", letter: "d", icon: Pill, covers: ["medicines"], open: may("settings") },
    { route: { at: "users" }, key: "place.users", letter: "u", icon: Staff, covers: ["users"], open: may("settings") },
    { route: { at: "box", tab: "now" }, key: "place.box", letter: "t", icon: Machine, covers: ["box"], open: may("settings") },
    { route: { at: "exchange", tab: open > 0 ? "channels" : "query" }, key: "place.exchange", letter: "x", icon: Exchange, covers: ["exchange"], count: open, open: may("settings") },
  ];
  return all.filter((place) => place.open);
}
