import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";
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

/** The number that was chosen, and on hover or focus why; Escape takes the reason away. */
export function AutoChip({ shown, why, isOwn, onAuto }: AutoChipProps) {
  const id = useId();
  const [isHidden, setHidden] = useState(false);
  const show = () => setHidden(false);
  return (
    <span
      class={isHidden ? "auto-chip quiet" : "auto-chip"}
      onKeyDown={(event) => event.key === "Escape" && setHidden(true)}
      onMouseLeave={show}
      onBlur={show}
    >
      <button type="button" class={isOwn ? "off" : ""} aria-describedby={id} onClick={onAuto}>
        {isOwn ? "use auto" : `auto ${shown}`}
      </button>
      <span class="why" id={id} role="tooltip">
        {why}
      </span>
    </span>
  );
}
