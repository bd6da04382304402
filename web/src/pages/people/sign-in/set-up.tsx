import { useEffect, useState } from "preact/hooks";
import { asApiError } from "../../../api/http";
import { beginSecondFactor, confirmSecondFactor, type NewSecondFactor } from "../../../api/people";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { ErrorState } from "../../../design/states";
import { askSession, myName, signOut } from "../../../state/people/session";
import { useAction } from "../../../state/resource";
import { useTitle } from "../../../state/title";
import { ForTheApp } from "../settings/for-the-app";
import { RECOVERY_CODES, ShownOnce } from "../settings/shown-once";
import "../settings/settings.css";
import "./sign-in.css";

/** The app, and a code of it. */
function Scan({ made, onDone }: { made: NewSecondFactor; onDone: (codes: string[]) => void }) {
  const [code, setCode] = useState("");
  const action = useAction(() => confirmSecondFactor(code).then(({ codes }) => onDone(codes)));
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        action.run();
      }}
    >
      <ForTheApp made={made} code={code} onCode={setCode} />
      {action.error && <ErrorState problem={action.error} />}
      <Button kind="primary" type="submit" busy={action.busy}>Switch on</Button>
    </form>
  );
}

/** The codes for the day on which the app is lost; then on to the dashboard. */
function Keep({ codes }: { codes: string[] }) {
  return (
    <div class="stack">
      <ShownOnce text={RECOVERY_CODES} secret={codes.join("\n")} />
      <Button kind="primary" onClick={() => void askSession()}>I have kept them</Button>
    </div>
  );
}

/** Another tab may have set one up meanwhile. */
async function askIfThereIsOne(thrown: unknown): Promise<void> {
  if (asApiError(thrown).status !== 409) throw thrown;
  await askSession();
}

/** Where somebody is led who has to have a second factor here and has none yet. */
export function SetUpPage() {
  useTitle("Set up a second factor");
  const [made, setMade] = useState<NewSecondFactor | null>(null);
  const [codes, setCodes] = useState<string[]>([]);
  const begin = useAction(() => beginSecondFactor().then(setMade, askIfThereIsOne));
  useEffect(() => begin.run(), []);
  return (
    <main class="signin">
      <div>
        <div class="mark">
          <img src="/favicon.svg" alt="" />
          <h1>A second factor</h1>
        </div>
        <p>
          Hello {myName()}. Whoever runs this service asks for a code of an authenticator app beside your password. Set it up now; you need
          any such app on your phone or computer.
        </p>
        <Card>
          {codes.length > 0 ? <Keep codes={codes} /> : made && <Scan made={made} onDone={setCodes} />}
          {begin.error && <ErrorState problem={begin.error} onRetry={() => begin.run()} />}
        </Card>
        {codes.length === 0 && <Button onClick={() => void signOut()}>Sign out</Button>}
      </div>
    </main>
  );
}
