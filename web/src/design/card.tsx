import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import "./card.css";

interface CardProps {
  title?: string;
  /** One sentence below the title. */
  text?: ComponentChildren;
  beside?: ComponentChildren;
  id?: string;
  children: ComponentChildren;
}

/** A part of a page. */
export function Card({ title, text, beside, id, children }: CardProps) {
  const titleId = useId();
  return (
    <section class="card" id={id} aria-labelledby={title ? titleId : undefined}>
      {title && (
        <div class="card-head">
          <div>
            <h2 id={titleId}>{title}</h2>
            {text && <p>{text}</p>}
          </div>
          {beside}
        </div>
      )}
      {children}
    </section>
  );
}

/** Names and values below each other. */
export function Facts({ of }: { of: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {of.map(([name, value]) => [<dt key={name}>{name}</dt>, <dd key={`${name}-value`}>{value}</dd>])}
    </dl>
  );
}
