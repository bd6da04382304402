import { signal } from "@preact/signals";
import { X } from "lucide-preact";
import type { Tone } from "../text/words";
import { Button } from "./button";
import "./toast.css";

interface Toast {
  id: number;
  tone: Tone;
  text: string;
  href?: string;
}

const SHOWN_MS = 8000;
const toasts = signal<Toast[]>([]);
const spoken = signal("");
let nextId = 1;

function hide(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

/** Shows a sentence in the corner for eight seconds. */
export function toast(what: Omit<Toast, "id">): void {
  const id = nextId++;
  toasts.value = [...toasts.value.slice(-3), { ...what, id }];
  window.setTimeout(() => hide(id), SHOWN_MS);
}

/** Says a sentence to screen readers, without showing it. */
export function announce(text: string): void {
  spoken.value = spoken.value === text ? `${text}\u00a0` : text;
}

/** Where toasts are shown and sentences are said. Once a page. */
export function Toasts() {
  return (
    <>
      <p class="unseen" role="status" aria-live="polite">
        {spoken.value}
      </p>
      <div class="toasts">
        {toasts.value.map((one) => (
          <div key={one.id} class={`toast ${one.tone}`}>
            <div>{one.href ? <a href={one.href}>{one.text}</a> : one.text}</div>
            <Button kind="quiet" small icon={X} label="Dismiss" onClick={() => hide(one.id)} />
          </div>
        ))}
      </div>
    </>
  );
}
