/** What I am in each dataset, as far as it was told. */
import { signal } from "@preact/signals";
import { type Role, whyNot } from "../../text/people/roles";

const known = signal<ReadonlyMap<string, Role>>(new Map());

export function rememberRole(dataset: string, role: Role | null | undefined): void {
  if (role && known.value.get(dataset) !== role) known.value = new Map(known.value).set(dataset, role);
}

/** Why I may not do in a dataset what this role may; "" when I may. */
export const whyICannot = (dataset: string, needed: Role): string => whyNot(known.value.get(dataset), needed);

/** For a button: off, with the reason, for whoever has too low a role. */
export function needs(dataset: string, needed: Role): { disabled?: true; title?: string } {
  const why = whyICannot(dataset, needed);
  return why ? { disabled: true, title: why } : {};
}
