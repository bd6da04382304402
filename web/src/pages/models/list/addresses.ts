/** Addresses of the registry. Pure. */
import { query } from "../../../api/http";

/** A model's own view, an address that can be shared. */
export const modelPath = (id: string): string => `/models${query({ model: id })}`;

/** The list, with only the models that fit. */
export const modelsPath = (filter: { q?: string; tag?: string }): string => `/models${query(filter)}`;
