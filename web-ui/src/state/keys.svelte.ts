// Single keys and `g` + letter, only outside fields and dialogs, and only while the person has letters switched on.
// Nothing destructive hangs here.
import { prefs } from "./app.svelte";

type Action = () => void;
const actions = new Map<string, Action[]>();
let waiting: ReturnType<typeof setTimeout> | undefined;
let lead = "";

/** How long `g` waits for its letter, in milliseconds. */
const LEAD_MS = 1_500;

/** Binds a key (`/`, `?`, `n`, `g h`); the newest binding wins until its removal is called. */
export function bindKey(key: string, action: Action): () => void {
  const stack = actions.get(key) ?? [];
  stack.push(action);
  actions.set(key, stack);
  return () => {
    const at = stack.lastIndexOf(action);
    if (at >= 0) stack.splice(at, 1);
  };
}

function inField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || target.closest("input, textarea, select, [role=listbox], [data-typing]") !== null);
}

function run(key: string): boolean {
  const action = actions.get(key)?.at(-1);
  action?.();
  return action !== undefined;
}

export function startKeys(): void {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (inField(event.target) || document.querySelector("dialog[open]") !== null) return;
    const key = event.key;
    if (key.length !== 1 || key === " ") return;
    if (!prefs.letters && key !== "/" && key !== "?") return;
    if (lead !== "") {
      const whole = `${lead} ${key}`;
      lead = "";
      clearTimeout(waiting);
      if (run(whole)) event.preventDefault();
      return;
    }
    if (key === "g") {
      lead = "g";
      waiting = setTimeout(() => (lead = ""), LEAD_MS);
      return;
    }
    if (run(key)) event.preventDefault();
  });
}

/** Arrow keys and j/k move the focus along the rows of a list (elements with `data-row`). */
export function rows(list: HTMLElement): () => void {
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || (inField(event.target) && event.target !== list)) return;
    const letters = prefs.letters;
    const step = event.key === "ArrowDown" || (letters && event.key === "j") ? 1 : event.key === "ArrowUp" || (letters && event.key === "k") ? -1 : 0;
    if (step === 0) return;
    const all = [...list.querySelectorAll<HTMLElement>("[data-row]")];
    const at = all.findIndex((row) => row.contains(document.activeElement));
    const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
    if (next) {
      event.preventDefault();
      event.stopPropagation();
      next.focus();
    }
  };
  list.addEventListener("keydown", onKey);
  return () => list.removeEventListener("keydown", onKey);
}
