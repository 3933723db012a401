"""The commands behind a report, in order and ready to be pasted."""

import shlex

from cotpress.report.provenance import environment, steps


def config(path, table, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{name} = '{value}'" for name, value in options.items()]
    path.write_text("\n".join(["# again: …", f"[{table}]", *lines]), encoding="utf-8")
    return path


def test_the_chain_is_followed_back_to_the_first_traces_each_command_once(tmp_path):
    at = {name: tmp_path / f"{name}.jsonl" for name in ("traces", "scored", "short", "eval")}
    model = tmp_path / "model"
    made = [
        config(tmp_path / "traces.config.toml", "generate", task="arithmetic", out=at["traces"]),
        config(tmp_path / "scored.config.toml", "score", traces=at["traces"], out=at["scored"]),
        config(tmp_path / "short.config.toml", "compress", scored=at["scored"], out=at["short"]),
        config(tmp_path / "model.config.toml", "train", examples=at["short"], out=model),
        config(tmp_path / "eval.config.toml", "eval", model=f"hf:{model}", out=at["eval"]),
    ]
    found = steps([at["eval"], at["scored"]])
    verbs = ("generate", "score", "compress", "train", "eval")
    assert [shlex.split(step.command) for step in found] == [
        ["cotpress", verb, "--config", str(path)] for verb, path in zip(verbs, made, strict=True)
    ]
    assert [step.options for step in found] == [path.read_text(encoding="utf-8") for path in made]


def test_files_of_a_walk_have_its_one_command(tmp_path):
    path = config(tmp_path / "run one" / "config.toml", "run.tokenskip", task="arithmetic")
    (found,) = steps([path.with_name("eval.jsonl"), path.with_name("scored.jsonl")])
    assert shlex.split(found.command) == ["cotpress", "run", "tokenskip", "--config", str(path)]


def test_without_options_beside_a_file_nothing_is_claimed(tmp_path):
    (tmp_path / "bad.config.toml").write_text("not toml [", encoding="utf-8")
    assert steps([tmp_path / "eval.jsonl", tmp_path / "bad.jsonl"]) == ()


def test_a_file_that_names_itself_ends(tmp_path):
    config(tmp_path / "a.config.toml", "mix", files=tmp_path / "b.jsonl")
    config(tmp_path / "b.config.toml", "mix", files=tmp_path / "a.jsonl")
    assert len(steps([tmp_path / "a.jsonl"])) == 2


def test_the_environment_names_python():
    assert environment().startswith("Python 3.")
