import { LogOut } from "lucide-preact";
import type { Session } from "../../../api/people";
import { Button } from "../../../design/button";
import { Chip } from "../../../design/chip";
import { Table } from "../../../design/table";
import { When } from "../../../design/when";

const COLUMNS = [{ title: "Where" }, { title: "Address" }, { title: "Since" }, { title: "Last used" }, { title: "Actions", isUnseen: true }];

/** Where somebody is signed in. */
export function SessionTable({ sessions, onEnd }: { sessions: Session[]; onEnd: (session: Session) => void }) {
  if (sessions.length === 0) return <p class="muted">Signed in nowhere.</p>;
  return (
    <Table name="Sessions" columns={COLUMNS}>
      {sessions.map((session) => (
        <tr key={session.id}>
          <th scope="row">{session.device || "Unknown"} {session.is_current && <Chip accent>this one</Chip>}</th>
          <td>{session.address || "-"}</td>
          <td><When at={session.created_at} />{session.origin === "link" ? " by link" : ""}</td>
          <td>{session.used_at ? <When at={session.used_at} /> : "-"}</td>
          <td class="right">
            {!session.is_current && <Button kind="quiet" small icon={LogOut} label={`End the session on ${session.device || "an unknown device"}`} onClick={() => onEnd(session)} />}
          </td>
        </tr>
      ))}
    </Table>
  );
}
