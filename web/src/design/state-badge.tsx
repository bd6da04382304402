import { Circle, CircleCheck, CircleX, Clock, LoaderCircle, type LucideIcon } from "lucide-preact";
import type { StateWord, Tone } from "../text/tone";
import "./state-badge.css";

const ICONS: Record<Tone, LucideIcon> = {
  idle: Circle,
  waiting: Clock,
  running: LoaderCircle,
  done: CircleCheck,
  failed: CircleX,
};

/** A state: always an icon and a word, in its colour. */
export function StateBadge({ state, filled }: { state: StateWord; filled?: boolean }) {
  const Icon = ICONS[state.tone];
  return (
    <span class={`state ${state.tone}${filled ? " filled" : ""}`}>
      <Icon size={14} aria-hidden class={state.tone === "running" ? "turning" : ""} />
      {state.word}
    </span>
  );
}
