import { ImageUp, Search } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../design/button";
import { type Option, Select } from "../../design/field";

interface SearchFormProps {
  q: string;
  model: string;
  models: Option[];
  second: string;
  onSecond: (model: string) => void;
  onSearch: (q: string) => void;
  onModel: (model: string) => void;
  onPicture: (file: File) => void;
}

function PicturePicker({ onPicture }: { onPicture: (file: File) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button kind="quiet" icon={ImageUp} label="Find by picture" onClick={() => input.current?.click()} />
      <input
        ref={input}
        class="unseen"
        type="file"
        accept="image/*"
        tabIndex={-1}
        aria-label="Picture file"
        onChange={(event) => {
          const [file] = event.currentTarget.files ?? [];
          if (file) onPicture(file);
          event.currentTarget.value = "";
        }}
      />
    </>
  );
}

/** One large box, the model beside it. */
export function SearchForm({ q, model, models, second, onSecond, onSearch, onModel, onPicture }: SearchFormProps) {
  const [text, setText] = useState(q);
  const box = useRef<HTMLInputElement>(null);
  const seconds = [{ value: "", label: "no second model" }, ...models.filter((option) => option.value !== model)];
  useEffect(() => setText(q), [q]);
  useEffect(() => box.current?.focus(), []);
  return (
    <form
      class="search-form"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        onSearch(text.trim());
      }}
    >
      <div class="search-box">
        <label class="unseen" for="search-box">Search</label>
        <Search size={20} aria-hidden />
        <input id="search-box" ref={box} value={text} placeholder="Describe what you look for" autocomplete="off" onInput={(event) => setText(event.currentTarget.value)} />
        <PicturePicker onPicture={onPicture} />
      </div>
      <Select hideLabel label="Model" value={model} options={models} onChange={onModel} />
      <Select hideLabel label="Compare with" value={second} options={seconds} onChange={onSecond} />
      <Button kind="primary" type="submit">Search</Button>
    </form>
  );
}
