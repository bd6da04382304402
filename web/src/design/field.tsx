import type { ComponentChildren, RefObject } from "preact";
import { useId } from "preact/hooks";
import "./field.css";

interface FrameProps {
  label: string;
  hint?: ComponentChildren;
  error?: string | undefined;
  /** Stands at the right of the label: an auto chip. */
  beside?: ComponentChildren;
  hideLabel?: boolean;
}

function Frame({ id, label, hint, error, beside, hideLabel, children }: FrameProps & { id: string; children: ComponentChildren }) {
  return (
    <div class="field">
      {hideLabel ? (
        <label class="unseen" for={id}>
          {label}
        </label>
      ) : (
        <div class="field-head">
          <label for={id}>{label}</label>
          {beside}
        </div>
      )}
      {children}
      {error ? (
        <p class="field-error" id={`${id}-note`} role="alert">
          {error}
        </p>
      ) : (
        hint && (
          <p class="field-hint" id={`${id}-note`}>
            {hint}
          </p>
        )
      )}
    </div>
  );
}

const describedBy = (id: string, props: FrameProps) => (props.hint || props.error ? `${id}-note` : undefined);

export interface TextFieldProps extends FrameProps {
  value: string;
  onInput: (value: string) => void;
  type?: "text" | "password" | "search" | "date";
  numeric?: boolean;
  placeholder?: string | undefined;
  required?: boolean;
  autocomplete?: string;
  autofocus?: boolean;
  maxLength?: number;
  inputRef?: RefObject<HTMLInputElement>;
}

/** A line of text with its label. */
export function TextField(props: TextFieldProps) {
  const id = useId();
  return (
    <Frame id={id} {...props}>
      <input
        id={id}
        class="input"
        type={props.type ?? "text"}
        inputMode={props.numeric ? "decimal" : undefined}
        value={props.value}
        placeholder={props.placeholder}
        required={props.required}
        autocomplete={props.autocomplete ?? "off"}
        autofocus={props.autofocus}
        maxLength={props.maxLength}
        aria-invalid={props.error ? true : undefined}
        aria-describedby={describedBy(id, props)}
        ref={props.inputRef}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
    </Frame>
  );
}

export interface Option {
  value: string;
  label: string;
  group?: string;
  disabled?: boolean;
}

export interface SelectProps extends FrameProps {
  value: string;
  options: Option[];
  onChange: (value: string) => void;
  disabled?: boolean;
}

const optionOf = ({ value, label, disabled }: Option) => (
  <option key={value} value={value} disabled={disabled}>
    {label}
  </option>
);

/** A choice out of a list, grouped where the options name groups. */
export function Select(props: SelectProps) {
  const id = useId();
  const groups = [...new Set(props.options.map((option) => option.group ?? ""))];
  return (
    <Frame id={id} {...props}>
      <select
        id={id}
        class="input"
        value={props.value}
        disabled={props.disabled}
        aria-describedby={describedBy(id, props)}
        onChange={(event) => props.onChange(event.currentTarget.value)}
      >
        {groups.map((group) => {
          const inside = props.options.filter((option) => (option.group ?? "") === group).map(optionOf);
          return group === "" ? inside : <optgroup key={group} label={group}>{inside}</optgroup>;
        })}
      </select>
    </Frame>
  );
}

/** Yes or no. */
export function Check({ label, checked, onChange }: { label: string; checked: boolean; onChange: (on: boolean) => void }) {
  const id = useId();
  return (
    <div class="check">
      <input id={id} type="checkbox" checked={checked} onChange={(event) => onChange(event.currentTarget.checked)} />
      <label for={id}>{label}</label>
    </div>
  );
}

export interface Choice<T extends string> {
  value: T;
  title: string;
  text: string;
}

/** One of a few, each with a sentence. */
export function Choices<T extends string>(props: {
  legend: string;
  value: T;
  choices: Choice<T>[];
  onChange: (value: T) => void;
}) {
  const id = useId();
  return (
    <fieldset class="choices">
      <legend>{props.legend}</legend>
      {props.choices.map((choice) => (
        <label class="choice" key={choice.value}>
          <input
            type="radio"
            name={id}
            value={choice.value}
            aria-label={choice.title}
            aria-describedby={`${id}-${choice.value}`}
            checked={choice.value === props.value}
            onChange={() => props.onChange(choice.value)}
          />
          <b>{choice.title}</b>
          <small id={`${id}-${choice.value}`}>{choice.text}</small>
        </label>
      ))}
    </fieldset>
  );
}
