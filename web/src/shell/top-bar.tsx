import { Wifi, WifiOff } from "lucide-preact";
import { connection } from "../api/socket";
import { route } from "../routing/router";
import { captionPath, datasetOf, datasetPath, type Route } from "../routing/routes";
import { conflicts, savingCount } from "../state/captions/outbox-sender";
import { datasetName } from "../state/datasets/dataset-names";
import { peopleIn } from "../state/people/presence";
import { myName } from "../state/people/session";
import { countOf } from "../text/format";
import { contextDataset } from "./context";
import { JobTray } from "./job-tray";
import "./top-bar.css";

const PAGE_NAMES: Record<Route["page"], string> = {
  datasets: "Datasets",
  overview: "Overview",
  images: "Images",
  caption: "Caption",
  prepare: "Prepare",
  "review-variants": "Review variants",
  train: "Train",
  search: "Search",
  map: "Map",
  run: "Run",
  compare: "Compare",
  models: "Models",
  jobs: "Jobs",
  workers: "Workers",
  settings: "Settings",
  everybody: "People",
  people: "People",
  signin: "Sign in",
  nowhere: "Not found",
};

function Crumbs() {
  const now = route.value;
  const dataset = now.page === "run" ? contextDataset.value : datasetOf(now);
  return (
    <nav class="crumbs" aria-label="Where you are">
      {dataset && <a class="clip" href={datasetPath(dataset)}>{datasetName(dataset)}</a>}
      {dataset && <span aria-hidden="true">/</span>}
      <span aria-current="page">{PAGE_NAMES[now.page]}</span>
    </nav>
  );
}

const LINK_WORDS = { online: "Live", connecting: "Connecting", offline: "No live link, asking every 3 s" };

function LinkState() {
  const state = connection.value;
  const Icon = state === "offline" ? WifiOff : Wifi;
  return (
    <span class={`link-state ${state}`} role="status" title="Connection to the server">
      <Icon size={14} aria-hidden />
      <span>{LINK_WORDS[state]}</span>
    </span>
  );
}

function SaveState() {
  const open = conflicts.value[0];
  if (open) {
    const words = open.state === "conflict" ? countOf(conflicts.value.length, "conflict") : "Not saved";
    return <a class="save-state" href={captionPath(open.dataset_id, open.image_id)}>{words}</a>;
  }
  return savingCount.value > 0 ? <span class="save-state muted">Saving {savingCount.value}</span> : null;
}

function People() {
  const dataset = datasetOf(route.value);
  const others = dataset ? peopleIn(dataset).filter((user) => user.name !== myName()) : [];
  const all = [...others.map((user) => user.name), myName()];
  return (
    <span class="people" role="img" aria-label={`People here: ${all.join(", ")}`} title={`Here: ${all.join(", ")}`}>
      {all.slice(-5).map((name) => (
        <span key={name} class={name === myName() ? "person me" : "person"} aria-hidden="true">
          {name.slice(0, 2)}
        </span>
      ))}
    </span>
  );
}

/** On every page: where you are, the connection, people here, and the job tray. */
export function TopBar() {
  return (
    <header class="top">
      <Crumbs />
      <SaveState />
      <LinkState />
      <People />
      <JobTray />
    </header>
  );
}
