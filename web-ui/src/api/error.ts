// What can go wrong with a call, as the screens need to know it: the box could not be reached, or it refused and
// said why. Sentences come from the catalogue by code; the box's own message is the fallback.
import { lang, told, t } from "../text/index.svelte";

export class BoxLost extends Error {
  override readonly name = "BoxLost";
}

export class Refused extends Error {
  override readonly name = "Refused";
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field: string | null = null,
    readonly body: unknown = null,
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

/** The sentence a person reads for an error. */
export function sentence(error: unknown): string {
  if (error instanceof BoxLost) return t("error.boxLost");
  if (error instanceof Refused) {
    if (error.status === 429 && error.retryAfter) return t("error.throttled", { seconds: error.retryAfter });
    // The box's own words are English; another language gets the general sentence of the status instead.
    const general = error.status >= 500 && error.status !== 503 ? t("error.box") : told(`error.status${error.status}`, t("error.box"));
    return told(`error.${error.code}`, lang() === "en" && error.message !== "" && error.status < 500 ? error.message : general);
  }
  return t("error.box");
}
