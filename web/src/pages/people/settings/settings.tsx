import { LogOut, ScrollText, Users } from "lucide-preact";
import { useState } from "preact/hooks";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Confirm } from "../../../design/dialog";
import { Choices } from "../../../design/field";
import { PageHead } from "../../../design/page-head";
import { outbox } from "../../../state/captions/outbox-sender";
import { isAdmin, me, myName, signOut } from "../../../state/people/session";
import { setTheme, theme, type Theme } from "../../../state/theme";
import { useTitle } from "../../../state/title";
import { countOf } from "../../../text/format";
import { KeyTable, ResetKeys } from "../../captions/caption/keys/key-table";
import { Identities } from "./identities";
import { Password } from "./password";
import { Sessions } from "./sessions";
import { Tokens } from "./tokens";
import { TwoFactor } from "./two-factor";
import "./settings.css";

const THEMES: { value: Theme; title: string; text: string }[] = [
  { value: "system", title: "System", text: "As the device has it." },
  { value: "light", title: "Light", text: "Dark on white." },
  { value: "dark", title: "Dark", text: "Light on black." },
];

function SignOut() {
  const [isAsking, setAsking] = useState(false);
  const comesBack = me.value?.has_password !== false || me.value.origin === "oidc";
  const leave = () => (comesBack ? void signOut() : setAsking(true));
  return (
    <>
      <Button icon={LogOut} onClick={leave}>Sign out</Button>
      {isAsking && (
        <Confirm
          title="Sign out without a password?"
          text="You have no password. Once you are out, only a new link of an administrator lets you in again. Keep the session, and set a password below first."
          verb="Sign out"
          onClose={() => setAsking(false)}
          act={signOut}
        />
      )}
    </>
  );
}

function Account() {
  const waiting = outbox.value.length;
  return (
    <Card title="Account">
      <div class="stack small">
        <div class="row spread">
          <p>
            Signed in as <b>{myName()}</b>{isAdmin() ? ", an administrator" : ""}.
            {waiting > 0 && ` ${countOf(waiting, "caption")} not yet sent; they stay in this browser.`}
          </p>
          <SignOut />
        </div>
        {isAdmin()
          ? <div class="row"><Button small icon={Users} href="/people">People of this service</Button></div>
          : <p class="muted">An administrator can give you another name.</p>}
      </div>
    </Card>
  );
}

/** Account, password, sessions, tokens, looks, keys. */
export function SettingsPage() {
  useTitle("Settings");
  return (
    <>
      <PageHead title="Settings">
        <Button icon={ScrollText} href="/audit">Audit log</Button>
      </PageHead>
      <div class="stack">
        <div class="columns">
          <div class="stack">
            <Account />
            <Password />
          </div>
          <Card title="Looks"><Choices legend="Theme" value={theme.value} choices={THEMES} onChange={setTheme} /></Card>
        </div>
        <div class="columns">
          <TwoFactor />
          <Identities />
        </div>
        <Sessions />
        <Tokens />
        <Card title="Keys" text="Of the captioning page, for you in this browser." beside={<ResetKeys />} id="keys">
          <KeyTable isEditable />
        </Card>
      </div>
    </>
  );
}
