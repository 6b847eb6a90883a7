"""A model against the rules of the HEAR API, each broken by a module that is made for it."""

import sys

import pytest
from click.testing import CliRunner

from ablations.cli import main
from ablations.models.check import FAILED, OK, check_model
from ablations.models.hear_modules.rules import RULES
from tests.ablations.hear_fakes import TORCH

MODULE = """
import torch

class Model(torch.nn.Module):
    sample_rate, scene_embedding_size, timestamp_embedding_size = 16000, 1, 1

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0))

def load_model(path=""):
    return Model()

def get_timestamp_embeddings(audio, model):
    steps = audio.unfold(1, 1600, 1600)
    times = (torch.arange(steps.shape[1]) * 100.0).expand(len(audio), -1)
    return steps.abs().mean(-1, keepdim=True) * model.weight, times

def get_scene_embeddings(audio, model):
    {body}
"""
BROKEN = {
    "the same again": "return torch.rand(len(audio), 1)",
    "alone as in a batch": "return audio.abs().mean(1, keepdim=True) / audio.abs().mean()",
    "input unchanged": "audio *= 0.5; return audio.abs().mean(1, keepdim=True)",
    "finite": "return audio.abs().mean(1, keepdim=True).log()",
    "other lengths": "assert audio.shape[1] > 16000; return audio.abs().mean(1, keepdim=True)",
    "no gradient kept": "with torch.enable_grad(): return audio.abs().mean(1, keepdim=True) * model.weight",
    "scene embeddings": "return audio.abs().mean(1)",
}
"""The rule that the scene embeddings of a module break -> how."""
FAULTS = {
    "irregular": "timestamps in ms",
    "seconds": "timestamps in ms",
    "width": "timestamp embeddings",
    "float16": "timestamp embeddings",
}


def broken(rules):
    return dict(rules[rules["result"] == FAILED][["rule", "seen"]].itertuples(index=False))


def check(*arguments):
    return CliRunner().invoke(main, ["check", *arguments])


@pytest.mark.parametrize("model", ["logmel", "passt_demo@block6", "crepe_tiny@layer5"])
def test_our_models_keep_every_rule(model):
    rules = check_model(model)
    assert list(rules["rule"]) == ["loads", *RULES]
    assert set(rules["result"]) == {OK}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_module_that_breaks_a_rule(hear_module, rule):
    hear_module(MODULE.format(body=BROKEN[rule]))
    seen = broken(check_model("hear:fake_hear"))
    assert rule in seen
    assert "get_scene_embeddings" in seen[rule]


@pytest.mark.parametrize("fault", FAULTS)
def test_timestamps_that_break_a_rule(hear_module, fault):
    hear_module(TORCH)
    assert FAULTS[fault] in broken(check_model(f"hear:fake_hear?fault={fault}"))


def test_the_command_prints_a_table_to_paste(hear_module):
    hear_module(MODULE.format(body="return audio.abs().mean(1, keepdim=True)"))
    good = check("hear:fake_hear")
    assert good.exit_code == 0, good.output
    lines = good.output.splitlines()
    assert lines[0].startswith("| rule                 | result   | seen ")
    assert lines[-1] == f"hear:fake_hear: {len(RULES) + 1} of {len(RULES) + 1} rules hold"
    assert "| alone as in a batch  | ok       | differences up to 0 " in good.output


def test_a_broken_rule_is_an_exit_status(hear_module):
    hear_module(MODULE.format(body=BROKEN["the same again"]))
    bad = check("hear:fake_hear")
    assert bad.exit_code == 1
    assert (
        "| the same again       | FAILED   | get_scene_embeddings returned other embeddings when asked again"
        in bad.output
    )
    absent = check("hear:not_there")
    assert absent.exit_code == 1
    assert "| loads  | FAILED   | hear:not_there: can't be imported: ModuleNotFoundError" in absent.output
    assert "0 of 1 rules hold" in absent.output


def test_a_module_of_another_interpreter(hear_module):
    hear_module(MODULE.format(body="return audio.abs().mean(1, keepdim=True)"))
    assert not broken(check_model("hear:fake_hear", python=sys.executable))


def test_wrong_names_are_one_line():
    for arguments, message in (
        (["logmell"], "unknown checkpoint 'logmell' (did you mean 'logmel'?)"),
        (["logmel", "--python", "python3"], "python is for HEAR modules"),
        (["logmel", "--weights", "no.pt"], "weights: no file at"),
    ):
        result = check(*arguments)
        assert result.exit_code == 1
        assert message in result.output
        assert len(result.output.splitlines()) == 1
