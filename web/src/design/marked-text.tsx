import { differences, sideOf } from "../text/captions/differences";
import "./marked-text.css";

interface MarkedProps {
  before: string;
  after: string;
  /** Whose text is shown: what the other one lacks is marked. "both": what is gone and what is new. */
  side: "before" | "after" | "both";
}

/** A text with its differences from another one: struck out what is gone, underlined what is new. */
export function MarkedText({ before, after, side }: MarkedProps) {
  const all = differences(before, after);
  const pieces = side === "both" ? all : sideOf(all, side);
  return (
    <p class="marked" dir="auto">
      {pieces.map(({ text, kind }, at) => {
        if (kind === "same") return <span key={at}>{text}</span>;
        return kind === "gone" && side === "both" ? <del key={at}>{text}</del> : <ins key={at} class={kind}>{text}</ins>;
      })}
    </p>
  );
}
