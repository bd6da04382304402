/** Signing in, people and their API tokens. */
import { type Page, part, request, withSignal } from "./http";

export interface User {
  name: string;
  role: "admin" | "member";
  created_at?: string;
}

export interface ApiToken {
  id: string | number;
  name: string;
  created_at: string;
  token?: string;
}

export const getMe = () => request<{ user: User }>("GET", "/auth/me", { quiet401: true });
export const login = (username: string, password: string) =>
  request<{ user: User }>("POST", "/auth/login", { json: { username, password }, quiet401: true });
export const signInByLink = (token: string) =>
  request<{ user: User }>("POST", "/auth/link", { json: { token }, quiet401: true });
export const logout = () => request<null>("POST", "/auth/logout", { quiet401: true });
export const listTokens = (signal?: AbortSignal) => request<Page<ApiToken>>("GET", "/tokens", withSignal(signal));
export const createToken = (name: string) => request<ApiToken>("POST", "/tokens", { json: { name } });
export const deleteToken = (id: ApiToken["id"]) => request<null>("DELETE", `/tokens/${part(String(id))}`);
export const listUsers = (signal?: AbortSignal) => request<Page<User>>("GET", "/users", withSignal(signal));
export const createUser = (name: string, role: User["role"]) =>
  request<{ user: User; link: string }>("POST", "/users", { json: { name, role } });
