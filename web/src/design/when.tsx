import { ago, exact, until } from "../text/format";

/** A time to come: in how many days, exact on hover. */
export function Until({ at }: { at: string }) {
  return <time dateTime={at} title={exact(at)}>{until(at)}</time>;
}

/** A time: relative, exact on hover. */
export function When({ at }: { at: string | null | undefined }) {
  if (!at) return <span class="muted">-</span>;
  return (
    <time dateTime={at} title={exact(at)}>
      {ago(at)}
    </time>
  );
}
