import { endOtherSessions, endSession, listSessions } from "../../../api/people";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { ErrorState, Loaded } from "../../../design/states";
import { useAction, useResource } from "../../../state/resource";
import { SessionTable } from "./session-table";

/** Where I am signed in. */
export function Sessions() {
  const sessions = useResource((stop) => listSessions(stop), []);
  const end = useAction((id: number) => endSession(id).then(sessions.reload));
  const endAll = useAction(() => endOtherSessions().then(sessions.reload));
  const areOthers = (sessions.data?.items ?? []).some((session) => !session.is_current);
  return (
    <Card title="Sessions" text="Where you are signed in. End what you do not know." beside={areOthers && <Button small busy={endAll.busy} onClick={() => endAll.run()}>End all others</Button>}>
      {(end.error ?? endAll.error) && <ErrorState problem={(end.error ?? endAll.error)!} />}
      <Loaded of={sessions}>{({ items }) => <SessionTable sessions={items} onEnd={(session) => end.run(session.id)} />}</Loaded>
    </Card>
  );
}
