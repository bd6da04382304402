import { signal } from "@preact/signals";
import { X } from "lucide-preact";
import type { Tone } from "../text/words";
import { Button } from "./button";
import "./toast.css";

export interface ToastAction {
  verb: string;
  run: () => void;
}

interface Toast {
  id: number;
  tone: Tone;
  text: string;
  href?: string;
  action?: ToastAction;
}

const SHOWN_MS = 8000;
const ACTION_SHOWN_MS = 20_000;
const toasts = signal<Toast[]>([]);
const spoken = signal("");
let nextId = 1;

function hide(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

/** Shows a sentence in the corner for eight seconds; with an action for twenty. */
export function toast(what: Omit<Toast, "id">): void {
  const id = nextId++;
  toasts.value = [...toasts.value.slice(-3), { ...what, id }];
  window.setTimeout(() => hide(id), what.action ? ACTION_SHOWN_MS : SHOWN_MS);
}

/** Says a sentence to screen readers, without showing it. */
export function announce(text: string): void {
  spoken.value = spoken.value === text ? `${text}\u00a0` : text;
}

function Action({ of, onDone }: { of: ToastAction; onDone: () => void }) {
  const act = () => {
    onDone();
    of.run();
  };
  return <Button small onClick={act}>{of.verb}</Button>;
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
            {one.action && <Action of={one.action} onDone={() => hide(one.id)} />}
            <Button kind="quiet" small icon={X} label="Dismiss" onClick={() => hide(one.id)} />
          </div>
        ))}
      </div>
    </>
  );
}
