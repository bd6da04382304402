/** Roles in a dataset: their order and their words. Pure. */

export const ROLES = ["viewer", "captioner", "manager", "owner"] as const;
export type Role = (typeof ROLES)[number];

/** What each may do beyond the one before it. */
export const ROLE_WORDS: Record<Role, string> = {
  viewer: "look, search, download",
  captioner: "and caption, flag, review",
  manager: "and add and delete images, edit in bulk, run jobs",
  owner: "and give roles, delete the dataset",
};

/** Whether a role may do what another one may; null or undefined: none. */
export const covers = (role: Role | null | undefined, needed: Role): boolean => !!role && ROLES.indexOf(role) >= ROLES.indexOf(needed);

/** Why somebody may not; "" when he may, or while it is not known what he is. */
export function whyNot(role: Role | null | undefined, needed: Role): string {
  if (!role || covers(role, needed)) return "";
  return `This needs a${needed === "owner" ? "n" : ""} ${needed} of the dataset; you are a ${role}. An owner gives roles, under People.`;
}

/** What a token may be for, in the words of the form that makes it. */
export const SCOPE_WORDS = {
  metrics: "metrics: read /metrics, nothing else",
  read: "read: look, search, download",
  caption: "caption: and save captions",
  train: "train: and upload, edit in bulk, run jobs",
  admin: "admin: all that you may do",
};
export type Scope = keyof typeof SCOPE_WORDS;
