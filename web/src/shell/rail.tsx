import { signal } from "@preact/signals";
import { Boxes, ChartScatter, Ellipsis, Images, LayoutGrid, LayoutList, ListChecks, type LucideIcon, PencilLine, Search, Server, Settings, Split, TrendingUp, Users } from "lucide-preact";
import { useEffect, useState } from "preact/hooks";
import { Dialog } from "../design/dialog";
import { path } from "../routing/router";
import { datasetPath } from "../routing/routes";
import { contextDataset, rememberDataset } from "./context";
import "./rail.css";

interface PlaceLink {
  href: string;
  icon: LucideIcon;
  name: string;
}

const narrow = matchMedia("(max-width: 719px)");
const isNarrow = signal(narrow.matches);
narrow.addEventListener("change", () => (isNarrow.value = narrow.matches));

const DATASETS: PlaceLink = { href: "/", icon: Images, name: "Datasets" };
const JOBS: PlaceLink = { href: "/jobs", icon: ListChecks, name: "Jobs" };
const COMMON: PlaceLink[] = [
  { href: "/models", icon: Boxes, name: "Models" },
  JOBS,
  { href: "/workers", icon: Server, name: "Workers" },
  { href: "/settings", icon: Settings, name: "Settings" },
];

function placesOf(dataset: string): PlaceLink[] {
  return [
    { href: datasetPath(dataset), icon: LayoutList, name: "Overview" },
    { href: datasetPath(dataset, "images"), icon: LayoutGrid, name: "Images" },
    { href: datasetPath(dataset, "caption"), icon: PencilLine, name: "Caption" },
    { href: datasetPath(dataset, "prepare"), icon: Split, name: "Prepare" },
    { href: datasetPath(dataset, "train"), icon: TrendingUp, name: "Train" },
    { href: datasetPath(dataset, "search"), icon: Search, name: "Search" },
    { href: datasetPath(dataset, "map"), icon: ChartScatter, name: "Map" },
    { href: datasetPath(dataset, "people"), icon: Users, name: "People" },
  ];
}

function isHere({ href, name }: PlaceLink): boolean {
  if (name === "Caption") return path.value === href || path.value.startsWith(`${href}/`);
  if (name === "Prepare" && path.value === href.replace(/prepare$/, "review-variants")) return true;
  return path.value === href;
}

function PlaceItem({ place }: { place: PlaceLink }) {
  const Icon = place.icon;
  return (
    <a class="place" href={place.href} aria-current={isHere(place) ? "page" : undefined}>
      <Icon size={20} strokeWidth={1.75} aria-hidden />
      <span class="clip">{place.name}</span>
    </a>
  );
}

function BottomBar({ places }: { places: PlaceLink[] }) {
  const [isOpen, setOpen] = useState(false);
  const here = path.value;
  useEffect(() => setOpen(false), [here]);
  const first = places.length > 0
    ? [DATASETS, ...places.filter((place) => ["Overview", "Images", "Caption", "Search"].includes(place.name))]
    : [DATASETS, ...COMMON.slice(0, 2)];
  const rest = [...places, ...COMMON].filter((place) => !first.includes(place));
  return (
    <nav class="rail" aria-label="Places">
      {first.map((place) => <PlaceItem key={place.href} place={place} />)}
      <button type="button" class="place" aria-expanded={isOpen} onClick={() => setOpen(true)}>
        <Ellipsis size={20} strokeWidth={1.75} aria-hidden />
        <span>More</span>
      </button>
      {isOpen && (
        <Dialog title="Places" onClose={() => setOpen(false)}>
          <div class="bottom-more">{rest.map((place) => <PlaceItem key={place.href} place={place} />)}</div>
        </Dialog>
      )}
    </nav>
  );
}

/** Where one can go: at the left, on a phone at the bottom. */
export function Rail() {
  const dataset = contextDataset.value;
  useEffect(() => rememberDataset(dataset), [dataset]);
  const places = dataset ? placesOf(dataset) : [];
  if (isNarrow.value) return <BottomBar places={places} />;
  return (
    <nav class="rail" aria-label="Places">
      <PlaceItem place={DATASETS} />
      {places.length > 0 && <hr />}
      {places.map((place) => <PlaceItem key={place.href} place={place} />)}
      <span class="space" />
      {COMMON.map((place) => <PlaceItem key={place.href} place={place} />)}
    </nav>
  );
}
