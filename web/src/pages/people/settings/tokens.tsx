import { Trash2 } from "lucide-preact";
import { useState } from "preact/hooks";
import { type ApiToken, createToken, deleteToken, listTokens, type NewToken } from "../../../api/people";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Confirm } from "../../../design/dialog";
import { TextField } from "../../../design/field";
import { ErrorState, Loaded } from "../../../design/states";
import { Table } from "../../../design/table";
import { When } from "../../../design/when";
import { useAction, useResource } from "../../../state/resource";
import { ShownOnce } from "./shown-once";

function TokenTable({ tokens, onDelete }: { tokens: ApiToken[]; onDelete: (token: ApiToken) => void }) {
  if (tokens.length === 0) return <p class="muted">No token yet. The command line and notebooks sign in with one.</p>;
  return (
    <Table name="API tokens" columns={[{ title: "Token" }, { title: "Made" }, { title: "Actions", isUnseen: true }]}>
      {tokens.map((token) => (
        <tr key={token.id}>
          <th scope="row">{token.name}</th>
          <td><When at={token.created_at} /></td>
          <td class="right"><Button kind="quiet" small icon={Trash2} label={`Delete token ${token.name}`} onClick={() => onDelete(token)} /></td>
        </tr>
      ))}
    </Table>
  );
}

/** My API tokens. */
export function Tokens() {
  const tokens = useResource((stop) => listTokens(stop), []);
  const [name, setName] = useState("");
  const [made, setMade] = useState<NewToken | null>(null);
  const [leaving, setLeaving] = useState<ApiToken | null>(null);
  const create = useAction(async () => {
    setMade(await createToken(name.trim()));
    setName("");
    tokens.reload();
  });
  return (
    <Card title="API tokens" text="For the command line and scripts. A token can do what you can do.">
      <div class="stack">
        <form
          class="inline-form"
          onSubmit={(event) => {
            event.preventDefault();
            create.run();
          }}
        >
          <TextField label="Token name" value={name} onInput={setName} required maxLength={100} />
          <Button type="submit" busy={create.busy}>Create token</Button>
        </form>
        {create.error && <ErrorState problem={create.error} />}
        {made && <ShownOnce text={`Token ${made.name}. It is shown this once: copy it now.`} secret={made.token} />}
        <Loaded of={tokens}>{({ items }) => <TokenTable tokens={items} onDelete={setLeaving} />}</Loaded>
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
