// Where a form that is sent with something wrong in it takes the person: to the first field that says so.

/** Focuses the first wrong field of a form once the screen shows which are. */
export function toFirstWrong(form: string): void {
  queueMicrotask(() => document.querySelector<HTMLElement>(`#${form} :is([aria-invalid=true], [data-bad])`)?.focus());
}
