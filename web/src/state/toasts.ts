/** Sentences that are shown in the corner for a while, or said to screen readers only. */
import { signal } from "@preact/signals";
import type { Tone } from "../text/tone";

export interface ToastAction {
  verb: string;
  run: () => void;
}

export interface Toast {
  id: number;
  tone: Tone;
  text: string;
  href?: string;
  action?: ToastAction;
}

const SHOWN_MS = 8000;
const ACTION_SHOWN_MS = 20_000;
export const toasts = signal<Toast[]>([]);
/** What was said last to screen readers. */
export const spoken = signal("");
let nextId = 1;

/** Takes a sentence out of the corner. */
export function hideToast(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

/** Shows a sentence in the corner for eight seconds; with an action for twenty. */
export function toast(what: Omit<Toast, "id">): void {
  const id = nextId++;
  toasts.value = [...toasts.value.slice(-3), { ...what, id }];
  window.setTimeout(() => hideToast(id), what.action ? ACTION_SHOWN_MS : SHOWN_MS);
}

/** Says a sentence to screen readers, without showing it. */
export function announce(text: string): void {
  spoken.value = spoken.value === text ? `${text}\u00a0` : text;
}
