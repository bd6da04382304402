import { Download } from "lucide-preact";
import { useState } from "preact/hooks";
import { datasetExport, datasetFile } from "../../../api/datasets";
import { Button } from "../../../design/button";
import { Dialog } from "../../../design/dialog";
import { Check, type Choice, Choices } from "../../../design/field";

type Form = "csv" | "txt" | "jsonl" | "all";

const FORMS: Choice<Form>[] = [
  { value: "csv", title: "Tables for open_clip", text: "index.csv, and train.csv and val.csv once they are made." },
  { value: "txt", title: ".txt beside each image", text: "As kohya_ss reads them, a caption on each line." },
  { value: "jsonl", title: "metadata.jsonl", text: "As Hugging Face's imagefolder reads it." },
  { value: "all", title: "All three", text: "To keep a copy, or to move to another tool." },
];

/** The dataset as a zip, in the form that is wanted. */
export function ExportMenu({ datasetId }: { datasetId: string }) {
  const [isOpen, setOpen] = useState(false);
  const [form, setForm] = useState<Form>("csv");
  const [captionedOnly, setCaptionedOnly] = useState(false);
  const address = datasetExport(datasetId, form, captionedOnly ? "captioned" : "all");
  return (
    <>
      <Button icon={Download} expanded={isOpen} onClick={() => setOpen(true)}>Export</Button>
      {isOpen && (
        <Dialog title="Export" onClose={() => setOpen(false)}>
          <div class="stack">
            <Choices legend="Captions" value={form} choices={FORMS} onChange={setForm} />
            <Check label="Only images with a caption" checked={captionedOnly} onChange={setCaptionedOnly} />
            <div class="dialog-foot">
              <Button href={datasetFile(datasetId, "captions.csv")} download onClick={() => setOpen(false)}>Captions for a spreadsheet</Button>
              <Button kind="primary" icon={Download} href={address} download onClick={() => setOpen(false)}>Download zip</Button>
            </div>
          </div>
        </Dialog>
      )}
    </>
  );
}
