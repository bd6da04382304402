import { Flag, SlidersHorizontal, X } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Team } from "../../../api/captions";
import { Button } from "../../../design/button";
import { type Option, Select, TextField } from "../../../design/field";
import { Tabs } from "../../../design/tabs";
import { myName } from "../../../state/people/session";
import { CONTEXT_TOKENS } from "../../../text/captions/tokens";
import { count } from "../../../text/format";
import { filterQuery, type ImageFilter } from "../../../text/images/image-filter";
import "./filters.css";

const TYPING_MS = 250;
type Change = (change: { [Name in keyof ImageFilter]?: ImageFilter[Name] | undefined }) => void;

interface FiltersProps {
  filter: ImageFilter;
  team: Team | undefined;
  onChange: Change;
}

const numbered = (label: string, number: number | undefined) => (number === undefined ? label : `${label} ${count(number)}`);

function StatusTabs({ filter, team, onChange }: FiltersProps) {
  const counts = team?.counts;
  const tabs = [
    { value: "all", label: numbered("All", counts?.images) },
    { value: "captioned", label: numbered("Captioned", counts?.captioned) },
    { value: "uncaptioned", label: numbered("To do", counts && counts.images - counts.captioned) },
  ] as const;
  return (
    <Tabs
      name="Captioned or not"
      value={filter.status ?? "all"}
      tabs={[...tabs]}
      onChange={(status) => onChange({ status: status === "all" ? undefined : status })}
    />
  );
}

/** A text to look for; asked for when the typing pauses. */
function TextFilter({ filter, onChange }: Omit<FiltersProps, "team">) {
  const [text, setText] = useState(filter.q ?? "");
  const told = useRef(filter.q ?? "");
  useEffect(() => {
    if ((filter.q ?? "") !== told.current) setText(filter.q ?? "");
    told.current = filter.q ?? "";
  }, [filter.q]);
  useEffect(() => {
    if (text === told.current) return undefined;
    const timer = window.setTimeout(() => {
      told.current = text;
      onChange({ q: text || undefined });
    }, TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <div class="filter-text">
      <TextField hideLabel label="Text in a caption or a file name" type="search" placeholder="Find in captions and names" maxLength={200} value={text} onInput={setText} />
    </div>
  );
}

function peopleOptions(filter: ImageFilter, team: Team | undefined): Option[] {
  const others = (team?.people ?? []).filter((person) => person.captions > 0 && person.name !== myName()).map(({ name }) => name);
  if (filter.by && filter.by !== "me" && !others.includes(filter.by)) others.push(filter.by);
  return [{ value: "", label: "By anybody" }, { value: "me", label: "By me" }, ...others.map((name) => ({ value: name, label: `By ${name}` }))];
}

const REVIEWED: Option[] = [
  { value: "", label: "Reviewed or not" },
  { value: "true", label: "Reviewed" },
  { value: "false", label: "Not reviewed" },
];
const HAS: Option[] = [
  { value: "", label: "Any number of captions" },
  { value: "several", label: "Several captions" },
  { value: "suggestion", label: "A suggestion" },
];

function lengthOptions({ longer_than }: ImageFilter): Option[] {
  const limits = [...new Set([20, 40, CONTEXT_TOKENS, ...(longer_than === undefined ? [] : [longer_than])])].sort((a, b) => a - b);
  const named = (limit: number) => (limit === CONTEXT_TOKENS ? `Over ${limit} tokens (cut off)` : `Over ${limit} tokens`);
  return [{ value: "", label: "Any length" }, ...limits.map((limit) => ({ value: String(limit), label: named(limit) }))];
}

const asSwitch = (value: string) => (value === "" ? undefined : value === "true");

function MoreFilters({ filter, team, onChange }: FiltersProps) {
  const flagged = team?.counts.flagged;
  return (
    <>
      <Select hideLabel label="Captioned by" value={filter.by ?? ""} options={peopleOptions(filter, team)} onChange={(by) => onChange({ by: by || undefined })} />
      <Select hideLabel label="Review" value={filter.reviewed === undefined ? "" : String(filter.reviewed)} options={REVIEWED} onChange={(value) => onChange({ reviewed: asSwitch(value) })} />
      <Select
        hideLabel
        label="Length"
        value={String(filter.longer_than ?? "")}
        options={lengthOptions(filter)}
        onChange={(value) => onChange({ longer_than: value === "" ? undefined : Number(value) })}
      />
      <Select hideLabel label="Number of captions" value={filter.has ?? ""} options={HAS} onChange={(has) => onChange({ has: (has || undefined) as ImageFilter["has"] })} />
      <Button icon={Flag} pressed={filter.flagged === true} onClick={() => onChange({ flagged: filter.flagged ? undefined : true })}>
        {numbered("Flagged", flagged)}
      </Button>
    </>
  );
}

/** Which images are shown; all of it stands in the address. */
export function Filters({ filter, team, onChange }: FiltersProps) {
  const [isOpen, setOpen] = useState(false);
  const hidden = [filter.by, filter.reviewed, filter.longer_than, filter.has, filter.flagged].filter((one) => one !== undefined).length;
  const clear = () => onChange({ status: undefined, by: undefined, q: undefined, flagged: undefined, reviewed: undefined, longer_than: undefined, has: undefined, ids: undefined });
  return (
    <search class="filters" aria-label="Images shown">
      <div class="filters-first">
        <StatusTabs filter={filter} team={team} onChange={onChange} />
        <TextFilter filter={filter} onChange={onChange} />
        <span class="filters-open">
          <Button icon={SlidersHorizontal} expanded={isOpen} onClick={() => setOpen(!isOpen)}>{hidden > 0 ? `Filters ${hidden}` : "Filters"}</Button>
        </span>
      </div>
      <div class={isOpen ? "filters-more open" : "filters-more"}>
        <MoreFilters filter={filter} team={team} onChange={onChange} />
        {filterQuery(filter) !== "" && <Button kind="quiet" icon={X} onClick={clear}>Clear filters</Button>}
      </div>
    </search>
  );
}
