// Money as people read it. Pure: paise in, text out, and back.

/** Paise with the rupee sign in Indian grouping; whole rupees without decimals. */
export function rupees(paise: number): string {
  const whole = paise % 100 === 0;
  return new Intl.NumberFormat("en-IN", { style: "currency", currency: "INR", minimumFractionDigits: whole ? 0 : 2, maximumFractionDigits: 2 }).format(paise / 100);
}

/** What was typed as rupees, in paise; null when it is no amount. */
export function paiseOf(text: string): number | null {
  const plain = text.replace(/[₹,\s]/g, "");
  if (!/^\d{1,7}(\.\d{1,2})?$/.test(plain)) return null;
  const [whole = "0", part = ""] = plain.split(".");
  return Number(whole) * 100 + Number(part.padEnd(2, "0"));
}

/** Whether this can be the reference of a UPI payment. */
export function isReference(text: string): boolean {
  return /^\d{12}$/.test(text.trim());
}

/** A new name for a request, so that one that is sent twice counts once. */
export function requestKey(): string {
  return crypto.randomUUID();
}
