import { useState } from "preact/hooks";
import { type FactorOf, listSecondFactors, resetSecondFactor } from "../../../api/people";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Confirm } from "../../../design/dialog";
import { Loaded } from "../../../design/states";
import { Table } from "../../../design/table";
import { When } from "../../../design/when";
import { useResource } from "../../../state/resource";

const COLUMNS = [{ title: "Name" }, { title: "Since" }, { title: "Actions", isUnseen: true }];

/** Who has a second factor; an administrator takes it from who has lost it. */
export function SecondFactors() {
  const factors = useResource((stop) => listSecondFactors(stop), []);
  const [lost, setLost] = useState<FactorOf | null>(null);
  return (
    <Card title="People with a second factor" text="Reset it for somebody who has lost the app and the recovery codes.">
      <Loaded of={factors}>
        {({ items }) =>
          items.length === 0 ? (
            <p class="muted">Nobody yet.</p>
          ) : (
            <Table name="People with a second factor" columns={COLUMNS}>
              {items.map((each) => (
                <tr key={each.user_id}>
                  <th scope="row">{each.name}</th>
                  <td><When at={each.confirmed_at} /></td>
                  <td class="right"><Button kind="quiet" small onClick={() => setLost(each)}>Reset</Button></td>
                </tr>
              ))}
            </Table>
          )
        }
      </Loaded>
      {lost !== null && (
        <Confirm
          title={`Reset the second factor of ${lost.name}?`}
          text="The password alone lets in then. Be sure that it is this person who asks."
          verb="Reset"
          onClose={() => setLost(null)}
          act={() => resetSecondFactor(lost.user_id).then(factors.reload)}
        />
      )}
    </Card>
  );
}
