/** The priorities of a queue as choices. Pure. */
import type { Option } from "../../../design/field";

const USUAL = 5;

/** Priorities that a person may give: all for who runs the service, else theirs and lower ones. 0 goes first. */
export const prioritiesFor = (isAdmin: boolean, now: number): Option[] =>
  Array.from({ length: 10 }, (_, value) => ({ value: String(value), label: `Priority ${value}` })).filter(
    ({ value }) => isAdmin || Number(value) === now || Number(value) >= Math.max(now, USUAL),
  );
