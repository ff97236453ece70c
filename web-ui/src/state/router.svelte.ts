// The current route, history moves, and one delegated click handler for links. What travels with a move but must
// not stand in an address (a typed name) goes in `carried`.
import { parse, path, type Route } from "../routes";

const here = $state<{ route: Route }>({ route: parse(location.pathname) });
let carried: unknown = null;
let pushed = 0;
const guards = new Set<() => boolean>();

export function route(): Route {
  return here.route;
}

/** Registers a question asked before the page is left (true lets go); returns its removal. */
export function guard(ask: () => boolean): () => void {
  guards.add(ask);
  return () => guards.delete(ask);
}

export function go(to: Route, options: { replace?: boolean; carry?: unknown } = {}): void {
  if (![...guards].every((ask) => ask())) return;
  carried = options.carry ?? null;
  const url = path(to);
  if (options.replace) history.replaceState(null, "", url);
  else if (url !== location.pathname) {
    history.pushState(null, "", url);
    pushed += 1;
  }
  here.route = to;
}

/** Takes what the last move carried; the second caller gets null. */
export function takeCarried(): unknown {
  const value = carried;
  carried = null;
  return value;
}

/** Back to the page before, when that was one of ours; otherwise to the given one. */
export function back(otherwise: Route): void {
  if (pushed > 0) history.back();
  else go(otherwise);
}

export function startRouter(): void {
  addEventListener("popstate", () => {
    pushed = Math.max(0, pushed - 1);
    here.route = parse(location.pathname);
  });
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (/^\/(api|fhir|health|ca\.)/.test(link.pathname) || link.hash) return;
    event.preventDefault();
    go(parse(link.pathname));
  });
}
