/** Signing in, people and their API tokens. */
import { part, request, withSignal } from "./http";
import type { Me, NewTokenOut, NewUserOut, Person, SignedIn, TokenList, TokenOut, UserList } from "./schema";

export type { NewTokenOut as NewToken, Person as User, TokenOut as ApiToken } from "./schema";

export const getMe = () => request<Me>("GET", "/auth/me", { quiet401: true });
/** code: of a second factor, for those who have one. */
export const login = (username: string, password: string, code = "") =>
  request<SignedIn>("POST", "/auth/login", { json: { username, password, otp: code }, quiet401: true });
export const signInByLink = (token: string) =>
  request<SignedIn>("POST", "/auth/link", { json: { token }, quiet401: true });
export const logout = () => request<null>("POST", "/auth/logout", { quiet401: true });
export const listTokens = (signal?: AbortSignal) => request<TokenList>("GET", "/tokens", withSignal(signal));
export const createToken = (name: string) => request<NewTokenOut>("POST", "/tokens", { json: { name } });
export const deleteToken = (id: TokenOut["id"]) => request<null>("DELETE", `/tokens/${part(String(id))}`);
export const listUsers = (signal?: AbortSignal) => request<UserList>("GET", "/users", withSignal(signal));
export const createUser = (name: string, role: Person["role"]) =>
  request<NewUserOut>("POST", "/users", { json: { name, role } });
