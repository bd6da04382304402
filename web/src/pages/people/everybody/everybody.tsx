import { Settings2, UserPlus } from "lucide-preact";
import { useState } from "preact/hooks";
import { createUser, listUsers, type User } from "../../../api/people";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Chip } from "../../../design/chip";
import { Select, TextField } from "../../../design/field";
import { PageHead } from "../../../design/page-head";
import { ErrorState, Loaded } from "../../../design/states";
import { Table } from "../../../design/table";
import { When } from "../../../design/when";
import { isAdmin } from "../../../state/people/session";
import { useAction, useResource } from "../../../state/resource";
import { useTitle } from "../../../state/title";
import { ShownOnce } from "../settings/shown-once";
import { PersonDialog } from "./person";
import { SecondFactors } from "./second-factors";
import "../settings/settings.css";

const ROLES = [
  { value: "member", label: "member" },
  { value: "admin", label: "administrator" },
];

function Invite({ onMade }: { onMade: () => void }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<User["role"]>("member");
  const [made, setMade] = useState<{ name: string; link: string } | null>(null);
  const add = useAction(async () => {
    const { user, link } = await createUser(name.trim(), role);
    setMade({ name: user.name, link });
    setName("");
    onMade();
  });
  return (
    <Card title="Let somebody in" text="A new person signs in with a link that works once, and then sets a password.">
      <div class="stack">
        <form
          class="inline-form"
          onSubmit={(event) => {
            event.preventDefault();
            add.run();
          }}
        >
          <TextField label="User name" value={name} onInput={setName} required maxLength={80} />
          <Select label="Role" value={role} options={ROLES} onChange={(value) => setRole(value === "admin" ? "admin" : "member")} />
          <Button type="submit" icon={UserPlus} busy={add.busy}>Add user</Button>
        </form>
        {add.error && <ErrorState problem={add.error} />}
        {made && <ShownOnce text={`Hand this link to ${made.name}. It works once, for a day.`} secret={made.link} />}
      </div>
    </Card>
  );
}

/** Everybody who can sign in; administrators let in, rename, disable and remove. */
export function EverybodyPage() {
  useTitle("People");
  const users = useResource((stop) => listUsers(stop), []);
  const [open, setOpen] = useState<number | null>(null);
  const mayChange = isAdmin();
  return (
    <>
      <PageHead title="People" text="Everybody who can sign in. Who may do what in a dataset stands on its own page of people." />
      <div class="stack">
        {mayChange && <Invite onMade={users.reload} />}
        <Loaded of={users}>
          {({ items }) => (
            <Table name="People" columns={[{ title: "Name" }, { title: "Role" }, { title: "Since" }, ...(mayChange ? [{ title: "Actions", isUnseen: true }] : [])]}>
              {items.map((user) => (
                <tr key={user.id}>
                  <th scope="row">{user.name} {user.disabled && <Chip>disabled</Chip>}</th>
                  <td>{user.role === "admin" ? "administrator" : "member"}</td>
                  <td><When at={user.created_at} /></td>
                  {mayChange && <td class="right"><Button small icon={Settings2} onClick={() => setOpen(user.id)}>Manage<span class="unseen"> {user.name}</span></Button></td>}
                </tr>
              ))}
            </Table>
          )}
        </Loaded>
        {mayChange && <SecondFactors />}
      </div>
      {open !== null && <PersonDialog id={open} onClose={() => setOpen(null)} onChanged={users.reload} />}
    </>
  );
}
