/** Signing in, people and their API tokens. */
import { part, request, withSignal } from "./http";
import type { Me, MemberList, MemberOut, NewLink, NewTokenOut, NewUserOut, Person, PersonChange, PersonDetail, SessionList, SignedIn, TokenList, TokenOut, UserList } from "./schema";

export type { Me, MemberList, MemberOut as Member, NewTokenOut as NewToken, Person as User, PersonDetail, SessionOut as Session, TokenOut as ApiToken } from "./schema";

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
