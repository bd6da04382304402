import { beforeEach, describe, expect, test, vi } from "vitest";

type Sessions = typeof import("../../src/state/people/session");
const ADA = { id: 1, name: "ada", role: "admin" };
const FIRST = { code: "second_factor_required", message: "ada needs a second factor here.", remedy: "Set it up." };
let asked: string[];
let sessions: Sessions;

/** Each address with what the service answers; all others are refused, as they are before the second factor. */
function serve(answers: Record<string, unknown>): void {
  vi.stubGlobal("fetch", (address: string) => {
    asked.push(address);
    const found = answers[address];
    return Promise.resolve(found === undefined ? Response.json(FIRST, { status: 403 }) : Response.json(found));
  });
}

beforeEach(async () => {
  asked = [];
  vi.resetModules();
  vi.stubGlobal("location", { pathname: "/", search: "", protocol: "http:" });
  vi.stubGlobal("document", { hidden: false, cookie: "", addEventListener: () => undefined });
  vi.stubGlobal("window", { setInterval: () => 0, setTimeout: () => 0 });
  sessions = await import("../../src/state/people/session");
});

describe("a second factor that is asked for", () => {
  test("is set up before anything else is fetched or heard", async () => {
    serve({ "/api/v1/auth/me": { user: ADA, former_names: [], needs_second_factor: true } });
    await sessions.askSession();
    expect(sessions.session.value).toEqual({ state: "set-up", user: ADA });
    expect(sessions.myName()).toBe("ada");
    expect(sessions.isAdmin()).toBe(false);
    expect(asked).toEqual(["/api/v1/auth/me"]);
  });

  test("is set up in a dashboard that was open when it began to be asked for", async () => {
    serve({});
    const { request } = await import("../../src/api/http");
    sessions.session.value = { state: "in", user: ADA as never };
    await expect(request("GET", "/datasets")).rejects.toMatchObject({ code: FIRST.code });
    expect(sessions.session.value).toEqual({ state: "set-up", user: ADA });
  });
});
