import { whyICannot } from "../state/people/roles";
import type { Role } from "../text/people/roles";
import { Notice } from "./states";

/** Says at the head of a page that its work is for others here; nothing for whoever may do it. */
export function RoleNotice({ datasetId, needed }: { datasetId: string; needed: Role }) {
  const why = whyICannot(datasetId, needed);
  return why ? <Notice>{why}</Notice> : null;
}
