import { Trash2 } from "lucide-preact";
import { useState } from "preact/hooks";
import type { Dataset } from "../../../api/datasets";
import { getWays, type GroupList as Groups, type GroupRole, listGroupRoles, removeGroupRole, setGroupRole } from "../../../api/people";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Select, TextField } from "../../../design/field";
import { ErrorState, Loaded } from "../../../design/states";
import { Table } from "../../../design/table";
import { type Resource, useAction, useResource } from "../../../state/resource";
import { countOf } from "../../../text/format";

type Role = GroupRole["role"];
const ROLES: Role[] = ["viewer", "captioner", "manager"];
const OPTIONS = ROLES.map((role) => ({ value: role, label: role }));
const COLUMNS = [{ title: "Group" }, { title: "Role" }, { title: "People here" }, { title: "Actions", isUnseen: true }];
const roleOf = (value: string): Role => ROLES.find((role) => role === value) ?? "viewer";

function GroupTable({ dataset, groups }: { dataset: string; groups: Resource<Groups> }) {
  const change = useAction((act: Promise<Groups>) => act.then(groups.set));
  const items = groups.data?.items ?? [];
  if (items.length === 0) return <p class="muted">No group has a role here yet.</p>;
  return (
    <>
      <Table name="Groups" columns={COLUMNS}>
        {items.map(({ name, role, people }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>
              <Select label={`Role of ${name}`} hideLabel value={role} options={OPTIONS} onChange={(value) => change.run(setGroupRole(dataset, name, roleOf(value)))} />
            </td>
            <td>{countOf(people, "person", "people")}</td>
            <td class="right">
              <Button kind="quiet" small icon={Trash2} label={`Take the role of ${name} away`} onClick={() => change.run(removeGroupRole(dataset, name))} />
            </td>
          </tr>
        ))}
      </Table>
      {change.error && <ErrorState problem={change.error} />}
    </>
  );
}

function AddGroup({ dataset, groups }: { dataset: string; groups: Resource<Groups> }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("captioner");
  const add = useAction(async () => {
    groups.set(await setGroupRole(dataset, name.trim(), role));
    setName("");
  });
  return (
    <form
      class="inline-form"
      onSubmit={(event) => {
        event.preventDefault();
        add.run();
      }}
    >
      <TextField label="Group, as the provider names it" value={name} onInput={setName} required maxLength={200} />
      <Select label="Role" value={role} options={OPTIONS} onChange={(value) => setRole(roleOf(value))} />
      <Button type="submit" busy={add.busy}>Add group</Button>
      {add.error && <ErrorState problem={add.error} />}
    </form>
  );
}

/** What the provider's groups are in a dataset: for its owners, where there is a provider. */
export function GroupRoles({ dataset }: { dataset: Dataset }) {
  const isOwner = dataset.role === "owner";
  const ways = useResource((stop) => getWays(stop), [isOwner ? "ways" : null]);
  const provider = ways.data?.provider;
  const groups = useResource((stop) => listGroupRoles(dataset.id, stop), [provider ? dataset.id : null]);
  if (!provider) return null;
  return (
    <Card title={`Groups of ${provider.name}`} text="Everybody in a group has its role here. Who is in it is asked at each sign-in.">
      <div class="stack">
        <Loaded of={groups}>{() => <GroupTable dataset={dataset.id} groups={groups} />}</Loaded>
        <AddGroup dataset={dataset.id} groups={groups} />
      </div>
    </Card>
  );
}
