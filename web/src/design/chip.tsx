import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import "./chip.css";

/** A small fact. */
export function Chip({ children, accent, title }: { children: ComponentChildren; accent?: boolean; title?: string }) {
  return (
    <span class={accent ? "chip accent" : "chip"} title={title}>
      {children}
    </span>
  );
}

interface AutoChipProps {
  shown: string;
  why: string;
  /** The person set a value of their own: the chip then goes back to auto. */
  isOwn: boolean;
  onAuto: () => void;
}

/** The number that was chosen, and on hover or focus why. */
export function AutoChip({ shown, why, isOwn, onAuto }: AutoChipProps) {
  const id = useId();
  return (
    <span class="auto-chip">
      <button type="button" class={isOwn ? "off" : ""} aria-describedby={id} onClick={onAuto}>
        {isOwn ? "use auto" : `auto ${shown}`}
      </button>
      <span class="why" id={id} role="tooltip">
        {why}
      </span>
    </span>
  );
}
