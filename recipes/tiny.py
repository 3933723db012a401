"""Make a small model from nothing: a tokenizer and a small Llama, trained on a task's own worked
reasoning.

    bash recipes/tiny.sh                      the bundled model `tiny`, on `arithmetic`
    python recipes/tiny.py --task prosqa,nodes=12,hops=4 --numbers 0 --out runs/scratch

Byte-level BPE with a word or a whole number per token, so that any text can be written; width 128,
weights stored in half precision. Loss on the completion only, as everywhere in cotpress. Run again
after an interruption, it goes on.
"""

import argparse
import math
import random
import re
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from msgspec import structs
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from cotpress import tasks
from cotpress.prompts import RATIO_TAG
from cotpress.records import Trace

PIECES = Regex(r"\n| ?[A-Za-z]+| ?\d+| ?[^\sA-Za-z\d]+|\s+")
CHAT = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
THINKS = CHAT.replace(
    "message['content']",
    "('<think>\n' + message['reasoning_content'] + '\n</think>\n\n' "
    "if message['reasoning_content'] else '') + message['content']",
)
"""The same for a model that marks its thinking."""

POOL = 40
"""Batches drawn at once, to be sorted by length; between two
pools the training can be taken up again.
"""

OTHER_WORDS = (
    (
        r"Let us go through this step by step\. At the start, ",
        ("At the start, ", "At the start ", "So ", ""),
    ),
    (r"Next, ", ("Next ", "Then ", "So ", "")),
    (
        r", so we need to \w+ \d+ (?:to|by|away from) \d+, and this (?:gives|leaves) ",
        (", so ", ", and this gives ", ", ", " "),
    ),
    (
        r", so we need to (\w+ \d+ (?:to|by|away from) \d+), and this (?:gives|leaves) ",
        (r", so \1, ", r", \1, ", r" \1 "),
    ),
    (r"(= \d+) \w+\.", (r"\1.", r"\1", r"\1,")),
    (r"So in the end, ", ("In the end ", "So ", "")),
)
"""How else the same thought can be said."""


def reworded(reasoning: str, chance: random.Random) -> str:
    """Each phrase in other words or left as it is, anew at each place."""
    for phrase, others in OTHER_WORDS:
        keep = chance.random() / 2
        reasoning = re.sub(
            phrase,
            lambda found, others=others, keep=keep: (
                found[0] if chance.random() < keep else found.expand(chance.choice(others))
            ),
            reasoning,
        )
    return reasoning


