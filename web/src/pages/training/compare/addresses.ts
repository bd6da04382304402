/** Addresses of comparisons. Pure. */

/** Runs side by side. */
export const runsPath = (ids: readonly string[]): string => `/compare?runs=${ids.map(encodeURIComponent).join(",")}`;

/** All runs of a sweep. */
export const groupPath = (id: string): string => `/compare?group=${encodeURIComponent(id)}`;

/** The ids of `?runs=`, each once, at most `most`. */
export const idsOf = (text: string | null, most: number): string[] => [...new Set((text ?? "").split(",").filter(Boolean))].slice(0, most);
