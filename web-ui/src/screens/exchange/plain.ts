// A scope as a person reads it. The box says the same words on the page where somebody is asked for a consent.
import { t, told } from "../../text/index.svelte";
import { kindOf, parts, scope, verbs, WORDS, type Kind, type Scope } from "./scopes";

/** A phrase of the catalogue as the beginning of a line. */
const begin = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** `Laboratory results` */
export function kindText(kind: Kind): string {
  return begin(told(`scope.what.${kind}`, kind));
}

/** `Prescriptions`, or the type's own name. */
export function typeText(type: string): string {
  return begin(told(`scope.what.${type}`, type));
}

/** `Read laboratory results` */
export function doesText(one: Scope): string {
  const kind = kindOf(one) ?? one.type ?? "all";
  return told(`scope.does.${verbs(one)}`, one.text, { what: told(`scope.what.${kind}`, t("scope.what.other", { type: one.type ?? "" })) });
}

/** What a text lets a program do: sentences under whose records they are about, the words of the standard last. */
export interface Said {
  whose: string;
  says: string[];
}

export function said(text: string): Said[] {
  const out = new Map<string, string[]>();
  const add = (whose: string, says: string) => out.set(whose, [...(out.get(whose) ?? []), says]);
  const all = parts(text);
  for (const one of all.map(scope)) {
    if (!one) continue;
    const only = kindOf(one) === null ? one.restriction.map(([name, value]) => t("scope.only", { name, value })) : [];
    add(t(`programs.whose.${one.whose}`), [doesText(one), ...only].join(", "));
  }
  for (const one of all) if (!scope(one)) add(t("programs.besides"), (WORDS as readonly string[]).includes(one) ? told(`scope.word.${one}`, one) : one);
  return [...out].map(([whose, says]) => ({ whose: begin(whose), says }));
}

/** The first sentences in one line, for a list. */
export function brief(text: string): string {
  const all = parts(text).map(scope).flatMap((one) => (one ? [doesText(one)] : []));
  const shown = all.slice(0, 2).join("; ");
  return all.length > 2 ? t("programs.more", { says: shown, n: all.length - 2 }) : shown;
}
