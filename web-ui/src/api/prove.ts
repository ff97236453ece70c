// Some changes need a fresh proof of who is at the keyboard: the box answers 403 `proveAgain`. The password is then
// asked for once, here, whoever made the call, and the same request is sent once more. Without a proof, or when the
// box is still not content, the caller gets the refusal as it came. The page says how to ask (shell/ProveDialog).

/** Asks the person; true once the box has accepted the password, false when they closed the question. */
export type Prover = () => Promise<boolean>;

/** What the box answers, from its own addresses and, as an OperationOutcome, from those of FHIR. */
interface Refusal {
  error?: { code?: unknown };
  issue?: { details?: { coding?: { code?: unknown }[] } }[];
}

let prover: Prover | null = null;
let asking: Promise<boolean> | null = null;

/** From now on this is how a person is asked. Returns what takes it back. */
export function proveBy(ask: Prover): () => void {
  prover = ask;
  return () => {
    if (prover === ask) prover = null;
  };
}

/** Sends a request; when the box wants a proof first, gets it and sends the request once more. */
export async function withProof(request: Request, transmit: (request: Request) => Promise<Response>): Promise<Response> {
  if (request.method === "GET" || !prover) return transmit(request);
  const again = request.clone();
  const response = await transmit(request);
  if (!(await wantsProof(response))) return response;
  return (await askOnce()) ? transmit(again) : response;
}

async function wantsProof(response: Response): Promise<boolean> {
  if (response.status !== 403) return false;
  try {
    const body = (await response.clone().json()) as Refusal | null;
    return body?.error?.code === "proveAgain" || (body?.issue ?? []).some((issue) => (issue.details?.coding ?? []).some((coding) => coding.code === "proveAgain"));
  } catch {
    return false;
  }
}

/** Two calls that are refused together share one question. */
async function askOnce(): Promise<boolean> {
  if (!prover) return false;
  asking ??= prover().finally(() => (asking = null));
  return asking;
}
