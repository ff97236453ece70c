// Addresses of the product. Pure: text in, a route out, and back. Addresses carry record ids and never a name.
export type Route =
  | { at: "home" }
  | { at: "patients" }
  | { at: "register" }
  | { at: "chart"; id: string; tab: string }
  | { at: "messages"; seq: string | null }
  | { at: "outbox"; seq: string | null }
  | { at: "users" }
  | { at: "box"; tab: BoxTab }
  | { at: "exchange"; tab: ExchangeTab; item?: string }
  | { at: "consultations"; id?: string }
  | { at: "prices" }
  | { at: "medicines" }
  | { at: "me" }
  | { at: "lost" };

export const CHART_TABS = ["now", "visits", "medicines", "files", "log"] as const;

export const EXCHANGE_TABS = ["query", "channels", "maps", "programs", "subscriptions", "jobs", "profiles", "codes", "parameters"] as const;
export type ExchangeTab = (typeof EXCHANGE_TABS)[number];

export const BOX_TABS = ["now", "trail", "tokens"] as const;
export type BoxTab = (typeof BOX_TABS)[number];

export function parse(path: string): Route {
  const parts = path.split("/").filter(Boolean).map(safeDecode);
  const [first, second, third] = parts;
  if (first === undefined) return { at: "home" };
  if (first === "patients") {
    if (second === undefined) return { at: "patients" };
    if (second === "new" && third === undefined) return { at: "register" };
    if (parts.length > 3) return { at: "lost" };
    const tab = third ?? "now";
    return (CHART_TABS as readonly string[]).includes(tab) ? { at: "chart", id: second, tab } : { at: "lost" };
  }
  if (first === "messages" && parts.length <= 2) return { at: "messages", seq: second ?? null };
  if (first === "outbox" && parts.length <= 2) return { at: "outbox", seq: second ?? null };
  if (first === "exchange" && parts.length <= 3) {
    const tab = EXCHANGE_TABS.find((one) => one === (second ?? "query"));
    if (!tab || (third !== undefined && tab !== "programs" && tab !== "subscriptions" && tab !== "channels" && tab !== "maps")) return { at: "lost" };
    return third === undefined ? { at: "exchange", tab } : { at: "exchange", tab, item: third };
  }
  if (first === "consultations" && parts.length === 2) return { at: "consultations", id: safeDecode(parts[1] ?? "") };
  if (first === "box" && parts.length <= 2) {
    const tab = BOX_TABS.find((one) => one === (second ?? "now"));
    return tab ? { at: "box", tab } : { at: "lost" };
  }
  if (parts.length > 1) return { at: "lost" };
  if (first === "users") return { at: "users" };
  if (first === "machines") return { at: "box", tab: "tokens" };
  if (first === "consultations") return { at: "consultations" };
  if (first === "prices") return { at: "prices" };
  if (first === "medicines") return { at: "medicines" };
  if (first === "me") return { at: "me" };
  return first === "setup" || first === "sign-in" ? { at: "home" } : { at: "lost" };
}

export function path(route: Route): string {
  switch (route.at) {
    case "home": return "/";
    case "patients": return "/patients";
    case "register": return "/patients/new";
    case "chart": return `/patients/${encodeURIComponent(route.id)}${route.tab === "now" ? "" : `/${route.tab}`}`;
    case "messages": return route.seq === null ? "/messages" : `/messages/${encodeURIComponent(route.seq)}`;
    case "outbox": return route.seq === null ? "/outbox" : `/outbox/${encodeURIComponent(route.seq)}`;
    case "users": return "/users";
    case "box": return route.tab === "now" ? "/box" : `/box/${route.tab}`;
    case "exchange": return route.tab === "query" ? "/exchange" : ["/exchange", route.tab, ...(route.item === undefined ? [] : [encodeURIComponent(route.item)])].join("/");
    case "consultations": return route.id === undefined ? "/consultations" : `/consultations/${encodeURIComponent(route.id)}`;
    case "prices": return "/prices";
    case "medicines": return "/medicines";
    case "me": return "/me";
    case "lost": return "/";
  }
}

function safeDecode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Addresses of patients: outside the frame of the clinic's own pages. */
export function isPortal(address: string): boolean {
  return address === "/join" || address === "/portal";
}
