"""A folder of a tiny Llama as a GGUF file, for llama.cpp."""

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import load_file


def write_gguf(folder: Path, out: Path) -> Path:
    """Weights in float32, a byte-level BPE with GPT-2's way of splitting, and the chat template."""
    config = json.loads((folder / "config.json").read_text())
    state = json.loads((folder / "tokenizer.json").read_text())
    tensors = load_file(folder / "model.safetensors")
    writer = gguf.GGUFWriter(out, "llama")
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(groups)
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    _vocabulary(writer, folder, state, config)
    for name, tensor in tensors.items():
        writer.add_tensor(_name(name), _permuted(name, tensor.astype(np.float32), heads, groups))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out


def _vocabulary(
    writer: gguf.GGUFWriter, folder: Path, state: dict[str, Any], config: dict[str, Any]
) -> None:
    by_id = {number: token for token, number in state["model"]["vocab"].items()}
    added = {token["id"]: token for token in state["added_tokens"]}
    by_id |= {number: token["content"] for number, token in added.items()}
    kinds = [
        gguf.TokenType.NORMAL
        if i not in added
        else gguf.TokenType.CONTROL
        if added[i]["special"]
        else gguf.TokenType.USER_DEFINED
        for i in range(len(by_id))
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([by_id[i] for i in range(len(by_id))])
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in state["model"]["merges"]])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_add_bos_token(False)
    writer.add_chat_template((folder / "chat_template.jinja").read_text())


def _name(name: str) -> str:
    known = {
        "model.embed_tokens.weight": "token_embd.weight",
        "model.norm.weight": "output_norm.weight",
        "lm_head.weight": "output.weight",
    }
    if name in known:
        return known[name]
    _, _, layer, rest = name.split(".", 3)
    part = {
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
    }[rest.removesuffix(".weight")]
    return f"blk.{layer}.{part}.weight"


def _permuted(name: str, tensor: np.ndarray, heads: int, groups: int) -> np.ndarray:
    """Queries and keys as llama.cpp rotates them: neighbours in pairs, not the two halves."""
    n = heads if "q_proj" in name else groups if "k_proj" in name else 0
    if not n:
        return tensor
    rows, width = tensor.shape
    return tensor.reshape(n, 2, rows // n // 2, width).swapaxes(1, 2).reshape(rows, width)
