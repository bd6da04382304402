import { ago, exact } from "../text/format";

/** A time: relative, exact on hover. */
export function When({ at }: { at: string | null | undefined }) {
  if (!at) return <span class="muted">-</span>;
  return (
    <time dateTime={at} title={exact(at)}>
      {ago(at)}
    </time>
  );
}
