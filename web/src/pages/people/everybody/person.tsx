import { Ban, CircleCheck, Link, LogOut, Pencil, UserMinus, UserRoundCog } from "lucide-preact";
import { useState } from "preact/hooks";
import { changePerson, endAllOf, endOneOf, getPerson, makeLink, type PersonDetail, removePerson, type User } from "../../../api/people";
import { Button } from "../../../design/button";
import { Confirm, Dialog, FormDialog } from "../../../design/dialog";
import { TextField } from "../../../design/field";
import { ErrorState, Loaded, Notice } from "../../../design/states";
import { useAction, useResource } from "../../../state/resource";
import { SessionTable } from "../settings/session-table";
import { ShownOnce } from "../settings/shown-once";
import { TokenTable } from "../settings/token-table";
import "../settings/settings.css";

type Open = "rename" | "remove" | "disable" | "end" | null;

function RenameDialog({ person, onClose, onChanged }: { person: User; onClose: () => void; onChanged: (now: PersonDetail) => void }) {
  const [name, setName] = useState(person.name);
  const action = useAction(() => changePerson(person.id, { name: name.trim() }).then(onChanged).then(onClose));
  return (
    <FormDialog title={`Rename ${person.name}`} verb="Rename" busy={action.busy} error={action.error} onClose={onClose} onSubmit={() => action.run()}>
      <TextField label="Name" value={name} onInput={setName} required autofocus maxLength={80} hint="Captions, jobs and models follow. Nobody else can take the name that is given up." />
    </FormDialog>
  );
}

function Actions({ of, onOpen, onChanged }: { of: PersonDetail; onOpen: (open: Open) => void; onChanged: (now: PersonDetail) => void }) {
  const { user } = of;
  const change = useAction((part: object) => changePerson(user.id, part).then(onChanged));
  const [link, setLink] = useState("");
  const renew = useAction(async () => setLink((await makeLink(user.id)).link));
  const problem = change.error ?? renew.error;
  return (
    <div class="stack small">
      <div class="row">
        <Button small icon={Link} disabled={user.disabled} busy={renew.busy} onClick={() => renew.run()}>New sign-in link</Button>
        <Button small icon={Pencil} onClick={() => onOpen("rename")}>Rename</Button>
        <Button small icon={UserRoundCog} busy={change.busy} onClick={() => change.run({ role: user.role === "admin" ? "member" : "admin" })}>
          {user.role === "admin" ? "Make a member" : "Make an administrator"}
        </Button>
        {user.disabled
          ? <Button small icon={CircleCheck} onClick={() => change.run({ disabled: false })}>Enable</Button>
          : <Button small icon={Ban} onClick={() => onOpen("disable")}>Disable</Button>}
        <Button small icon={LogOut} onClick={() => onOpen("end")}>End all sessions and tokens</Button>
        <Button small kind="danger" icon={UserMinus} onClick={() => onOpen("remove")}>Remove</Button>
      </div>
      {problem && <ErrorState problem={problem} />}
      {link && <ShownOnce text={`Hand this link to ${user.name}. It works once, for a day, and lets them set a password; links made before no longer work.`} secret={link} />}
    </div>
  );
}

interface PersonDialogProps {
  id: number;
  onClose: () => void;
  onChanged: () => void;
}

/** All about somebody, for administrators. */
export function PersonDialog({ id, onClose, onChanged }: PersonDialogProps) {
  const detail = useResource((stop) => getPerson(id, stop), [id]);
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  const take = (now: PersonDetail) => {
    detail.set(now);
    onChanged();
  };
  const user = detail.data?.user;
  if (user && open === "rename") return <RenameDialog person={user} onClose={close} onChanged={take} />;
  if (user && open === "disable") {
    return <Confirm title={`Disable ${user.name}?`} text="All sessions end at once, and no password, link or token lets anybody in as this person, until you enable the account again." verb="Disable" onClose={close} act={() => changePerson(id, { disabled: true }).then(take)} />;
  }
  if (user && open === "end") {
    return <Confirm title={`End all sessions and tokens of ${user.name}?`} text="The person signs in again with a password or a new link. Scripts need new tokens." verb="End all" onClose={close} act={() => endAllOf(id).then(detail.reload)} />;
  }
  if (user && open === "remove") {
    return <Confirm title={`Remove ${user.name}?`} text="For good: sessions, tokens and roles end. Captions, datasets and jobs stay under this name, which nobody else can take." verb="Remove" onClose={close} act={() => removePerson(id).then(onChanged).then(onClose)} />;
  }
  return (
    <Dialog title={user?.name ?? "Person"} onClose={onClose} wide>
      <Loaded of={detail}>
        {(of) => (
          <div class="stack">
            {of.user.disabled && <Notice>This account is disabled.</Notice>}
            <p class="muted">
              {of.user.role === "admin" ? "An administrator" : "A member"}, {of.has_password ? "with a password" : "without a password: comes by link only"}.
              {of.former_names.length > 0 && ` Was called ${of.former_names.join(", ")}.`}
            </p>
            <Actions of={of} onOpen={setOpen} onChanged={take} />
            <h3>Sessions</h3>
            <SessionTable sessions={of.sessions} onEnd={(session) => void endOneOf(id, session.id).then(detail.reload)} />
            {of.tokens.length > 0 && <h3>API tokens</h3>}
            {of.tokens.length > 0 && <TokenTable tokens={of.tokens} onDelete={(token) => void endOneOf(id, token.id).then(detail.reload)} />}
          </div>
        )}
      </Loaded>
    </Dialog>
  );
}
