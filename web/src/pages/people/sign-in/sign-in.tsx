import { useEffect, useState } from "preact/hooks";
import type { ApiError } from "../../../api/http";
import { getWays, login, type SignedIn, signInByLink, type Ways } from "../../../api/people";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { TextField } from "../../../design/field";
import { ErrorState } from "../../../design/states";
import { go, params } from "../../../routing/router";
import { safeNext } from "../../../routing/routes";
import { askMe, enter, session } from "../../../state/people/session";
import { useAction, useResource } from "../../../state/resource";
import { toast } from "../../../state/toasts";
import { useTitle } from "../../../state/title";
import { ProviderButton, ProviderProblem, StillSignedInThere } from "./provider";
import "./sign-in.css";

/** While nobody has said otherwise. */
const BY_PASSWORD: Ways = { password: true, provider: null, problem: null };
const needsCode = (error: ApiError | undefined): boolean => error?.code === "second_factor_needed";

function comeIn(answer: SignedIn): void {
  enter(answer);
  go(safeNext(params.value.get("next")), { replace: true });
}

/** Says to whoever has come by link that it was the last time, unless there is a password. */
async function comeInByLink(answer: SignedIn): Promise<void> {
  comeIn(answer);
  const { has_password } = await askMe();
  if (!has_password) toast({ tone: "waiting", text: "You have no password yet. Set one in the settings; once you sign out, this link does not let you in again." });
}

function PasswordForm() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState<string | null>(null);
  const action = useAction(() => login(name.trim(), password, code?.trim()).then(comeIn));
  useEffect(() => {
    if (needsCode(action.error)) setCode((old) => old ?? "");
  }, [action.error]);
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        action.run();
      }}
    >
      <TextField label="User name" value={name} onInput={setName} autocomplete="username" required autofocus />
      <TextField label="Password" type="password" value={password} onInput={setPassword} autocomplete="current-password" required />
      {code !== null && (
        <TextField
          label="Code"
          hint="Of your authenticator app, or a recovery code."
          value={code}
          onInput={setCode}
          autocomplete="one-time-code"
          required
          autofocus
        />
      )}
      {action.error && !needsCode(action.error) && <ErrorState problem={{ ...action.error, message: action.error.message, code: "sign_in" }} />}
      <Button kind="primary" type="submit" busy={action.busy}>Sign in</Button>
    </form>
  );
}

function LinkSignIn({ token }: { token: string }) {
  const action = useAction(() => signInByLink(token).then(comeInByLink));
  useEffect(() => action.run(), [token]);
  if (!action.error) return <p role="status">Signing in with your link.</p>;
  return (
    <div class="stack">
      <ErrorState problem={{ code: "sign_in", message: action.error.message, remedy: action.error.remedy }} onRetry={() => action.run()} />
      <p class="muted">A link works once. Sign in with a password, or ask an administrator for a new link.</p>
      <PasswordForm />
    </div>
  );
}

/** All ways that there are. */
function SignInForms({ ways }: { ways: Ways }) {
  return (
    <div class="stack">
      <ProviderProblem ways={ways} />
      {ways.password && <PasswordForm />}
      <ProviderButton ways={ways} next={safeNext(params.value.get("next"))} />
    </div>
  );
}

/** Sign in with a password, by the provider, or with the one-time link's token. */
export function SignInPage() {
  useTitle("Sign in");
  const token = params.value.get("token");
  const ways = useResource((stop) => getWays(stop), []);
  const { why, isAtProvider } = session.value.state === "out" ? session.value : { why: "", isAtProvider: false };
  const known = ways.data ?? (ways.error ? BY_PASSWORD : undefined);
  return (
    <main class="signin">
      <div>
        <div class="mark">
          <img src="/favicon.svg" alt="" />
          <h1>CLIP Browser</h1>
        </div>
        {why && <p role="status">{why} What you typed and had not sent is kept.</p>}
        {known && isAtProvider && <StillSignedInThere ways={known} />}
        <Card>{token ? <LinkSignIn token={token} /> : known && <SignInForms ways={known} />}</Card>
        <p class="muted">The first sign-in link is printed where the service was started.</p>
      </div>
    </main>
  );
}
