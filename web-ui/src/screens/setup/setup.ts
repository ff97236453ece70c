// Small rules of the first run, apart from the page.

/** The one-time code that the box printed with its address: `#code=…`, `?code=…` or `/setup/…`. */
export function codeFromAddress(address: { hash: string; search: string; pathname: string }): string | null {
  const named = new URLSearchParams(address.hash.replace(/^#/, "")).get("code") ?? new URLSearchParams(address.search).get("code");
  if (named) return named;
  const bare = /^#([A-Za-z0-9-]{6,40})$/.exec(address.hash)?.[1] ?? /^\/setup\/([A-Za-z0-9-]{6,40})$/.exec(address.pathname)?.[1];
  return bare ?? null;
}

/** A sign-in name from a person's name: "Dr Meera Kulkarni" gives "meera.kulkarni". Empty when there is no Latin letter. */
export function usernameFrom(name: string): string {
  return name
    .normalize("NFD")
    .replace(/[\u0300-\u036f]/g, "")
    .toLowerCase()
    .replace(/^(dr|mr|mrs|ms)\.?\s+/, "")
    .replace(/[^a-z0-9]+/g, ".")
    .replace(/^\.+|\.+$/g, "")
    .slice(0, 32);
}

/** What a person typed of a group, as it stands on the paper: capitals, the hyphen in its place, look-alikes settled. */
export function groupTyped(text: string): string {
  const letters = text.toUpperCase().replace(/[^A-Z0-9]/g, "").replace(/O/g, "0").replace(/[IL]/g, "1");
  return letters.length > 4 ? `${letters.slice(0, 4)}-${letters.slice(4, 8)}` : letters;
}
