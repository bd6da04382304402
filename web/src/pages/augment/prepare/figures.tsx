import { count } from "../../../text/format";

/** Figures with their names below. */
export function Figures({ of }: { of: [string, number | undefined][] }) {
  return (
    <div class="numbers">
      {of.map(([name, value]) => value !== undefined && (
        <div key={name}><b>{count(value)}</b><span>{name}</span></div>
      ))}
    </div>
  );
}
