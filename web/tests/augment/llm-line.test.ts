import { describe, expect, test } from "vitest";
import type { LlmState } from "../../src/api/ops";
import { llmLine } from "../../src/pages/augment/prepare/llm-line";

const READY: LlmState = { available: true, how: "vllm", model: "org/small", here: true, message: "", remedy: "" };

describe("the state of the language model", () => {
  test("it names what writes", () => {
    expect(llmLine(READY)).toBe("org/small writes them, through vLLM.");
    expect(llmLine({ ...READY, how: "endpoint" })).toBe("org/small at the team's own endpoint writes them.");
  });

  test("a download at the first use is announced", () => {
    const line = llmLine({ ...READY, here: false, message: "The model is downloaded.", remedy: "`make llm` fetches it." });
    expect(line).toBe("org/small writes them, through vLLM. The model is downloaded. `make llm` fetches it.");
  });

  test("what is missing is said with the command that helps", () => {
    const missing = { ...READY, available: false, how: null, message: "vLLM is not installed.", remedy: "Run `make llm`." };
    expect(llmLine(missing)).toBe("vLLM is not installed. Run `make llm`.");
  });
});
