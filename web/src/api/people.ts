/** Signing in, by password, link or provider; second factors; people, their tokens, roles and groups. */
import { part, query, request, withSignal } from "./http";
import type {
  Elsewhere,
  FactorList,
  GroupList,
  GroupOut,
  IdentityList,
  Me,
  MemberList,
  MemberOut,
  NewLink,
  NewSecondFactor,
  NewTokenOut,
  NewUserOut,
  Person,
  PersonChange,
  PersonDetail,
  RecoveryCodes,
  SecondFactorState,
  SessionList,
  SignedIn,
  TokenList,
  TokenOut,
  UserList,
  Ways,
} from "./schema";

export type {
  FactorOf,
  GroupList,
  GroupOut as GroupRole,
  IdentityOut as Identity,
  Me,
  MemberList,
  MemberOut as Member,
  NewSecondFactor,
  NewTokenOut as NewToken,
  Person as User,
  PersonDetail,
  SessionOut as Session,
  SignedIn,
  TokenOut as ApiToken,
  Ways,
} from "./schema";

export const getMe = () => request<Me>("GET", "/auth/me", { quiet401: true });
/** code: of a second factor, for those who have one. */
export const login = (username: string, password: string, code = "") =>
  request<SignedIn>("POST", "/auth/login", { json: { username, password, otp: code }, quiet401: true });
export const signInByLink = (token: string) =>
  request<SignedIn>("POST", "/auth/link", { json: { token }, quiet401: true });
export const logout = () => request<null>("POST", "/auth/logout", { quiet401: true });
export const listTokens = (signal?: AbortSignal) => request<TokenList>("GET", "/tokens", withSignal(signal));
export const createToken = (name: string, scope: TokenOut["scope"], days: number | null) =>
  request<NewTokenOut>("POST", "/tokens", { json: { name, scope, ...(days === null ? {} : { days }) } });
export const deleteToken = (id: TokenOut["id"]) => request<null>("DELETE", `/tokens/${part(String(id))}`);
export const listUsers = (signal?: AbortSignal) => request<UserList>("GET", "/users", withSignal(signal));
export const createUser = (name: string, role: Person["role"]) =>
  request<NewUserOut>("POST", "/users", { json: { name, role } });
export const putPassword = (current: string, password: string) =>
  request<null>("PUT", "/auth/password", { json: { password, ...(current ? { current } : {}) } });
export const listSessions = (signal?: AbortSignal) => request<SessionList>("GET", "/sessions", withSignal(signal));
export const endSession = (id: number) => request<null>("DELETE", `/sessions/${id}`);
export const endOtherSessions = () => request<null>("DELETE", "/sessions");
export const getPerson = (id: number, signal?: AbortSignal) => request<PersonDetail>("GET", `/users/${id}`, withSignal(signal));
export const changePerson = (id: number, change: Partial<PersonChange>) => request<PersonDetail>("PATCH", `/users/${id}`, { json: change });
export const removePerson = (id: number) => request<null>("DELETE", `/users/${id}`);
export const makeLink = (id: number) => request<NewLink>("POST", `/users/${id}/link`);
export const endAllOf = (id: number) => request<null>("DELETE", `/users/${id}/tokens`);
export const endOneOf = (id: number, token: number) => request<null>("DELETE", `/users/${id}/tokens/${token}`);
const members = (dataset: string) => `/datasets/${part(dataset)}`;
export const listMembers = (dataset: string, signal?: AbortSignal) =>
  request<MemberList>("GET", `${members(dataset)}/members`, withSignal(signal));
export const putMember = (dataset: string, name: string, role: MemberOut["role"]) =>
  request<MemberList>("PUT", `${members(dataset)}/members/${part(name)}`, { json: { role } });
export const deleteMember = (dataset: string, name: string) => request<MemberList>("DELETE", `${members(dataset)}/members/${part(name)}`);
export const leaveDataset = (dataset: string) => request<null>("POST", `${members(dataset)}/leave`);
export const putEveryone = (dataset: string, role: MemberList["everyone"]) =>
  request<MemberList>("PUT", `${members(dataset)}/everyone`, { json: { role } });

// -- a provider, a second factor, and what the provider's groups are

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
