// Microphones, cameras and the screen of this device, and what to say when there is none. Leaves the call to the room.
import type { Key } from "../../text/index.svelte";

export interface Choice {
  audio: string;
  video: string;
}
const KEPT = "cv.devices";

/** What was chosen on this device before; only ids that the browser made up for this address. */
export function kept(): Choice {
  try {
    const found = JSON.parse(localStorage.getItem(KEPT) ?? "{}") as Partial<Choice>;
    return { audio: typeof found.audio === "string" ? found.audio : "", video: typeof found.video === "string" ? found.video : "" };
  } catch {
    return { audio: "", video: "" };
  }
}

export function keep(choice: Choice): void {
  localStorage.setItem(KEPT, JSON.stringify(choice));
}

/** Sound as speech needs it, picture as a phone's line carries it. A chosen device that is gone is no obstacle. */
export function wanted(choice: Choice, video: boolean): MediaStreamConstraints {
  const device = (id: string) => (id ? { deviceId: { ideal: id } } : {});
  return {
    audio: { ...device(choice.audio), echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    video: video && { ...device(choice.video), width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 20, max: 30 } },
  };
}

/** Whether this page may use a camera at all. */
export function able(): boolean {
  return typeof navigator !== "undefined" && navigator.mediaDevices !== undefined;
}

/** The microphone, and the camera where it is wanted and there; `without` says that there is sound only. */
export async function open(choice: Choice, video: boolean): Promise<{ stream: MediaStream; without: boolean }> {
  try {
    return { stream: await navigator.mediaDevices.getUserMedia(wanted(choice, video)), without: false };
  } catch (problem) {
    // A camera that is missing or in use does not take the voice away; a person's "no" is asked about once only.
    if (!video || !(problem instanceof DOMException) || problem.name === "NotAllowedError") throw problem;
    return { stream: await navigator.mediaDevices.getUserMedia(wanted(choice, false)), without: true };
  }
}

/** The sentence for a device that cannot be used. */
export function reason(problem: unknown): Key {
  const name = problem instanceof DOMException ? problem.name : "";
  if (name === "NotAllowedError") return "room.device.refused";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "room.device.none";
  if (name === "NotReadableError" || name === "AbortError") return "room.device.busy";
  return "room.device.unknown";
}
