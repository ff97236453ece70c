// One toast at a time, only for what worked. Failures stay where they happened.
export interface Toast {
  text: string;
  undo?: () => void;
}
export const toasts = $state<{ now: Toast | null }>({ now: null });

export function toast(text: string, undo?: () => void): void {
  toasts.now = { text, undo };
}
