import { LogOut } from "lucide-preact";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Choices } from "../../../design/field";
import { PageHead } from "../../../design/page-head";
import { outbox } from "../../../state/captions/outbox-sender";
import { isAdmin, myName, signOut } from "../../../state/people/session";
import { setTheme, theme, type Theme } from "../../../state/theme";
import { useTitle } from "../../../state/title";
import { countOf } from "../../../text/format";
import { KeyTable, ResetKeys } from "../../captions/caption/keys/key-table";
import { Identities } from "./identities";
import { SecondFactorsOfOthers } from "./second-factors-of-others";
import { Tokens } from "./tokens";
import { TwoFactor } from "./two-factor";
import { Users } from "./users";
import "./settings.css";

const THEMES: { value: Theme; title: string; text: string }[] = [
  { value: "system", title: "System", text: "As the device has it." },
  { value: "light", title: "Light", text: "Dark on white." },
  { value: "dark", title: "Dark", text: "Light on black." },
];

function Account() {
  const waiting = outbox.value.length;
  return (
    <Card title="Account">
      <div class="row spread">
        <p>
          Signed in as <b>{myName()}</b>{isAdmin() ? ", an admin" : ""}.
          {waiting > 0 && ` ${countOf(waiting, "caption")} not yet sent; they stay in this browser.`}
        </p>
        <Button icon={LogOut} onClick={() => void signOut()}>Sign out</Button>
      </div>
    </Card>
  );
}

/** Looks, tokens, people, keys. */
export function SettingsPage() {
  useTitle("Settings");
  return (
    <>
      <PageHead title="Settings" />
      <div class="stack">
        <div class="columns">
          <Card title="Looks"><Choices legend="Theme" value={theme.value} choices={THEMES} onChange={setTheme} /></Card>
          <Account />
        </div>
        <div class="columns">
          <Tokens />
          {isAdmin() && <Users />}
        </div>
        <div class="columns">
          <div class="stack">
            <TwoFactor />
            {isAdmin() && <SecondFactorsOfOthers />}
          </div>
          <Identities />
        </div>
        <Card title="Keys" text="Of the captioning page, for you in this browser." beside={<ResetKeys />} id="keys">
          <KeyTable isEditable />
        </Card>
      </div>
    </>
  );
}
