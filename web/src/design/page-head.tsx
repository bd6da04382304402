import type { ComponentChildren } from "preact";
import "./page-head.css";

interface PageHeadProps {
  title: string;
  text?: ComponentChildren;
  children?: ComponentChildren;
}

/** The page's name, one sentence, and its actions. */
export function PageHead({ title, text, children }: PageHeadProps) {
  return (
    <div class="page-head">
      <div>
        <h1>{title}</h1>
        {text && <p>{text}</p>}
      </div>
      {children && <div class="row">{children}</div>}
    </div>
  );
}
