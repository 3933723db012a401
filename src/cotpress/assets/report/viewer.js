"use strict";
// The trace viewer. Texts reach the page through textContent, Markdown and formulas as elements of the lists in
// report/markup.py; nothing is read as markup.
(() => {
  const examples = JSON.parse(document.getElementById("examples").textContent);
  const $ = (id) => document.getElementById(id);
  const make = (tag, className, ...children) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children);
    return element;
  };
  const MATHML = "http://www.w3.org/1998/Math/MathML";
  const build = (node, inMath = false) => {
    if (typeof node === "string") return document.createTextNode(node);
    const [tag, attributes, ...children] = node;
    const math = inMath || tag === "math";
    const element = math ? document.createElementNS(MATHML, tag) : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children.map((child) => build(child, math)));
    return element;
  };
  // A text as it is read: with its Markdown and formulas, or as it was written.
  const text = (className, one, name) => {
    const drawn = $("as-written").checked ? undefined : one.drawn?.[name];
    const element = make("div", `${className} ${drawn ? "drawn" : "model-text"}`);
    element.append(...(drawn ? drawn.map((node) => build(node)) : [one[name]]));
    return element;
  };
  const verdict = (correct, read) =>
    correct === null
      ? make("span", "verdict", "not graded")
      : make("span", correct ? "verdict right" : "verdict wrong", correct ? "✓ right" : "✗ wrong", ": ", make("bdi", "", read));
  const count = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

  let example = null;
  let current = -1;
  let listed = [];
  let spans = [];
  let others = [];

  // --- the list of problems: what is looked for, and which of them

  const reference = (one) => one.answers.find((answer) => answer.method === "original" && answer.ratio === null);
  const kinds = {
    all: () => true,
    wrong: (one) => one.answers.some((answer) => answer.correct === false),
    changed: (one) => one.answers.some((answer) => answer.correct !== (reference(one) ?? one.answers[0]).correct),
    cut: (one) => one.answers.some((answer) => !answer.finished),
  };
  const groups = ["Test problems: answers", "Training traces: tokens"];
  const groupOf = (one) => (one.answers.length ? 0 : 1);
  const words = examples.map((one) =>
    [one.id, one.task, one.question, one.answer, ...one.answers.flatMap((answer) => [answer.reasoning, answer.conclusion])].join("\n").toLowerCase(),
  );
  const buttons = examples.map((one, index) => {
    const marks = one.answers.map((answer) =>
      make("span", answer.correct === null ? "" : answer.correct ? "right" : "wrong", answer.correct === null ? "·" : answer.correct ? "✓" : "✗"),
    );
    const said = one.answers.length ? `${one.answers.filter((answer) => answer.correct).length} of ${one.answers.length} right` : "tokens only";
    const summary = make("span", "marks", ...marks);
    summary.setAttribute("aria-hidden", "true");
    const button = make("button", "", make("bdi", "asked", one.question.slice(0, 160)), summary, make("span", "small", make("bdi", "", one.id), `, ${said}`));
    button.type = "button";
    button.addEventListener("click", () => remember(index));
    return button;
  });

  function showList() {
    const wanted = $("search").value.trim().toLowerCase();
    listed = examples.flatMap((one, index) => (kinds[$("which").value](one) && words[index].includes(wanted) ? [index] : []));
    const parts = groups.flatMap((title, group) => {
      const found = listed.filter((index) => groupOf(examples[index]) === group);
      if (!found.length) return [];
      const items = make("ol", "", ...found.map((index) => make("li", "", buttons[index])));
      return [make("h3", "", `${title} (${found.length})`), items];
    });
    $("list").replaceChildren(...(parts.length ? parts : [make("p", "small", "No problem here is like that.")]));
    $("found").textContent = `${listed.length} of ${examples.length} shown`;
    place();
  }

  function place() {
    const at = listed.indexOf(current);
    $("previous").disabled = !listed.some((index) => index < current);
    $("next").disabled = !listed.some((index) => index > current);
    $("where").textContent = at < 0 ? "" : `${at + 1} of ${listed.length}`;
  }

  function showExample(index) {
    if (buttons[current]) buttons[current].removeAttribute("aria-current");
    current = index;
    example = examples[index];
    buttons[index].setAttribute("aria-current", "true");
    const list = $("list");
    const button = buttons[index];
    if (list.contains(button) && (button.offsetTop < list.scrollTop || button.offsetTop + button.offsetHeight > list.scrollTop + list.clientHeight))
      list.scrollTop = button.offsetTop - list.clientHeight / 2;
    $("question").replaceChildren(text("", example, "question"));
    $("reference").replaceChildren(text("", { drawn: example.drawn, answer: example.answer || "none" }, "answer"));
    place();
    showTokens(example.tokens, example.other);
    showAnswers(example.answers);
  }

  // --- tokens: what a ratio drops

  // What decided a segment: its importance and, where they are known, both likelihoods that it is the difference of.
  function said(tokens, i) {
    const both = tokens.given.length
      ? `; ln p ${tokens.given[i].toFixed(3)} with the condition, ${tokens.alone[i].toFixed(3)} without, difference ${(tokens.given[i] - tokens.alone[i]).toFixed(3)}`
      : "";
    return `importance ${tokens.importance[i]}, ${count(tokens.n_tokens[i], "token")}${tokens.protected[i] ? ", protected" : ""}${both}`;
  }

  function segments(tokens, place) {
    const made = tokens.segments.map((text, i) => {
      const span = make("span", `shade-${tokens.shades[i]}${tokens.protected[i] ? " protected" : ""}`, text.replaceAll("\n", "↵\n"));
      span.title = said(tokens, i);
      span.addEventListener("pointerenter", () => { $("detail").textContent = `“${text.trim()}”: ${said(tokens, i)}`; });
      return span;
    });
    $(place).replaceChildren(...made);
    return made;
  }

  function showTokens(tokens, other) {
    $("tokens").hidden = !tokens;
    if (!tokens) return;
    const own = tokens.chosen === null ? "" : `; chosen for this trace: ratio ${tokens.chosen}`;
    $("scored-by").textContent = `${tokens.scorer}, counted in the tokens of ${tokens.target}${own}`;
    $("how").textContent = tokens.how;
    spans = segments(tokens, "reasoning");
    $("second").hidden = !other;
    others = other ? segments(other, "other") : [];
    if (other) $("other-scored-by").textContent = other.scorer;
    $("detail").textContent = "Point at a piece, or tap it, to see what decided it.";
    $("conclusion").textContent = tokens.conclusion;
    cut();
  }

  // Which segments a ratio keeps was decided by `cotpress compress`; here it is one comparison.
  function drop(tokens, pieces, ratio) {
    let kept = 0;
    pieces.forEach((span, i) => {
      const stays = tokens.first[i] <= ratio;
      span.classList.toggle("dropped", !stays);
      if (stays) kept += tokens.n_tokens[i];
    });
    return kept;
  }

  // Where one threshold for all traces decided, only the ratios that were really cut are known.
  function nearest(wanted, known) {
    return known.length ? known.reduce((a, b) => (Math.abs(b - wanted) < Math.abs(a - wanted) ? b : a)) : wanted;
  }

  function cut() {
    const tokens = example.tokens;
    if (!tokens) return;
    const step = Number($("ratio").value);
    const ratio = nearest(step / 20, tokens.only);
    const kept = drop(tokens, spans, ratio);
    const total = tokens.n_tokens.reduce((sum, n) => sum + n, 0);
    const over = tokens.budgets.length > 0 && kept > tokens.budgets[step - 1];
    const loss = tokens.losses.find(([at]) => Math.abs(at - ratio) < 0.001);
    $("ratio-shown").textContent = ratio.toFixed(2);
    $("kept").dataset.kept = kept;
    $("kept").textContent =
      `kept ${kept} of ${count(total, "token")} (${(total ? kept / total : 0).toFixed(3)})` +
      (over ? `: the protected ones alone exceed the budget of ${tokens.budgets[step - 1]}` : "") +
      (loss ? `; the conclusion loses ${loss[1].toFixed(2)} nats` : "");
    if (example.other) $("other-kept").textContent = `kept ${drop(example.other, others, ratio)} of ${total}`;
  }

  // --- answers: what each setting said

  function showAnswers(answers) {
    $("answers").hidden = answers.length === 0;
    const longest = Math.max(1, ...answers.map((answer) => answer.n_tokens));
    $("cards").replaceChildren(
      ...answers.map((answer) => {
        const bar = make("div", "bar");
        bar.style.width = `${(100 * answer.n_tokens) / longest}%`;
        const ratio = answer.ratio === null ? "" : ` at ${Number.isInteger(answer.ratio) ? answer.ratio.toFixed(1) : answer.ratio}`;
        const asked = answer.latents === null ? ratio : `, ${answer.latents} forced`;
        const notes = [
          `${answer.n_tokens} + ${answer.n_conclusion_tokens} tokens`,
          ...(answer.finished ? [] : ["cut off"]),
          ...(answer.samples > 1 ? [`first of ${answer.samples} samples`] : []),
        ];
        const said = make("div", "scroll", text("", answer, "reasoning"), text("conclusion", answer, "conclusion"));
        said.tabIndex = 0;
        said.setAttribute("role", "group");
        said.setAttribute("aria-label", `Answer: ${answer.method}${asked}`);
        return make(
          "article",
          "card",
          make("header", "", make("strong", "", answer.method + asked), verdict(answer.correct, answer.read)),
          make("div", "small", notes.join(", "), ", ", make("bdi", "", answer.model)),
          make("div", "track", bar),
          said,
        );
      }),
    );
  }

  // The address remembers problem and ratio, so that a view can be linked to: #trace=3&ratio=0.5
  function follow() {
    const wanted = new URLSearchParams(location.hash.slice(1));
    const index = Math.min(Math.max(Math.trunc(Number(wanted.get("trace"))) || 0, 0), examples.length - 1);
    const step = Math.min(Math.max(Math.round(20 * Number(wanted.get("ratio") ?? 0.6)) || 12, 1), 20);
    $("ratio").value = step;
    if (index !== current) showExample(index);
    else cut();
  }
  const remember = (index) => location.replace(`#trace=${index}&ratio=${Number($("ratio").value) / 20}`);

  $("search").addEventListener("input", showList);
  $("which").addEventListener("change", showList);
  $("previous").addEventListener("click", () => remember(listed.findLast((index) => index < current)));
  $("next").addEventListener("click", () => remember(listed.find((index) => index > current)));
  $("as-written").addEventListener("change", () => showExample(current));
  $("ratio").addEventListener("input", cut);
  $("ratio").addEventListener("change", () => remember(current));
  $("only-kept").addEventListener("change", () => {
    for (const place of ["reasoning", "other"]) $(place).classList.toggle("only-kept", $("only-kept").checked);
  });
  window.addEventListener("hashchange", follow);
  for (const option of $("which").options) {
    const found = examples.filter(kinds[option.value]).length;
    option.textContent += ` (${found})`;
    option.disabled = found === 0;
  }
  showList();
  follow();
})();
