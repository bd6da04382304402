import { KeyRound } from "lucide-preact";
import { useState } from "preact/hooks";
import { putPassword } from "../../../api/people";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { TextField } from "../../../design/field";
import { ErrorState, Notice } from "../../../design/states";
import { askMe, me, myName } from "../../../state/people/session";
import { useAction } from "../../../state/resource";
import { toast } from "../../../state/toasts";

const MIN = 10;

/** What to say of a password before it is sent; "" when nothing is wrong with it. */
function problemOf(password: string, again: string): string {
  if (password.length < MIN) return `At least ${MIN} characters: some words that belong together for nobody but you.`;
  return again !== "" && again !== password ? "The two are not the same." : "";
}

/** Sets or changes my password; my other sessions end. */
export function Password() {
  const known = me.value;
  const [current, setCurrent] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const problem = password ? problemOf(password, again) : "";
  const action = useAction(async () => {
    await putPassword(current, password);
    [setCurrent, setPassword, setAgain].forEach((clear) => clear(""));
    toast({ tone: "done", text: "Your password is set. You are signed out everywhere else." });
    await askMe();
  });
  if (!known) return null;
  return (
    <Card title="Password" text="Your other sessions end when it changes.">
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (!problem && again === password) action.run();
        }}
      >
        {!known.has_password && <Notice>You have no password yet. Once you sign out, only a new link of an administrator lets you in again.</Notice>}
        <input class="unseen" tabIndex={-1} aria-hidden autocomplete="username" value={myName()} readOnly />
        {known.needs_current && <TextField label="Current password" type="password" value={current} onInput={setCurrent} autocomplete="current-password" required />}
        <TextField label="New password" type="password" value={password} onInput={setPassword} autocomplete="new-password" required error={problem || undefined} />
        <TextField label="New password once more" type="password" value={again} onInput={setAgain} autocomplete="new-password" required />
        {action.error && <ErrorState problem={action.error} />}
        <div class="form-foot">
          <Button type="submit" icon={KeyRound} busy={action.busy}>{known.has_password ? "Change password" : "Set password"}</Button>
        </div>
      </form>
    </Card>
  );
}