def make_tokenizer(traces: list[Trace], largest: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE that merges until every word of the
    corpus and every whole number is one token.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(PIECES, "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=4000,
        min_frequency=2,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    numbers = "".join(f" {n}{{{n}}}" for n in range(largest + 1))
    chat = "system\nuser\nassistant\n" + "".join(RATIO_TAG.format(n / 10) for n in range(1, 10))
    texts = [f"{t.problem.prompt()[0]['content']}\n{t.completion()}" for t in traces]
    tokenizer.train_from_iterator([*texts, *[numbers, chat] * 50], trainer)
    thinks = any("<think>" in text for text in texts)
    if thinks:
        tokenizer.add_tokens(["<think>", "</think>"])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=THINKS if thinks else CHAT,
        clean_up_tokenization_spaces=False,
        model_max_length=2048,
    )


def batches(
    tokenizer: PreTrainedTokenizerFast, size: int, traces: Iterator[Trace], *, varied: bool
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Endless (ids, labels), both (size, T): sorted by length
    within a pool, labels -100 on prompt and padding.
    """
    if varied:
        chance = random.Random(0)
        traces = (
            structs.replace(trace, reasoning=reworded(trace.reasoning, chance)) for trace in traces
        )
    while True:
        rows = [encode(tokenizer, trace) for trace in islice(traces, size * POOL)]
        rows.sort(key=lambda row: len(row[0]) + len(row[1]))
        chunks = [rows[i : i + size] for i in range(0, len(rows), size)]
        for chunk in (chunks[i] for i in torch.randperm(len(chunks)).tolist()):
            longest = max(len(prompt) + len(answer) for prompt, answer in chunk)
            ids = torch.full((size, longest), tokenizer.pad_token_id)
            labels = torch.full((size, longest), -100)
            for row, (prompt, answer) in enumerate(chunk):
                both = len(prompt) + len(answer)
                ids[row, :both] = torch.tensor(prompt + answer)
                labels[row, len(prompt) : both] = torch.tensor(answer)
            yield ids, labels


def encode(tokenizer: PreTrainedTokenizerFast, trace: Trace) -> tuple[list[int], list[int]]:
    """Prompt ids and completion ids with the end of turn."""
    prompt = tokenizer.apply_chat_template(
        trace.problem.prompt(), add_generation_prompt=True, tokenize=False
    )
    return tokenizer(prompt)["input_ids"], [
        *tokenizer(trace.completion())["input_ids"],
        tokenizer.eos_token_id,
    ]


def shape(tokenizer: PreTrainedTokenizerFast, layers: int) -> LlamaConfig:
    """Layers of width 128, tied embeddings."""
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--start", type=Path, help="a model folder to go on from; without it, from nothing"
    )
    parser.add_argument("--task", default="arithmetic")
    parser.add_argument(
        "--words", help="the task whose words become tokens, where training begins with another"
    )
    parser.add_argument(
        "--numbers", type=int, default=200, help="whole numbers up to this are one token each"
    )
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--varied", action="store_true", help="say the reasoning in many wordings")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    worked = tasks.load(given.task).worked
    torch.manual_seed(given.seed)
    state = given.out / "training.pt"
    start = given.out if state.exists() else given.start
    if start:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(start)
        model = LlamaForCausalLM.from_pretrained(start, dtype=torch.float32)
    else:
        tokenizer = make_tokenizer(
            list(islice(tasks.load(given.words or given.task).worked("train"), 4000)), given.numbers
        )
        model = LlamaForCausalLM(shape(tokenizer, given.layers))
    print(f"{len(tokenizer)} tokens, {model.num_parameters():,} parameters", flush=True)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=given.lr, betas=(0.9, 0.95), weight_decay=0.01
    )
    warm = 100
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: (
            min(step / warm, 1.0) * (0.02 + 0.98 * (1 + math.cos(math.pi * step / given.steps)) / 2)
        ),
    )
    parts = {"model": model, "optimizer": optimizer, "schedule": schedule}
    done = resume(state, parts) if state.exists() else 0
    rows = batches(
        tokenizer,
        given.batch,
        islice(worked("train"), done * given.batch, None),
        varied=given.varied,
    )
    began = time.monotonic()
    for step, (ids, labels) in enumerate(islice(rows, given.steps - done), start=done):
        if step % POOL == 0 and step > done:
            save(model, tokenizer, given.out)
            torch.save(
                {"step": step, "chance": torch.get_rng_state()}
                | {k: v.state_dict() for k, v in parts.items()},
                state,
            )
        hidden = model.model(ids, use_cache=False).last_hidden_state[:, :-1]
        wanted = labels[:, 1:]
        loss = torch.nn.functional.cross_entropy(
            model.lm_head(hidden[wanted != -100]), wanted[wanted != -100]
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 50 == 0:
            print(
                f"step {step}/{given.steps} loss {loss.item():.4f} "
                f"({time.monotonic() - began:.0f} s)",
                flush=True,
            )
    save(model, tokenizer, given.out)
    state.unlink(missing_ok=True)


def resume(
    state: Path,
    parts: dict[
        str, torch.nn.Module | torch.optim.Optimizer | torch.optim.lr_scheduler.LRScheduler
    ],
) -> int:
    """Put everything back as it was saved; the number of steps done."""
    saved = torch.load(state)
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    torch.set_rng_state(saved["chance"])
    print(f"goes on from step {saved['step']}", flush=True)
    return saved["step"]


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path) -> None:
    """Write the model folder, weights in half precision."""
    half = LlamaForCausalLM(model.config).to(torch.float16)
    half.load_state_dict(model.state_dict())
    half.save_pretrained(out)
    tokenizer.save_pretrained(out)


if __name__ == "__main__":
    main()
