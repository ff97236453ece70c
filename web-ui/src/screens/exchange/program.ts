// The form of a program: what is wrong with it, and the terms that are sent. Pure.
import type { Checked, NewProgram } from "../../api/types";
import type { Key } from "../../text/index.svelte";
import { parts, scope } from "./scopes";

export const KINDS_OF_PROGRAM = ["public", "confidential", "backend"] as const;
export const CHECKS: readonly Checked[] = ["box", "structure", "invariants", "terminology", "profiles"];
type Kind = (typeof KINDS_OF_PROGRAM)[number];

export interface Draft {
  name: string;
  kind: Kind;
  /** One address a line. */
  redirects: string;
  scope: string;
  /** A JWK set as text; empty for none. */
  keys: string;
  contact: string;
  /** How far what it writes is checked. */
  checked: Checked;
}

export const addresses = (typed: string) => [...new Set(typed.split(/\s+/).filter(Boolean))];

function isAddress(text: string): boolean {
  try {
    const url = new URL(text);
    const here = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
    return (url.protocol === "https:" || (url.protocol === "http:" && here)) && url.username === "" && !text.includes("#");
  } catch {
    return false;
  }
}

/** The key set of a text: null when it is none, undefined when there is no text. */
export function keySet(text: string): { keys: unknown[] } | null | undefined {
  if (text.trim() === "") return undefined;
  try {
    const set = JSON.parse(text) as { keys?: unknown } | null;
    return set !== null && Array.isArray(set.keys) && set.keys.length > 0 ? (set as { keys: unknown[] }) : null;
  } catch {
    return null;
  }
}

/** Whether a key set holds the private half of a key. */
function isPrivate(set: { keys: unknown[] }): boolean {
  return set.keys.some((key) => typeof key === "object" && key !== null && ("d" in key || "k" in key));
}

/** The first fault of each field, as the key of its sentence. The box has the last word. */
export function faults(draft: Draft): Partial<Record<keyof Draft, Key>> {
  const out: Partial<Record<keyof Draft, Key>> = {};
  if (draft.name.trim() === "") out.name = "programs.bad.name";
  if (draft.kind !== "backend") {
    const all = addresses(draft.redirects);
    if (all.length === 0 || all.length > 10) out.redirects = "programs.bad.redirects";
    else if (!all.every(isAddress)) out.redirects = "programs.bad.address";
  }
  const set = draft.kind === "public" ? undefined : keySet(draft.keys);
  if (set === null || (set === undefined && draft.kind === "backend")) out.keys = "programs.bad.keys";
  else if (set && isPrivate(set)) out.keys = "programs.bad.private";
  const read = parts(draft.scope).map(scope).filter((one) => one !== null);
  if (parts(draft.scope).length === 0 || (draft.kind === "backend" && read.length === 0)) out.scope = "programs.bad.scope";
  else if (read.some((one) => (one.whose === "system") !== (draft.kind === "backend"))) out.scope = draft.kind === "backend" ? "programs.bad.system" : "programs.bad.person";
  return out;
}

/** What is sent. */
export function terms(draft: Draft): NewProgram {
  const set = draft.kind === "public" ? undefined : (keySet(draft.keys) ?? undefined);
  return {
    name: draft.name.trim(), kind: draft.kind, scope: parts(draft.scope).join(" "), validation: draft.checked, contact: draft.contact.trim(),
    redirectUris: draft.kind === "backend" ? [] : addresses(draft.redirects), ...(set ? { jwks: set as unknown as NewProgram["jwks"] } : {}),
  };
}
