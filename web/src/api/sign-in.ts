/** Ways to sign in besides a password: an OpenID provider, a second factor; and what a provider's groups are. */
import { part, query, request, withSignal } from "./http";
import type {
  Elsewhere,
  FactorList,
  GroupList,
  GroupOut,
  IdentityList,
  NewSecondFactor,
  RecoveryCodes,
  SecondFactorState,
  Ways,
} from "./schema";

export type { FactorOf, GroupList, GroupOut as GroupRole, IdentityOut as Identity, NewSecondFactor, Ways } from "./schema";

const OIDC = "/auth/oidc";
const FACTOR = "/auth/second-factor";
const codeOf = (code: string) => ({ json: { code: code.trim() } });

export const getWays = (signal?: AbortSignal) => request<Ways>("GET", "/auth/ways", withSignal(signal));
/** The address that begins a sign-in by the provider. */
export const providerSignIn = (next: string) => `/api/v1${OIDC}/start${query({ next })}`;
/** The address that ends the sign-in at the provider. */
export const providerSignOut = `/api/v1${OIDC}/sign-out`;
export const beginLink = () => request<Elsewhere>("POST", `${OIDC}/link`, { json: {} });
export const listIdentities = (signal?: AbortSignal) => request<IdentityList>("GET", "/auth/identities", withSignal(signal));
export const deleteIdentity = (id: number) => request<null>("DELETE", `/auth/identities/${part(String(id))}`);

export const getSecondFactor = (signal?: AbortSignal) => request<SecondFactorState>("GET", FACTOR, withSignal(signal));
export const beginSecondFactor = () => request<NewSecondFactor>("POST", FACTOR);
export const confirmSecondFactor = (code: string) => request<RecoveryCodes>("POST", `${FACTOR}/confirm`, codeOf(code));
export const renewRecoveryCodes = (code: string) => request<RecoveryCodes>("POST", `${FACTOR}/recovery-codes`, codeOf(code));
export const endSecondFactor = (code: string) => request<null>("POST", `${FACTOR}/off`, codeOf(code));
export const listSecondFactors = (signal?: AbortSignal) => request<FactorList>("GET", "/second-factors", withSignal(signal));
export const resetSecondFactor = (userId: number) => request<null>("DELETE", `/users/${part(String(userId))}/second-factor`);

const groupsOf = (dataset: string) => `/datasets/${part(dataset)}/groups`;
export const listGroupRoles = (dataset: string, signal?: AbortSignal) =>
  request<GroupList>("GET", groupsOf(dataset), withSignal(signal));
export const setGroupRole = (dataset: string, group: string, role: GroupOut["role"]) =>
  request<GroupList>("PUT", `${groupsOf(dataset)}/${part(group)}`, { json: { role } });
export const removeGroupRole = (dataset: string, group: string) =>
  request<GroupList>("DELETE", `${groupsOf(dataset)}/${part(group)}`);
