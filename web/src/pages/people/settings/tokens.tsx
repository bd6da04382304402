import { useState } from "preact/hooks";
import { type ApiToken, createToken, deleteToken, listTokens, type NewToken } from "../../../api/people";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Confirm } from "../../../design/dialog";
import { Select, TextField } from "../../../design/field";
import { ErrorState, Loaded } from "../../../design/states";
import { useAction, useResource } from "../../../state/resource";
import { type Scope, SCOPE_WORDS } from "../../../text/people/roles";
import { ShownOnce } from "./shown-once";
import { TokenTable } from "./token-table";

const SCOPES = Object.entries(SCOPE_WORDS).map(([value, label]) => ({ value, label }));
const LIVES = [
  { value: "30", label: "in 30 days" },
  { value: "90", label: "in 90 days" },
  { value: "365", label: "in a year" },
  { value: "", label: "never" },
];

function NewTokenForm({ onMade }: { onMade: (made: NewToken) => void }) {
  const [name, setName] = useState("");
  const [scope, setScope] = useState<string>("admin");
  const [days, setDays] = useState("90");
  const create = useAction(async () => {
    onMade(await createToken(name.trim(), scope as Scope, days === "" ? null : Number(days)));
    setName("");
  });
  return (
    <>
      <form
        class="inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          create.run();
        }}
      >
        <TextField label="Token name" value={name} onInput={setName} required maxLength={80} />
        <Select label="For" value={scope} options={SCOPES} onChange={setScope} />
        <Select label="Ends" value={days} options={LIVES} onChange={setDays} />
        <Button type="submit" busy={create.busy}>Create token</Button>
      </form>
      {create.error && <ErrorState problem={create.error} />}
    </>
  );
}

/** My API tokens. */
export function Tokens() {
  const tokens = useResource((stop) => listTokens(stop), []);
  const [made, setMade] = useState<NewToken | null>(null);
  const [leaving, setLeaving] = useState<ApiToken | null>(null);
  const take = (token: NewToken) => {
    setMade(token);
    tokens.reload();
  };
  return (
    <Card title="API tokens" text="For the command line and scripts. A token can do what you can do, and no more than what it is for.">
      <div class="stack">
        <NewTokenForm onMade={take} />
        {made && <ShownOnce text={`Token ${made.name}. It is shown this once: copy it now.`} secret={made.token} />}
        <Loaded of={tokens}>
          {({ items }) => items.length === 0
            ? <p class="muted">No token yet. The command line and notebooks sign in with one.</p>
            : <TokenTable tokens={items} onDelete={setLeaving} />}
        </Loaded>
      </div>
      {leaving && (
        <Confirm
          title={`Delete token ${leaving.name}?`}
          text="Whatever signs in with it is locked out at once."
          verb="Delete token"
          onClose={() => setLeaving(null)}
          act={() => deleteToken(leaving.id).then(tokens.reload)}
        />
      )}
    </Card>
  );
}
