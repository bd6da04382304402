/** What was deleted and can be brought back. */
import { part, query, request, withSignal } from "./http";
import type { EmptiedOut, RestoredOut, TrashItem, TrashOut } from "./schema";

export type { RestoredOut as Restored, TrashItem, TrashOut as Trash } from "./schema";

export type TrashKind = TrashItem["kind"];
/** Something in the trash, by what it is and its key there. */
export type InTrash = Pick<TrashItem, "kind" | "key">;

const ROOMS = { dataset: "datasets", images: "images", model: "models" } as const;
const pathOf = ({ kind, key }: InTrash) => `/trash/${ROOMS[kind]}/${part(key)}`;

export const readTrash = (cursor?: string | null, signal?: AbortSignal) =>
  request<TrashOut>("GET", `/trash${query({ cursor, limit: 50 })}`, withSignal(signal));
export const restore = (what: InTrash) => request<RestoredOut>("POST", `${pathOf(what)}/restore`);
export const removeForGood = (what: InTrash) => request<null>("DELETE", pathOf(what));
export const emptyTrash = () => request<EmptiedOut>("DELETE", "/trash");
