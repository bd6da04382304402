import { FileDown, ScrollText } from "lucide-preact";
import { useState } from "preact/hooks";
import { query } from "../../api/http";
import { type AuditFilter, auditFile, type AuditLine, readAudit } from "../../api/ops";
import { Button } from "../../design/button";
import { Select, TextField } from "../../design/field";
import { PageHead } from "../../design/page-head";
import { EmptyState, Loaded } from "../../design/states";
import { Table } from "../../design/table";
import { When } from "../../design/when";
import { datasetPath } from "../../routing/routes";
import { go, params } from "../../routing/router";
import { isAdmin } from "../../state/people/session";
import { useResource } from "../../state/resource";
import { useTitle } from "../../state/title";
import { countOf } from "../../text/format";
import { actWord, detailWords, targetWords, viaWord } from "../../text/audit-words";
import "./audit.css";

const COLUMNS = [{ title: "When" }, { title: "Who" }, { title: "Did" }, { title: "To what" }, { title: "From where" }];
const NAMES = ["actor", "act", "dataset_id", "since", "until"] as const;

function filterOf(given: URLSearchParams): AuditFilter {
  const [actor = "", act = "", dataset_id = "", since = "", until = ""] = NAMES.map((name) => given.get(name) ?? "");
  return { actor, act, dataset_id, since, until };
}

/** Whole days, as the person's clock has them: from the first one's beginning to the last one's end. */
function asMoments(filter: AuditFilter): AuditFilter {
  const start = (day: string, after: number) => {
    const moment = new Date(`${day}T00:00`);
    moment.setDate(moment.getDate() + after);
    return Number.isNaN(moment.getTime()) ? "" : moment.toISOString();
  };
  return { ...filter, since: start(filter.since, 0), until: start(filter.until, 1) };
}

function Line({ line }: { line: AuditLine }) {
  const details = detailWords(line.details);
  return (
    <tr>
      <td class="audit-when"><When at={line.at} /></td>
      <td>{line.actor || <span class="muted">nobody</span>}</td>
      <td><div class="audit-did"><span>{actWord(line.act)}</span>{details && <small>{details}</small>}</div></td>
      <td class="audit-to">
        <div class="audit-did">
          <span>{targetWords(line.target)}</span>
          {line.dataset_id && !line.target.endsWith(`dataset:${line.dataset_id}`) && <small>in <a href={datasetPath(line.dataset_id)}>{line.dataset_id}</a></small>}
        </div>
      </td>
      <td class="audit-from"><div class="audit-did"><span>{line.address}</span><small>{viaWord(line.via)}</small></div></td>
    </tr>
  );
}

interface FilterProps {
  filter: AuditFilter;
  acts: string[];
  onChange: (filter: AuditFilter) => void;
}

function Filter({ filter, acts, onChange }: FilterProps) {
  const set = (name: keyof AuditFilter) => (value: string) => onChange({ ...filter, [name]: value.trim() });
  const nouns = [...new Set(acts.map((act) => act.split(".")[0] ?? act))];
  const options = [
    { value: "", label: "Everything" },
    ...nouns.flatMap((noun) => acts.filter((act) => act.startsWith(`${noun}.`)).map((act) => ({ value: act, label: actWord(act), group: noun }))),
  ];
  return (
    <form class="audit-filter" role="search" onSubmit={(event) => event.preventDefault()}>
      <TextField label="Who" value={filter.actor} onInput={set("actor")} placeholder="anybody" maxLength={80} />
      <Select label="Did" value={filter.act} options={options} onChange={set("act")} />
      <TextField label="Dataset's id" value={filter.dataset_id} onInput={set("dataset_id")} placeholder="all" maxLength={80} />
      <TextField label="From" type="date" value={filter.since} onInput={set("since")} />
      <TextField label="To" type="date" value={filter.until} onInput={set("until")} />
    </form>
  );
}

/** Who did what to what, when and from where; with filters that stand in the address. */
export function AuditPage() {
  useTitle("Audit log");
  const filter = filterOf(params.value);
  const wanted = asMoments(filter);
  const key = JSON.stringify(filter);
  const [older, setOlder] = useState<{ key: string; cursors: string[] }>({ key, cursors: [] });
  const cursors = older.key === key ? older.cursors : [];
  const cursor = cursors.at(-1) ?? "";
  const page = useResource((stop) => readAudit(wanted, cursor, stop), [cursor, filter]);
  const [acts, setActs] = useState<string[]>([]);
  if (page.data && acts.length === 0) setActs(page.data.acts);
  const change = (next: AuditFilter) => go(`/audit${query({ ...next })}`, { replace: true });
  const kept = page.data?.kept_days;
  const scope = isAdmin() ? "Who did what, when and from where." : "What was done in the datasets that you own.";
  return (
    <>
      <PageHead title="Audit log" text={`${scope}${kept ? ` Kept for ${countOf(kept, "day")}.` : ""}`}>
        <Button icon={FileDown} href={auditFile(wanted, "csv")} download>Table</Button>
        <Button icon={FileDown} href={auditFile(wanted, "jsonl")} download>JSON lines</Button>
      </PageHead>
      <div class="stack">
        <Filter filter={filter} acts={acts} onChange={change} />
        <Loaded of={page} heights={[40, 40, 40, 40]}>
          {({ items, next_cursor }) => (
            <>
              {items.length === 0
                ? <EmptyState icon={ScrollText} title="Nothing fits" text="Deletions, stops, roles, invitations, exports and sign-ins are noted here." />
                : <Table name="Audit log" columns={COLUMNS}>{items.map((line) => <Line key={line.id} line={line} />)}</Table>}
              <div class="row">
                {cursors.length > 0 && <Button small onClick={() => setOlder({ key, cursors: cursors.slice(0, -1) })}>Newer</Button>}
                {next_cursor && <Button small onClick={() => setOlder({ key, cursors: [...cursors, next_cursor] })}>Older</Button>}
              </div>
            </>
          )}
        </Loaded>
      </div>
    </>
  );
}
