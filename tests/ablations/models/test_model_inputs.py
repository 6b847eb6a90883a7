"""Models beside PaSST take the same forms of sound, refuse the same, and do not depend on torch's defaults."""

import numpy as np
import pytest
import torch

from ablations.models import registry


@pytest.mark.usefixtures("_float64_by_default")
@pytest.mark.parametrize("family", ["logmel", "melproj", "cnn_demo@demo", "crepe_tiny"])
def test_integers_defaults_and_scales(family):
    spec = registry.resolve(family)
    try:
        model = registry.build(spec, device="cpu")
    except FileNotFoundError as error:  # the package that has CREPE's weights
        pytest.skip(str(error))
    sound = (np.sin(np.arange(16000) / 20) * 0.3 * 32768).round().astype(np.int16)
    taps = spec.scene_taps()
    wanted = model.scene([torch.from_numpy(sound).float() / 32768], taps)
    found = model.scene([sound], taps)
    assert all(torch.equal(found[tap], wanted[tap]) and wanted[tap].dtype == torch.float32 for tap in taps)
    torch.set_default_dtype(torch.float32)
    again = registry.build(spec, device="cpu")
    assert again.fingerprint == model.fingerprint
    assert all(torch.equal(values, wanted[tap]) for tap, values in again.scene([sound], taps).items())
    for function in (model.scene, lambda clips, _: model.timestamps(clips, spec.timestamp_taps(), 50)):
        with pytest.raises(ValueError, match=r"expected \[-1, 1\]; divide integers"):
            function([torch.from_numpy(sound).float()], taps)
