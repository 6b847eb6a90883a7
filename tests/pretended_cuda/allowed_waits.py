"""Where the project's code may wait for the device, and why. A wait anywhere else fails the tests of this folder."""

from collections.abc import Sequence

from tests.pretended_cuda.device import Wait

BUILT = "once, when a model is loaded or moved"
RESULTS = "results leave the device, all of a call at once"
PREDICTED = "once for each trained probe and split, after training"
STARTED = "once, when a training begins, is resumed or is saved"
EVALUATED = "an evaluation, every so many steps"
ALLOWED = {
    ("passt/windows/transfer.py", "to_host"): RESULTS,
    ("passt/windows/samples.py", "_peaks"): "audio that is on the device already is checked, all clips at once",
    ("passt/hear.py", "get_scene_embeddings"): "HEAR wants embeddings on the device of the model",
    ("passt/hear.py", "get_timestamp_embeddings"): "HEAR wants embeddings on the device of the model",
    ("passt/embedder.py", "PasstEmbedder._place"): BUILT,
    ("passt/network/identity.py", "hash_of"): "once, for the fingerprint of a model",
    ("passt/network/snapshot.py", "Snapshot._sampled"): "was the network changed since the last call?",
    ("ablations/models/baselines/cnn.py", "CnnEmbedder.__init__"): BUILT,
    ("ablations/models/baselines/crepe.py", "CrepeEmbedder.__init__"): BUILT,
    ("ablations/models/baselines/logmel.py", "MelEmbedder.__init__"): BUILT,
    ("ablations/models/baselines/melproj.py", "MelProjectionEmbedder.__init__"): BUILT,
    ("downstream/probes/probe.py", "probe_of"): "once for each probe: its first weights are made on the CPU",
    ("downstream/probes/validation.py", "_Copy.wait"): "results of a validation, all at once, after the next epochs",
    ("downstream/probes/validation.py", "_groups"): "the targets of the validation split, once for each pack",
    ("downstream/probes/pack.py", "_Pack._end"): "the weights of a probe that has ended",
    ("downstream/probes/stacked.py", "StackedProbes._plan"): "when a pack begins, and when probes of it end",
    ("downstream/probes/stacked.py", "StackedProbes.select"): "when probes of a pack end",
    ("downstream/probes/dropout.py", "Masks.select"): "when probes of a pack end",
    ("downstream/probes/fit.py", "logits_of"): PREDICTED,
    ("downstream/probes/fit.py", "_tensor"): PREDICTED,
    ("downstream/probes/fit.py", "_logits"): PREDICTED,
    ("passt/training/train.py", "_Training.__init__"): STARTED,
    ("passt/training/train.py", "_Training.resume"): STARTED,
    ("passt/training/folder/state.py", "State.save"): STARTED,
    ("passt/training/folder/state.py", "write_weights"): STARTED,
    ("passt/training/train.py", "_Training._row"): "the loss of a row of the log",
    ("passt/training/evaluate.py", "evaluate"): EVALUATED,
}
"""(file, function) -> reason."""


def others(waits: Sequence[Wait]) -> list[str]:
    """Name the waits that are not allowed, with file and line, each place once. Waits of the tests don't count."""
    places = {str(wait) for wait in waits if wait.file and (wait.file, wait.function) not in ALLOWED}
    return sorted(places)
