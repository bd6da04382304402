import { LogOut, UserMinus, UserPlus, Users } from "lucide-preact";
import { useState } from "preact/hooks";
import { deleteMember, leaveDataset, listMembers, listUsers, type Member, type MemberList, putEveryone, putMember } from "../../../api/people";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Chip } from "../../../design/chip";
import { Confirm } from "../../../design/dialog";
import { Select } from "../../../design/field";
import { PageHead } from "../../../design/page-head";
import { EmptyState, ErrorState, Loaded } from "../../../design/states";
import { Table } from "../../../design/table";
import { When } from "../../../design/when";
import { go } from "../../../routing/router";
import { rememberDatasetName } from "../../../state/datasets/dataset-names";
import { useDataset } from "../../../state/datasets/live-datasets";
import { whyICannot } from "../../../state/people/roles";
import { myName } from "../../../state/people/session";
import { type Resource, useAction, useResource } from "../../../state/resource";
import { useTitle } from "../../../state/title";
import { ROLE_WORDS, type Role, ROLES } from "../../../text/people/roles";
import "../settings/settings.css";
import { GroupRoles } from "./group-roles";
import "./members.css";

const CHOICES = ROLES.map((role) => ({ value: role, label: `${role}: ${ROLE_WORDS[role]}` }));
const SHORT = ROLES.map((role) => ({ value: role, label: role }));
const FOR_ALL = [{ value: "", label: "nobody: it is seen only by the people below" }, ...CHOICES.filter(({ value }) => value !== "owner")];

interface PartProps {
  id: string;
  members: Resource<MemberList>;
}

function Everyone({ id, members }: PartProps) {
  const now = members.data?.everyone ?? null;
  const change = useAction(async (role: string) => members.set(await putEveryone(id, (role || null) as Role | null)));
  const why = whyICannot(id, "owner");
  return (
    <Card title="Everybody else" text="What each member of this service is here without being added. Administrators are owners everywhere.">
      <Select label="Role of everybody" value={now ?? ""} options={FOR_ALL} disabled={why !== "" || change.busy} hint={why ? "An owner changes this." : undefined} onChange={(role) => change.run(role)} />
      {change.error && <ErrorState problem={change.error} />}
    </Card>
  );
}

function Add({ id, members }: PartProps) {
  const people = useResource((stop) => listUsers(stop), []);
  const [name, setName] = useState("");
  const [role, setRole] = useState<string>("captioner");
  const added = new Set((members.data?.items ?? []).map((one) => one.name));
  const others = (people.data?.items ?? []).filter((one) => !added.has(one.name) && !one.disabled).map((one) => ({ value: one.name, label: one.name }));
  const add = useAction(async () => {
    members.set(await putMember(id, name, role as Role));
    setName("");
  });
  return (
    <Card title="Add somebody">
      <form
        class="inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (name) add.run();
        }}
      >
        <Select label="Person" value={name} options={[{ value: "", label: others.length > 0 ? "Choose" : "Everybody is here" }, ...others]} onChange={setName} />
        <Select label="Role" value={role} options={CHOICES} onChange={setRole} />
        <Button type="submit" icon={UserPlus} busy={add.busy} disabled={name === ""}>Add</Button>
      </form>
      {add.error && <ErrorState problem={add.error} />}
    </Card>
  );
}

function MemberRow({ id, one, members, mayChange, onTake }: PartProps & { one: Member; mayChange: boolean; onTake: (one: Member) => void }) {
  const change = useAction(async (role: string) => members.set(await putMember(id, one.name, role as Role)));
  return (
    <tr>
      <th scope="row">{one.name} {one.name === myName() && <Chip accent>you</Chip>}</th>
      <td>
        {mayChange ? <Select label={`Role of ${one.name}`} hideLabel value={one.role} options={SHORT} disabled={change.busy} onChange={(role) => change.run(role)} error={change.error?.message} /> : one.role}
      </td>
      <td>{one.added_by}, <When at={one.added_at} /></td>
      <td class="right">
        {one.name === myName()
          ? <Button kind="quiet" small icon={LogOut} label="Leave this dataset" onClick={() => onTake(one)} />
          : mayChange && <Button kind="quiet" small icon={UserMinus} label={`Take ${one.name} out`} onClick={() => onTake(one)} />}
      </td>
    </tr>
  );
}

function Leaving({ id, one, members, onClose }: PartProps & { one: Member; onClose: () => void }) {
  const isMe = one.name === myName();
  const take = async () => {
    if (!isMe) return members.set(await deleteMember(id, one.name));
    await leaveDataset(id);
    return members.data?.everyone ? members.reload() : go("/");
  };
  const rest = members.data?.everyone ? `What remains is what everybody is here: ${members.data.everyone}.` : "The dataset is no longer seen then.";
  return <Confirm title={isMe ? "Leave this dataset?" : `Take ${one.name} out?`} text={`${rest} Captions stay.`} verb={isMe ? "Leave" : "Take out"} onClose={onClose} act={take} />;
}

/** Who is what in a dataset; owners add people and give roles. */
export function MembersPage({ id }: { id: string }) {
  const dataset = useDataset(id);
  if (dataset.data) rememberDatasetName(id, dataset.data.name);
  useTitle("People", dataset.data?.name);
  const members = useResource((stop) => listMembers(id, stop), [id]);
  const [leaving, setLeaving] = useState<Member | null>(null);
  const role = dataset.data?.role;
  const mayChange = role === "owner";
  const part = { id, members };
  return (
    <>
      <PageHead title="People" text={role ? `Who may do what here. You are ${role === "owner" ? "an" : "a"} ${role}.` : "Who may do what here."} />
      <div class="stack">
        <Loaded of={members}>
          {({ items }) => (
            <>
              <Everyone {...part} />
              {mayChange && <Add {...part} />}
              {items.length === 0 ? (
                <EmptyState icon={Users} title="Nobody was added" text="An owner adds people and gives each a role." />
              ) : (
                <Table name="People of the dataset" columns={[{ title: "Name" }, { title: "Role" }, { title: "Added by" }, { title: "Actions", isUnseen: true }]}>
                  {items.map((one) => <MemberRow key={one.name} {...part} one={one} mayChange={mayChange} onTake={setLeaving} />)}
                </Table>
              )}
            </>
          )}
        </Loaded>
        {dataset.data && <GroupRoles dataset={dataset.data} />}
      </div>
      {leaving && <Leaving {...part} one={leaving} onClose={() => setLeaving(null)} />}
    </>
  );
}
