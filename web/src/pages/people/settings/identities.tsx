import { Link, Unlink } from "lucide-preact";
import { useState } from "preact/hooks";
import { beginLink, deleteIdentity, getWays, type Identity, listIdentities } from "../../../api/people";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Confirm } from "../../../design/dialog";
import { ErrorState, Loaded } from "../../../design/states";
import { Table } from "../../../design/table";
import { When } from "../../../design/when";
import { useAction, useResource } from "../../../state/resource";
import { ProviderProblem } from "../sign-in/provider";

const COLUMNS = [{ title: "Identity" }, { title: "Last sign-in" }, { title: "Actions", isUnseen: true }];

function IdentityTable({ identities, onUnlink }: { identities: Identity[]; onUnlink: (identity: Identity) => void }) {
  if (identities.length === 0) return <p class="muted">None yet. Link one, and you can sign in with it as well.</p>;
  return (
    <Table name="Identities" columns={COLUMNS}>
      {identities.map((each) => (
        <tr key={each.id}>
          <th scope="row" title={each.issuer}>{each.shown}</th>
          <td><When at={each.used_at} /></td>
          <td class="right"><Button kind="quiet" small icon={Unlink} label={`Unlink ${each.shown}`} onClick={() => onUnlink(each)} /></td>
        </tr>
      ))}
    </Table>
  );
}

/** Who I am at the OpenID provider; nothing where there is none. */
export function Identities() {
  const ways = useResource((stop) => getWays(stop), []);
  const identities = useResource((stop) => listIdentities(stop), []);
  const [leaving, setLeaving] = useState<Identity | null>(null);
  const link = useAction(() => beginLink().then(({ address }) => location.assign(address)));
  const provider = ways.data?.provider;
  if (!provider) return null;
  return (
    <Card title={`Sign-in with ${provider.name}`} text="Which identity there is yours here. Names and addresses decide nothing.">
      <div class="stack">
        {ways.data && <ProviderProblem ways={ways.data} />}
        <Loaded of={identities}>
          {({ items, groups }) => (
            <>
              <IdentityTable identities={items} onUnlink={setLeaving} />
              {groups.length > 0 && <p class="muted">Your groups at the last sign-in: {groups.join(", ")}.</p>}
            </>
          )}
        </Loaded>
        {link.error && <ErrorState problem={link.error} />}
        <div class="row"><Button icon={Link} busy={link.busy} onClick={() => link.run()}>Link an identity</Button></div>
      </div>
      {leaving && (
        <Confirm
          title={`Unlink ${leaving.shown}?`}
          text={`You then sign in here without it. Whoever signs in with it at ${provider.name} gets an account of its own.`}
          verb="Unlink"
          onClose={() => setLeaving(null)}
          act={() => deleteIdentity(leaving.id).then(identities.reload)}
        />
      )}
    </Card>
  );
}
