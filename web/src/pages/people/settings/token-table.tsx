import { Trash2 } from "lucide-preact";
import type { ApiToken } from "../../../api/people";
import { Button } from "../../../design/button";
import { Table } from "../../../design/table";
import { Until, When } from "../../../design/when";

const COLUMNS = [{ title: "Token" }, { title: "For" }, { title: "Made" }, { title: "Ends" }, { title: "Last used" }, { title: "Actions", isUnseen: true }];

function Ends({ at }: { at: string | null }) {
  return at === null ? <>never</> : <Until at={at} />;
}

/** API tokens of somebody. */
export function TokenTable({ tokens, onDelete }: { tokens: ApiToken[]; onDelete: (token: ApiToken) => void }) {
  return (
    <Table name="API tokens" columns={COLUMNS}>
      {tokens.map((token) => (
        <tr key={token.id}>
          <th scope="row">{token.name}</th>
          <td>{token.scope}</td>
          <td><When at={token.created_at} /></td>
          <td><Ends at={token.expires_at} /></td>
          <td>{token.used_at ? <When at={token.used_at} /> : "never"}</td>
          <td class="right"><Button kind="quiet" small icon={Trash2} label={`Delete token ${token.name}`} onClick={() => onDelete(token)} /></td>
        </tr>
      ))}
    </Table>
  );
}
