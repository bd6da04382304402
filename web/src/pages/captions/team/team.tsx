import { UsersRound } from "lucide-preact";
import { getTeam, type Team, type TeamMember } from "../../../api/captions";
import { DayBars } from "../../../charts/day-bars";
import { lastDays } from "../../../charts/days";
import { Button } from "../../../design/button";
import { Card } from "../../../design/card";
import { Progress } from "../../../design/progress";
import { EmptyState, Loaded } from "../../../design/states";
import { Table } from "../../../design/table";
import { When } from "../../../design/when";
import { datasetPath } from "../../../routing/routes";
import { datasetVersion } from "../../../state/datasets/live-datasets";
import { peopleIn } from "../../../state/people/presence";
import { myName } from "../../../state/people/session";
import { useResource } from "../../../state/resource";
import { useThrottled } from "../../../state/throttled-values";
import { count, percent } from "../../../text/format";
import { filterQuery } from "../../../text/images/image-filter";
import "./team.css";

const REFRESH_MS = 10_000;
const DAYS = 14;
const COLUMNS = [{ title: "Person" }, { title: "Captions", right: true }, { title: "Reviews", right: true }, { title: "Last" }];

function Bar({ name, part, whole, tone }: { name: string; part: number; whole: number; tone: "running" | "done" }) {
  const fraction = whole === 0 ? 0 : part / whole;
  return (
    <div class="team-bar">
      <span>{name}</span>
      <Progress value={fraction} label={`${name}: ${count(part)} of ${count(whole)}`} tone={tone} />
      <span class="num"><b>{percent(fraction)}</b> <span class="muted">{count(part)} of {count(whole)}</span></span>
    </div>
  );
}

function Today({ total, today }: { total: number; today: number }) {
  return <>{count(total)}{today > 0 && <small class="team-today">+{count(today)} today</small>}</>;
}

function MemberRow({ datasetId, person, isHere }: { datasetId: string; person: TeamMember; isHere: boolean }) {
  const by = person.name === myName() ? "me" : person.name;
  return (
    <tr>
      <th scope="row">
        <a href={datasetPath(datasetId, "images") + filterQuery({ by })} title={`Show the captions of ${person.name}`}>{person.name}</a>
        {isHere && <small class="team-here">here now</small>}
      </th>
      <td class="right num"><Today total={person.captions} today={person.today_captions} /></td>
      <td class="right num"><Today total={person.reviews} today={person.today_reviews} /></td>
      <td><When at={person.last_at} /></td>
    </tr>
  );
}

function Work({ datasetId, team }: { datasetId: string; team: Team }) {
  const here = new Set(peopleIn(datasetId).map((user) => user.name));
  const { images, captioned, reviewed } = team.counts;
  const toReview = captioned - reviewed;
  return (
    <div class="stack">
      <div class="team-bars">
        <Bar name="Captioned" part={captioned} whole={images} tone="running" />
        <Bar name="Reviewed" part={reviewed} whole={images} tone="done" />
      </div>
      <DayBars name={`The last ${DAYS} days`} days={lastDays(team.days, new Date(), DAYS)} />
      <div class="team-people">
        <Table name="People" columns={COLUMNS}>
          {team.people.map((person) => <MemberRow key={person.name} datasetId={datasetId} person={person} isHere={here.has(person.name)} />)}
        </Table>
      </div>
      {toReview > 0 && (
        <div class="row">
          <Button small href={`${datasetPath(datasetId, "caption")}${filterQuery({ status: "captioned", reviewed: false })}`}>Review captions</Button>
          <span class="muted num">{count(toReview)} wait for a second pair of eyes.</span>
        </div>
      )}
    </div>
  );
}

/** How far the team is, who did what, and how it went these days. */
export function TeamCard({ datasetId }: { datasetId: string }) {
  const team = useResource((stop) => getTeam(datasetId, DAYS, stop), [datasetId], useThrottled(datasetVersion(datasetId), REFRESH_MS));
  return (
    <Card title="Team">
      <Loaded of={team} datasetId={datasetId} heights={[40, 100, 80]}>
        {(data) =>
          data.people.length === 0 ? (
            <EmptyState icon={UsersRound} title="Nobody has captioned yet" text="Who captioned and reviewed how much is shown here, day by day.">
              <Button kind="primary" href={datasetPath(datasetId, "caption")}>Caption images</Button>
            </EmptyState>
          ) : (
            <Work datasetId={datasetId} team={data} />
          )
        }
      </Loaded>
    </Card>
  );
}
