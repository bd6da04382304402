import { useState } from "preact/hooks";
import {
  beginSecondFactor,
  confirmSecondFactor,
  endSecondFactor,
  getSecondFactor,
  type NewSecondFactor,
  renewRecoveryCodes,
} from "../../../api/people";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { FormDialog } from "../../../design/dialog";
import { TextField } from "../../../design/field";
import { ErrorState, Loaded } from "../../../design/states";
import { useAction, useResource } from "../../../state/resource";
import { countOf } from "../../../text/format";
import { ForTheApp } from "./for-the-app";
import { RECOVERY_CODES, ShownOnce } from "./shown-once";

interface CodeDialogProps {
  title: string;
  verb: string;
  text: string;
  onClose: () => void;
  act: (code: string) => Promise<unknown>;
}

/** Asks for a code before something changes. */
function CodeDialog({ title, verb, text, onClose, act }: CodeDialogProps) {
  const [code, setCode] = useState("");
  const action = useAction(() => act(code).then(onClose));
  return (
    <FormDialog title={title} verb={verb} busy={action.busy} error={action.error} onClose={onClose} onSubmit={() => action.run()}>
      <p>{text}</p>
      <TextField label="Code of the app, or a recovery code" value={code} onInput={setCode} autocomplete="one-time-code" required autofocus maxLength={40} />
    </FormDialog>
  );
}

/** What the app needs, and the code that shows that it has it. */
function SetUp({ made, onDone, onClose }: { made: NewSecondFactor; onDone: (codes: string[]) => void; onClose: () => void }) {
  const [code, setCode] = useState("");
  const action = useAction(() => confirmSecondFactor(code).then(({ codes }) => onDone(codes)));
  return (
    <FormDialog title="Set up a second factor" verb="Switch on" busy={action.busy} error={action.error} onClose={onClose} onSubmit={() => action.run()}>
      <ForTheApp made={made} code={code} onCode={setCode} />
    </FormDialog>
  );
}

type Open = "renew" | "off" | null;

/** My second factor. */
export function TwoFactor() {
  const state = useResource((stop) => getSecondFactor(stop), []);
  const [made, setMade] = useState<NewSecondFactor | null>(null);
  const [open, setOpen] = useState<Open>(null);
  const [codes, setCodes] = useState<string[]>([]);
  const begin = useAction(() => beginSecondFactor().then(setMade));
  const close = () => setOpen(null);
  const show = (fresh: string[]) => {
    setCodes(fresh);
    setMade(null);
    state.reload();
  };
  return (
    <Card title="Second factor" text="The sign-in by password then asks for a code of an authenticator app as well.">
      <div class="stack">
        <Loaded of={state}>
          {({ is_on, recovery_codes }) =>
            is_on ? (
              <>
                <p>It is <b>on</b>. {countOf(recovery_codes, "recovery code")} left.</p>
                <div class="row">
                  <Button onClick={() => setOpen("renew")}>New recovery codes</Button>
                  <Button kind="danger" onClick={() => setOpen("off")}>Switch off</Button>
                </div>
              </>
            ) : (
              <div class="row"><Button busy={begin.busy} onClick={() => begin.run()}>Set up</Button></div>
            )
          }
        </Loaded>
        {begin.error && <ErrorState problem={begin.error} />}
        {codes.length > 0 && (
          <ShownOnce text={RECOVERY_CODES} secret={codes.join("\n")} />
        )}
      </div>
      {made && <SetUp made={made} onDone={show} onClose={() => setMade(null)} />}
      {open === "renew" && (
        <CodeDialog
          title="New recovery codes?"
          verb="Make new ones"
          text="Those you have are void then."
          onClose={close}
          act={(code) => renewRecoveryCodes(code).then((fresh) => show(fresh.codes))}
        />
      )}
      {open === "off" && (
        <CodeDialog
          title="Switch the second factor off?"
          verb="Switch off"
          text="Your password alone is enough then."
          onClose={close}
          act={(code) => endSecondFactor(code).then(() => show([]))}
        />
      )}
    </Card>
  );
}
