// Some changes need a fresh proof of who is at the keyboard. The work is tried; when the box asks for the proof, the
// password dialog opens, and the work is done again after it.
import { Refused } from "../api/error";

export const proof = $state<{ asked: { done: () => void; given: (why: unknown) => void } | null }>({ asked: null });

/** The person closed the dialog: nothing was done. */
export class NotProved extends Error {
  override readonly name = "NotProved";
}

export async function proved<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refused && error.code === "proveAgain")) throw error;
    await new Promise<void>((done, given) => (proof.asked = { done, given }));
    return work();
  }
}
