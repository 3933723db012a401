"""Chat templates with the structure of families that think, written anew for these tests, with what
each writes for one question and one answer.
"""

from typing import NamedTuple

LOOP = "{%- for m in messages %}"
NEXT = "{%- endfor %}"


class Family(NamedTuple):
    """A template, its special tokens, and the golden text of a taught chat in three pieces."""

    template: str
    special: list[str]
    end: str
    """The token that ends a turn."""
    prompt: str
    """Of the question `Q?`; with `{before}` for what earlier turns write."""
    before: str
    """What a system turn `S.` and the turns `Q0?`, `A0.` write."""
    turn: str
    """After the prompt: `{reasoning}` in its marks, `{conclusion}`, the end."""
    added: tuple[str, ...] = ()


FAMILIES = {
    # the model opens its thinking, whose field the template reads; earlier thinking is taken out
    "qwen3": Family(
        LOOP + "{{- '<|im_start|>' + m.role + '\n' }}"
        "{%- if m.role == 'assistant' and loop.last and m.reasoning_content %}"
        "{{- '<think>\n' + m.reasoning_content.strip('\n') + '\n</think>\n\n' }}{%- endif %}"
        "{{- m.content.split('</think>')[-1].lstrip('\n') + '<|im_end|>\n' }}" + NEXT + "{%- if "
        "add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- if enable_thinking is defined "
        "and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}{%- endif %}",
        ["<|im_start|>", "<|im_end|>"],
        "<|im_end|>",
        "{before}<|im_start|>user\nQ?<|im_end|>\n<|im_start|>assistant\n",
        "<|im_start|>system\nS.<|im_end|>\n<|im_start|>user\nQ0?<|im_end|>\n"
        "<|im_start|>assistant\nA0.<|im_end|>\n",
        "<think>\n{reasoning}\n</think>\n\n{conclusion}<|im_end|>",
        ("<think>", "</think>"),
    ),
    # the prompt opens the thinking, and the template takes it out of every turn
    "r1": Family(
        "{{- '<|bos|>' }}" + LOOP + "{%- if m.role == 'system' %}{{- m.content }}"
        "{%- elif m.role == 'user' %}{{- '<|User|>' + m.content }}"
        "{%- else %}{{- '<|Assistant|>' + m.content.split('</think>')[-1] + '<|eos|>' }}"
        "{%- endif %}" + NEXT + "{%- if add_generation_prompt %}{{- '<|Assistant|><think>\n' }}"
        "{%- endif %}",
        ["<|bos|>", "<|eos|>", "<|User|>", "<|Assistant|>"],
        "<|eos|>",
        "<|bos|>{before}<|User|>Q?<|Assistant|><think>\n",
        "S.<|User|>Q0?<|Assistant|>A0.<|eos|>",
        "{reasoning}\n</think>\n\n{conclusion}<|eos|>",
        ("<think>", "</think>"),
    ),
    # channels: markup inside of a content is an error
    "harmony": Family(
        LOOP
        + "{%- if m.role != 'assistant' %}{{- '<|start|>' + m.role + '<|message|>' + m.content "
        "+ '<|end|>' }}{%- else %}{%- if '<|channel|>' in m.content %}"
        "{{- raise_exception('pass the thinking in a field') }}{%- endif %}"
        "{%- if m.thinking and loop.last %}{{- '<|start|>assistant<|channel|>analysis<|message|>' + "
        "m.thinking + '<|end|>' }}{%- endif %}{{- '<|start|>assistant<|channel|>final<|message|>' + "
        "m.content + ('<|return|>' if loop.last else '<|end|>') }}{%- endif %}" + NEXT + "{%- if "
        "add_generation_prompt %}{{- '<|start|>assistant' }}{%- endif %}",
        ["<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|return|>"],
        "<|return|>",
        "{before}<|start|>user<|message|>Q?<|end|><|start|>assistant",
        "<|start|>system<|message|>S.<|end|><|start|>user<|message|>Q0?<|end|>"
        "<|start|>assistant<|channel|>final<|message|>A0.<|end|>",
        "<|channel|>analysis<|message|>{reasoning}<|end|>"
        "<|start|>assistant<|channel|>final<|message|>{conclusion}<|return|>",
    ),
    # thinking stands in parts of a content
    "magistral": Family(
        "{{- '<s>' }}" + LOOP + "{%- if m.role == 'system' %}{{- '[SYSTEM_PROMPT]' + m.content + "
        "'[/SYSTEM_PROMPT]' }}{%- elif m.role == 'user' %}{{- '[INST]' + m.content + '[/INST]' }}"
        "{%- elif m.content is string %}{{- m.content + '</s>' }}{%- else %}"
        "{%- for part in m.content %}{%- if part.type == 'thinking' %}{{- '[THINK]' + part.thinking "
        "+ '[/THINK]' }}{%- else %}{{- part.text }}{%- endif %}{%- endfor %}{{- '</s>' }}"
        "{%- endif %}" + NEXT,
        [
            "<s>",
            "</s>",
            "[INST]",
            "[/INST]",
            "[SYSTEM_PROMPT]",
            "[/SYSTEM_PROMPT]",
            "[THINK]",
            "[/THINK]",
        ],
        "</s>",
        "<s>{before}[INST]Q?[/INST]",
        "[SYSTEM_PROMPT]S.[/SYSTEM_PROMPT][INST]Q0?[/INST]A0.</s>",
        "[THINK]{reasoning}[/THINK]{conclusion}</s>",
    ),
    "seed": Family(
        LOOP + "{{- '<seed:bos>' + m.role + '\n' }}{%- if m.reasoning_content and loop.last %}"
        "{{- '<seed:think>\n' + m.reasoning_content + '\n</seed:think>\n' }}{%- endif %}"
        "{{- m.content + '<seed:eos>' }}" + NEXT + "{%- if add_generation_prompt %}"
        "{{- '<seed:bos>assistant\n' }}{%- endif %}",
        ["<seed:bos>", "<seed:eos>"],
        "<seed:eos>",
        "{before}<seed:bos>user\nQ?<seed:eos><seed:bos>assistant\n",
        "<seed:bos>system\nS.<seed:eos><seed:bos>user\nQ0?<seed:eos><seed:bos>assistant\nA0.<seed:eos>",
        "<seed:think>\n{reasoning}\n</seed:think>\n{conclusion}<seed:eos>",
        ("<seed:think>", "</seed:think>"),
    ),
    "gemma": Family(
        "{{- '<bos>' }}"
        + LOOP
        + "{{- '<|turn>' + ('model' if m.role == 'assistant' else m.role) + "
        "'\n' }}{%- if m.reasoning_content and loop.last %}{{- '<|channel>thought\n' + "
        "m.reasoning_content + '<channel|>' }}{%- endif %}{{- m.content + '<turn|>\n' }}"
        + NEXT
        + "{%- if add_generation_prompt %}{{- '<|turn>model\n' }}{%- endif %}",
        ["<bos>", "<|turn>", "<turn|>", "<|channel>", "<channel|>"],
        "<turn|>",
        "<bos>{before}<|turn>user\nQ?<turn|>\n<|turn>model\n",
        "<|turn>system\nS.<turn|>\n<|turn>user\nQ0?<turn|>\n<|turn>model\nA0.<turn|>\n",
        "<|channel>thought\n{reasoning}<channel|>{conclusion}<turn|>",
    ),
    # no mark but in the vocabulary's names: the template only drops thinking
    "kimi": Family(
        LOOP
        + "{{- '<|im_' + m.role + '|>' + m.content.split('◁/think▷')[-1] + '<|im_end|>' }}"
        + NEXT
        + "{%- if add_generation_prompt %}{{- '<|im_assistant|>' }}{%- endif %}",
        ["<|im_system|>", "<|im_user|>", "<|im_assistant|>", "<|im_end|>"],
        "<|im_end|>",
        "{before}<|im_user|>Q?<|im_end|><|im_assistant|>",
        "<|im_system|>S.<|im_end|><|im_user|>Q0?<|im_end|><|im_assistant|>A0.<|im_end|>",
        "◁think▷{reasoning}◁/think▷{conclusion}<|im_end|>",
    ),
    # the answer is marked as well
    "command": Family(
        LOOP + "{{- '<|START_OF_TURN_TOKEN|><|' + m.role + '|>' }}{%- if m.role == 'assistant' %}"
        "{%- if m.reasoning_content and loop.last %}{{- '<|START_THINKING|>' + m.reasoning_content + "
        "'<|END_THINKING|>' }}{%- endif %}{{- '<|START_RESPONSE|>' + m.content + "
        "'<|END_RESPONSE|>' }}{%- else %}{{- m.content }}{%- endif %}{{- '<|END_OF_TURN_TOKEN|>' }}"
        + NEXT
        + "{%- if add_generation_prompt %}{{- '<|START_OF_TURN_TOKEN|><|assistant|>' }}"
        "{%- endif %}",
        [
            "<|START_OF_TURN_TOKEN|>",
            "<|END_OF_TURN_TOKEN|>",
            "<|system|>",
            "<|user|>",
            "<|assistant|>",
            "<|START_THINKING|>",
            "<|END_THINKING|>",
            "<|START_RESPONSE|>",
            "<|END_RESPONSE|>",
        ],
        "<|END_OF_TURN_TOKEN|>",
        "{before}<|START_OF_TURN_TOKEN|><|user|>Q?<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|assistant|>",
        "<|START_OF_TURN_TOKEN|><|system|>S.<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|user|>Q0?<|END_OF_TURN_TOKEN|>"
        "<|START_OF_TURN_TOKEN|><|assistant|><|START_RESPONSE|>A0.<|END_RESPONSE|><|END_OF_TURN_TOKEN|>",
        "<|START_THINKING|>{reasoning}<|END_THINKING|><|START_RESPONSE|>{conclusion}"
        "<|END_RESPONSE|><|END_OF_TURN_TOKEN|>",
    ),
    # Hunyuan's: thinking and answer in tags of their own
    "answer tags": Family(
        "{{- '<s>' }}" + LOOP + "{%- if m.role == 'assistant' %}{{- '<|a|>' }}"
        "{%- if m.reasoning_content and loop.last %}{{- '<think>\n' + m.reasoning_content + "
        "'\n</think>\n<answer>\n' + m.content + '\n</answer>' }}{%- else %}{{- m.content }}"
        "{%- endif %}{{- '<|end|>' }}{%- else %}{{- '<|' + m.role[0] + '|>' + m.content }}"
        "{%- endif %}" + NEXT + "{%- if add_generation_prompt %}{{- '<|a|>' }}{%- endif %}",
        ["<s>", "<|a|>", "<|u|>", "<|s|>", "<|end|>"],
        "<|end|>",
        "<s>{before}<|u|>Q?<|a|>",
        "<|s|>S.<|u|>Q0?<|a|>A0.<|end|>",
        "<think>\n{reasoning}\n</think>\n<answer>\n{conclusion}\n</answer><|end|>",
    ),
    # no thinking is marked
    "none": Family(
        LOOP
        + "{{- '<|' + m.role + '|>' + m.content + '<|end|>' }}"
        + NEXT
        + "{%- if add_generation_prompt %}{{- '<|assistant|>' }}{%- endif %}",
        ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"],
        "<|end|>",
        "{before}<|user|>Q?<|end|><|assistant|>",
        "<|system|>S.<|end|><|user|>Q0?<|end|><|assistant|>A0.<|end|>",
        "{reasoning}\n\n{conclusion}<|end|>",
    ),
}
