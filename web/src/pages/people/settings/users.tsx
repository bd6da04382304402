import { useState } from "preact/hooks";
import { createUser, listUsers, type User } from "../../../api/people";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Select, TextField } from "../../../design/field";
import { ErrorState, Loaded } from "../../../design/states";
import { Table } from "../../../design/table";
import { When } from "../../../design/when";
import { useAction, useResource } from "../../../state/resource";
import { ShownOnce } from "./shown-once";

const ROLES = [
  { value: "member", label: "member" },
  { value: "admin", label: "admin" },
];

/** Everybody who can sign in; an admin adds people. */
export function Users() {
  const users = useResource((stop) => listUsers(stop), []);
  const [name, setName] = useState("");
  const [role, setRole] = useState<User["role"]>("member");
  const [made, setMade] = useState<{ name: string; link: string } | null>(null);
  const add = useAction(async () => {
    const { user, link } = await createUser(name.trim(), role);
    setMade({ name: user.name, link });
    setName("");
    users.reload();
  });
  return (
    <Card title="People" text="A new person signs in with a link that works once.">
      <div class="stack">
        <form
          class="inline-form"
          onSubmit={(event) => {
            event.preventDefault();
            add.run();
          }}
        >
          <TextField label="User name" value={name} onInput={setName} required maxLength={64} />
          <Select label="Role" value={role} options={ROLES} onChange={(value) => setRole(value === "admin" ? "admin" : "member")} />
          <Button type="submit" busy={add.busy}>Add user</Button>
        </form>
        {add.error && <ErrorState problem={add.error} />}
        {made && <ShownOnce text={`Hand this link to ${made.name}. It works once.`} secret={made.link} />}
        <Loaded of={users}>
          {({ items }) => (
            <Table name="People" columns={[{ title: "Name" }, { title: "Role" }, { title: "Since" }]}>
              {items.map((user) => (
                <tr key={user.name}><th scope="row">{user.name}</th><td>{user.role}</td><td><When at={user.created_at} /></td></tr>
              ))}
            </Table>
          )}
        </Loaded>
      </div>
    </Card>
  );
}
